"""Keeps the events of the audited trades while the log passes by, in a file without a name.

What is taken from stakes names no trade; the ruling or the penalty that follows in the same
transaction does, so it is kept with that one's trade.
"""

from __future__ import annotations

import json
import tempfile
import weakref
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from marketplace.audit.abi import Event, Interface
from marketplace.audit.blocks import Log
from marketplace.audit.postings import BESIDE_TRADES


class Journal:
    """The events of some trades, or of all and what moved beside them, in the order of the log.

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
        taken: list[Event] = []  # from stakes, for a trade that is named next
        self._file.seek(self._end)  # it may have been read from
        for event in events:
            if taken and taken[0].log.transaction != event.log.transaction:
                self._keep(_OF_NO_TRADE, taken)
            if event.trade is not None:
                if "slashed" in event.values:
                    self._keep(event.trade, taken)
                self._keep(event.trade, [event])
            elif event.name == "Slashed":
                taken.append(event)
            elif event.name in BESIDE_TRADES:
                self._keep(_OF_NO_TRADE, [event])
            yield event
        self._keep(_OF_NO_TRADE, taken)

    def beside(self) -> list[Event]:
        """Return what moved beside the trades; nothing, if only some trades are wanted."""
        return sorted(self.events(_OF_NO_TRADE), key=lambda e: (e.log.block, e.log.index))

    def _keep(self, trade: bytes, events: list[Event]) -> None:
        if self._wanted is None or trade in self._wanted:
            for event in events:
                self._places[trade].append(self._end)
                self._end += self._file.write(_line(event))
        events.clear()

    def events(self, trade: bytes) -> list[Event]:
        """Return the events of a trade."""
        found = []
        for place in self._places.get(trade, ()):
            self._file.seek(place)
            log, timestamp = _read(self._file.readline())
            found.append(self._contracts[log.address].event(log, timestamp))
        return found


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
