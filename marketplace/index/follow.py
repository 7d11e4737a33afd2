"""Follows a chain into an index, forwards and back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from marketplace.chain.client import Node
from marketplace.chain.headers import (
    BLOCKS_AT_ONCE,
    REORGANISED_BLOCKS,
    Header,
    first_with_code,
    header,
    logs_between,
    logs_of,
)
from marketplace.index.contracts import Contracts
from marketplace.index.store import Cursor, Index
from marketplace.protocol.errors import ChainError, NodeUnreachable, ReorganisedTooDeep

Progress = Callable[[str], None]


_LOOKS = 20
"""So often may the chain change its mind while it is read."""


def _in_silence(message: str) -> None:
    pass


class ChainMoved(Exception):
    """The chain changed its mind while it was read; look again."""


class Follower:
    """Brings the index of one market to the head of its chain.

    Parameters
    ----------
    node, market
        Where the log is read.
    progress
        Told of what takes long, and of blocks that were replaced.

    Raises
    ------
    ConfigurationError
        If the index is of another market.
    NoContract
        If there is no market at that address.
    """

    def __init__(
        self, node: Node, market: str, index: Index, progress: Progress = _in_silence
    ) -> None:
        self._node = node
        self._index = index
        self._progress = progress
        self._at_once = BLOCKS_AT_ONCE
        self._contracts = Contracts(node, market)
        self._cursor = index.begin(node.chain_id, self._contracts.market)

    def look(self) -> Cursor:
        """Read what is new, until the index is at the head.

        Raises
        ------
        ReorganisedTooDeep
            If more blocks were replaced than can be undone.
        ChainError, NodeUnreachable
            If the node does not answer, contradicts itself, or left out a part of the log.
        """
        for _ in range(_LOOKS):
            self._cursor = self._on_this_chain()
            try:
                self._go_on()
            except ChainMoved:
                continue
            return self._cursor
        raise ChainError(
            f"the node told of another chain {_LOOKS} times while it was read",
            "ask one node, not several that are not in step",
        )

    # ----------------------------------------------------------------- forwards

    def _go_on(self) -> None:
        if self._cursor.block < 0:
            self._skip_what_was_before()
        while self._cursor.block < (head := self._head()).number:
            settled = head.number - REORGANISED_BLOCKS - 1
            if self._cursor.block < settled:
                first = self._cursor.block + 1
                self._take_range(first, min(first + self._at_once - 1, settled))
                self._progress(f"block {self._cursor.block} of {head.number}")
            else:
                self._take_block(self._existing(self._cursor.block + 1))

    def _skip_what_was_before(self) -> None:
        """Begin just before the first of the contracts was made, if that is long ago."""
        head = self._head().number
        before = first_with_code(self._node, self._contracts.addresses, head) - 1
        if 0 <= before < head - REORGANISED_BLOCKS:
            self._progress(f"the contracts were made in block {before + 1}")
            self._apply(self._existing(before), [])

    def _take_range(self, first: int, last: int) -> None:
        """Take blocks so far below the head that it is enough to look at those with logs."""
        end = self._existing(last)
        try:
            logs = logs_between(self._node, self._contracts.addresses, first, last)
        except NodeUnreachable:
            raise
        except ChainError:  # nodes limit the blocks or the logs, each in its own words
            if first == last:
                raise
            self._at_once = (last - first + 1) // 2
            return
        if self._existing(last) != end:
            raise ChainMoved
        logs.sort(key=lambda log: (log["blockNumber"], log["logIndex"]))
        for number, group in groupby(logs, key=lambda log: int(log["blockNumber"])):
            self._apply(self._existing(number), list(group))
        if self._cursor.block < last:
            self._apply(end, [])

    def _take_block(self, block: Header) -> None:
        if block.parent != self._cursor.hash:
            raise ChainMoved
        try:
            logs = logs_of(self._node, self._contracts.addresses, block)
        except NodeUnreachable:
            raise
        except ChainError:
            if header(self._node, block.number) != block:
                raise ChainMoved from None
            raise
        self._apply(block, logs)

    def _apply(self, block: Header, logs: list[Any]) -> None:
        events = []
        for log in logs:
            if "0x" + bytes(log["blockHash"]).hex() != block.hash:
                raise ChainMoved
            events.append(self._contracts.decode(log, block.timestamp))
        self._cursor = self._index.apply(self._cursor, block, events)

    # ---------------------------------------------------------------- backwards

    def _on_this_chain(self) -> Cursor:
        """Go back to the newest block that is still in the chain."""
        cursor = self._cursor
        known = self._index.known()
        for number, block_hash in known:
            found = header(self._node, number) if number >= 0 else None
            if number < 0 or (found is not None and found.hash == block_hash):
                if number == cursor.block:
                    return cursor
                self._progress(f"blocks {number + 1} to {cursor.block} were replaced")
                return self._index.go_back(cursor, number, block_hash)
        raise ReorganisedTooDeep(
            f"the chain replaced more than the {REORGANISED_BLOCKS} blocks up to"
            f" {cursor.block} that an index can undo",
            "check that the node is on the right chain, then run `moemarket index rebuild`",
        )

    def _head(self) -> Header:
        return self._existing(None)

    def _existing(self, number: int | None) -> Header:
        found = header(self._node, number)
        if found is None:
            raise ChainMoved
        return found
