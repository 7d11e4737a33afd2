"""Keeps the events of the audited trades while the log passes by, in a file without a name."""

from __future__ import annotations

import json
import tempfile
import weakref
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from marketplace.audit.abi import Event, Interface
from marketplace.audit.blocks import Log


class Journal:
    """The events of some trades, or of all and what was withdrawn, in the order of the log.

    Parameters
    ----------
    wanted
        Ids of the trades; all if None.
    contracts
        Interface by checksummed address, to decode a log again when its trade is told.
    """

    def __init__(
        self, wanted: Collection[bytes] | None, contracts: Mapping[str, Interface]
    ) -> None:
        self._wanted = wanted
        self._contracts = contracts
        self._places: defaultdict[bytes, array[int]] = defaultdict(lambda: array("Q"))
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the journal is
        weakref.finalize(self, self._file.close)
        self._end = 0

    def noting(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield all events as they come, and keep those of the trades."""
        for event in events:
            trade = _OF_NO_TRADE if event.name in _WITHDRAWN else event.trade
            if trade is not None and (self._wanted is None or trade in self._wanted):
                self._places[trade].append(self._end)
                self._end += self._file.write(_line(event))
            yield event

    def withdrawn(self) -> list[Event]:
        """Return the withdrawals; none, if only some trades are wanted: credits are of accounts."""
        return self.events(_OF_NO_TRADE)

    def events(self, trade: bytes) -> list[Event]:
        """Return the events of a trade."""
        found = []
        for place in self._places.get(trade, ()):
            self._file.seek(place)
            log, timestamp = _read(self._file.readline())
            found.append(self._contracts[log.address].event(log, timestamp))
        return found


_WITHDRAWN = ("Withdrawn", "CreditWithdrawn")
_OF_NO_TRADE = b""


def _line(event: Event) -> bytes:
    log = event.log
    known = [
        *(event.timestamp, log.block, log.index, log.address),
        *(content.hex() for content in (log.block_hash, log.transaction, log.data, *log.topics)),
    ]
    return json.dumps(known).encode() + b"\n"


def _read(line: bytes) -> tuple[Log, int]:
    timestamp, block, index, address, *words = json.loads(line)
    block_hash, transaction, data, *topics = map(bytes.fromhex, words)
    return Log(address, tuple(topics), data, block, block_hash, transaction, index), timestamp
