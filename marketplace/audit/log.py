"""Reads a market's log block by block, out of receipts that the headers commit to.

No answer of `eth_getLogs` is believed; it is compared with what was read. Of the blocks only
those are opened whose bloom, a part of the hashed header, admits a log by one of the contracts;
their transactions are held against the header, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from eth_utils.address import to_canonical_address

from marketplace.audit.abi import Event, Interface
from marketplace.audit.blocks import Block, Log, Receipt, bloom_mask, bloom_of, receipts_root
from marketplace.audit.report import shown
from marketplace.audit.rpc import Rpc
from marketplace.audit.transactions import Transaction
from marketplace.audit.trie import list_root
from marketplace.protocol.errors import NodeRefused

MAX_FAULTS = 20
"""Sentences that are kept of each kind: a chain of lies must not fill the memory."""

_WINDOW = 500  # blocks whose logs eth_getLogs is asked for at once


@dataclass
class Reading:
    """What came up while a log was read.

    Attributes
    ----------
    header_faults, receipt_faults, transaction_faults, served_faults, unreadable
        Sentences: what doesn't hash or link; receipts and transactions that the header doesn't
        name; where `eth_getLogs` says something else; logs that are no event.
    strange
        Types of transactions, of which no block's root was recomputed.
    blocks, opened, events
        How many were read, whose receipts were fetched, and how many events they held.
    refusal
        Why `eth_getLogs` could not be compared; None if it was.
    parent, head
        The hash that the first header names as its parent's, and that of the last header,
        recomputed; None if there was no such block.
    """

    header_faults: list[str] = field(default_factory=list)
    receipt_faults: list[str] = field(default_factory=list)
    transaction_faults: list[str] = field(default_factory=list)
    strange: set[int] = field(default_factory=set)
    served_faults: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    blocks: int = 0
    opened: int = 0
    events: int = 0
    refusal: str | None = None
    parent: bytes | None = None
    head: bytes | None = None


class LogReader:
    """Reads everything that some contracts logged in a range of blocks.

    Parameters
    ----------
    contracts
        Interface by checksummed address.
    first, last
        Heights, both included.

    Attributes
    ----------
    last
        May be set to a later one: `events` goes on behind what was read.
    reading
        What came up so far; complete when the last event has been read.
    """

    def __init__(self, rpc: Rpc, contracts: Mapping[str, Interface], first: int, last: int) -> None:
        self.reading = Reading()
        self._rpc = rpc
        self._contracts = contracts
        self.last = last
        self._first = self._next = first
        self._before: Block | None = None
        self._masks = [bloom_mask(to_canonical_address(address)) for address in contracts]

    def events(self) -> Iterator[Event]:
        """Yield the events in the order of the chain; what is at fault is noted, and believed."""
        while self._next <= self.last:
            first, last = self._next, min(self._next + _WINDOW - 1, self.last)
            window: list[Log] = []
            for number in range(first, last + 1):
                block = self._rpc.block(number)
                if block is None:
                    note(self.reading.header_faults, f"the node has no block {number}")
                else:
                    self._check_header(number, block, self._before)
                    logs = self._logs(block)
                    window += logs
                    yield from self._decoded(block, logs)
                self._before = block
            self._compare(window, first, last)
            self._next = last + 1
        self.reading.head = None if self._before is None else self._before.recomputed

    def _check_header(self, number: int, block: Block, before: Block | None) -> None:
        faults = self.reading.header_faults
        self.reading.blocks += 1
        if number == self._first:
            self.reading.parent = block.parent
        if block.number != number:
            note(faults, f"asked for block {number}, the node gives block {block.number}")
        if block.recomputed != block.hash:
            note(
                faults,
                f"block {number} hashes to {shown(block.recomputed)}, and the node says"
                f" {shown(block.hash)}",
            )
        expected = before.recomputed if before is not None else bytes(32) if number == 0 else None
        if expected is not None and block.parent != expected:
            note(
                faults,
                f"block {number} follows {shown(block.parent)}, and block {number - 1} is"
                f" {shown(expected)}",
            )

    # ---------------------------------------------------------------------- receipts

    def _logs(self, block: Block) -> list[Log]:
        """Return the contracts' logs in a block, after a look at all its receipts."""
        if not block.may_hold(self._masks):
            return []
        self.reading.opened += 1
        receipts = self._rpc.receipts(block)
        if receipts is None:
            note(self.reading.receipt_faults, f"the node lacks receipts of block {block.number}")
            return []
        for fault in _receipt_faults(block, receipts):
            note(self.reading.receipt_faults, fault)
        self._check_transactions(block, receipts)
        return [log for r in receipts for log in r.logs if log.address in self._contracts]

    def _check_transactions(self, block: Block, receipts: Sequence[Receipt]) -> None:
        """Hold a block's transactions against its header; nobody looks at their senders here.

        Where no root can be recomputed, their types are held against those of the receipts, of
        which the header names the root.
        """
        found = self._rpc.transactions(block)
        if found is None:
            note(self.reading.transaction_faults, f"the node lacks block {block.number} in full")
            return
        strange = {sent.kind for sent in found if sent.encoded is None}
        self.reading.strange |= strange
        faults = (
            _type_faults(block, found, receipts) if strange else transaction_faults(block, found)
        )
        for fault in faults:
            note(self.reading.transaction_faults, fault)

    def _decoded(self, block: Block, logs: Sequence[Log]) -> Iterator[Event]:
        for log in logs:
            try:
                event = self._contracts[log.address].event(log, block.timestamp)
            except ValueError as error:
                note(self.reading.unreadable, f"{log.place} is unreadable: {error}")
            else:
                self.reading.events += 1
                yield event

    # ------------------------------------------------------------------- eth_getLogs

    def _compare(self, read: Sequence[Log], first: int, last: int) -> None:
        """Hold the logs of a range of blocks against eth_getLogs."""
        if self.reading.refusal is not None:
            return
        try:
            served = self._rpc.logs(list(self._contracts), first, last)
        except NodeRefused as refusal:
            self.reading.refusal = refusal.cause
            return
        if served == list(read):
            return
        faults = self.reading.served_faults
        for log in read:
            if log not in served:
                note(faults, f"eth_getLogs lacks {log.place} as the receipts have it")
        for log in served:
            if log not in read:
                note(faults, f"eth_getLogs gives {log.place}, which the receipts don't have so")
        if not faults:
            note(faults, f"eth_getLogs gives blocks {first} to {last} in another order, or twice")


