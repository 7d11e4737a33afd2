"""Methods that search logs, and filters that a client polls."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from eth.abc import BlockHeaderAPI

from marketplace.chain.devnet.backend import DevnetBackend
from marketplace.chain.devnet.block_lookup import require_header
from marketplace.chain.devnet.encoding import data, log_objects, quantity
from marketplace.chain.devnet.json_types import Json
from marketplace.chain.devnet.log_filter import LogFilter, log_filter_of, may_contain
from marketplace.chain.devnet.methods import Method
from marketplace.chain.devnet.params import BlockId, block_id_of, hash_of, object_of, quantity_of
from marketplace.chain.devnet.rpc_errors import invalid_params, not_found

_MAX_POLLS = 1024


@dataclass
class _Poll:
    """A filter that a client asks again and again.

    Attributes
    ----------
    criteria
        Filter object for logs, or None for a filter of new blocks.
    next_block
        Height of the first block that has not been reported.
    """

    criteria: dict[str, object] | None
    next_block: int


class LogMethods:
    """Searches receipts block by block, skipping those whose bloom rules them out."""

    def __init__(self, backend: DevnetBackend) -> None:
        self._backend = backend
        self._polls: dict[int, _Poll] = {}
        self._poll_ids = itertools.count(1)

    def table(self) -> dict[str, Method]:
        """Return the methods by name."""
        return {
            "eth_getLogs": self.get_logs,
            "eth_newFilter": self.new_filter,
            "eth_newBlockFilter": self.new_block_filter,
            "eth_getFilterChanges": self.get_filter_changes,
            "eth_getFilterLogs": self.get_filter_logs,
            "eth_uninstallFilter": self.uninstall_filter,
        }

    def get_logs(self, criteria: object) -> Json:
        """Return the logs that match a filter object, oldest first."""
        given = object_of(criteria, "filter")
        wanted = log_filter_of(given)
        if given.get("blockHash") is None:
            return self._search(wanted, *self._block_range(given))
        if given.get("fromBlock") is not None or given.get("toBlock") is not None:
            raise invalid_params("blockHash can't be combined with fromBlock or toBlock")
        block = BlockId(hash=hash_of(given["blockHash"], "blockHash"))
        return list(self._matching(wanted, require_header(self._backend, block)))

    # ----------------------------------------------------------------- filters

    def new_filter(self, criteria: object) -> Json:
        """Start a filter of logs in blocks to come; return its id."""
        given = object_of(criteria, "filter")
        log_filter_of(given)
        if given.get("blockHash") is not None:
            raise invalid_params("blockHash: a filter looks at blocks to come")
        self._block_range(given)
        return self._start_poll(given)

    def new_block_filter(self) -> Json:
        """Start a filter of the hashes of new blocks; return its id."""
        return self._start_poll(None)

    def get_filter_changes(self, filter_id: object) -> Json:
        """Return what is new since the last time this was asked."""
        poll = self._poll(filter_id)
        head = self._backend.head.block_number
        # A reverted chain is shorter: what is sealed from there on is new again.
        first, poll.next_block = min(poll.next_block, head + 1), head + 1
        if poll.criteria is None:
            return [data(header.hash) for header in self._headers(first, head)]
        start, end = self._block_range(poll.criteria | {"fromBlock": first})
        return self._search(log_filter_of(poll.criteria), start, end)

    def get_filter_logs(self, filter_id: object) -> Json:
        """Return all logs that match a filter, old ones too."""
        poll = self._poll(filter_id)
        if poll.criteria is None:
            raise invalid_params("this filter is for blocks, and has no logs")
        return self.get_logs(poll.criteria)

    def uninstall_filter(self, filter_id: object) -> Json:
        """Forget a filter; return whether there was one."""
        return self._polls.pop(quantity_of(filter_id, "filter id"), None) is not None

    def _start_poll(self, criteria: dict[str, object] | None) -> Json:
        if len(self._polls) >= _MAX_POLLS:
            self._polls.pop(next(iter(self._polls)))
        poll_id = next(self._poll_ids)
        self._polls[poll_id] = _Poll(criteria, self._backend.head.block_number + 1)
        return quantity(poll_id)

    def _poll(self, filter_id: object) -> _Poll:
        poll = self._polls.get(quantity_of(filter_id, "filter id"))
        if poll is None:
            raise not_found("filter not found")
        return poll

    # ------------------------------------------------------------------ search

    def _block_range(self, criteria: dict[str, object]) -> tuple[int, int]:
        """Return the first and the last height of a filter object; the head by default."""
        first = self._height(criteria.get("fromBlock"), "fromBlock")
        last = self._height(criteria.get("toBlock"), "toBlock")
        return first, min(last, self._backend.head.block_number)

    def _height(self, value: object, name: str) -> int:
        block = block_id_of("latest" if value is None else value, name)
        if block.hash is not None:
            raise invalid_params(f"{name}: expected a number or a tag")
        if block.number is not None:
            return block.number
        return require_header(self._backend, block).block_number

    def _search(self, wanted: LogFilter, first: int, last: int) -> Json:
        masks = wanted.bloom_masks()
        return [
            log
            for header in self._headers(first, last)
            if may_contain(header.bloom, masks)
            for log in self._matching(wanted, header)
        ]

    def _headers(self, first: int, last: int) -> Iterator[BlockHeaderAPI]:
        for number in range(first, last + 1):
            header = self._backend.header_by_number(number)
            if header is not None:
                yield header

    def _matching(self, wanted: LogFilter, header: BlockHeaderAPI) -> Iterator[Json]:
        if not header.bloom:
            return
        receipts = self._backend.receipts(header)
        logs = (log for receipt in receipts for log in receipt.logs)
        encoded = log_objects(header, self._backend.transaction_hashes(header), receipts)
        for log, shown in zip(logs, encoded, strict=True):
            if wanted.matches(log):
                yield shown