def note(faults: list[str], sentence: str) -> None:
    """Keep a sentence, unless there are many already."""
    if len(faults) < MAX_FAULTS:
        faults.append(sentence)


def transaction_faults(
    block: Block, transactions: Sequence[Transaction], paying: Sequence[Transaction] = ()
) -> Iterator[str]:
    """Name where transactions of known types are not those of a block.

    Parameters
    ----------
    paying
        Those whose sender is held against the signature, which costs more than all the rest.
    """
    root = list_root([sent.encoded or b"" for sent in transactions])
    if root != block.transactions_root:
        yield (
            f"the transactions of block {block.number} have the root {shown(root)}, and its header"
            f" names {shown(block.transactions_root)}"
        )
    hashes = tuple(sent.recomputed for sent in transactions)
    if hashes != block.transactions:
        yield f"the transactions of block {block.number} don't have the hashes that the node says"
    for sent in paying:
        if sent.signer != sent.sender:
            yield (
                f"transaction {shown(sent.hash)} in block {block.number} is signed by"
                f" {sent.signer}, and the node says that {sent.sender} sent it"
            )


def _type_faults(
    block: Block, transactions: Sequence[Transaction], receipts: Sequence[Receipt]
) -> Iterator[str]:
    """Name where transactions, some of types that are not known here, are not those of receipts."""
    if tuple(sent.recomputed or sent.hash for sent in transactions) != block.transactions:
        yield f"the transactions of block {block.number} don't have the hashes that the node says"
    for sent, receipt in zip(transactions, receipts, strict=False):
        if sent.kind != receipt.kind:
            yield (
                f"transaction {shown(sent.hash)} in block {block.number} is, by the node's word, of"
                f" type {sent.kind}, and its receipt is of type {receipt.kind}"
            )


def _receipt_faults(block: Block, receipts: Sequence[Receipt]) -> Iterator[str]:
    root = receipts_root(receipts)
    if root != block.receipts_root:
        yield (
            f"the receipts of block {block.number} have the root {shown(root)}, and its header"
            f" names {shown(block.receipts_root)}"
        )
    if bloom_of(receipts) != block.bloom:
        yield f"the bloom of block {block.number} is not that of its logs"
    if tuple(receipt.transaction for receipt in receipts) != block.transactions:
        yield f"the receipts of block {block.number} are not of its transactions"
    index = 0
    for receipt in receipts:
        for log in receipt.logs:
            told = (log.block, log.block_hash, log.transaction, log.index)
            if told != (block.number, block.hash, receipt.transaction, index):
                yield f"log {index} of block {block.number} is told as {log.place} of another"
            index += 1
