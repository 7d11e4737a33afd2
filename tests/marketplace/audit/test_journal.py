"""Which events are kept for which trade, while a log passes by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from telling import CONTRACT, told

from marketplace.audit.abi import Event
from marketplace.audit.reporting.journal import Journal

ONE, TWO = b"one", b"two"


class Reading:
    """Reads a log's name from its data, as an interface would from its topics."""

    def event(self, log: Any, timestamp: int) -> Event:
        return Event(log.data.decode(), {}, log, timestamp)


class Log:
    """Events in order, and what is kept of them."""

    def __init__(self, wanted: Collection[bytes] | None = None) -> None:
        interface: Any = Reading()
        self.journal = Journal(wanted, {CONTRACT: interface})
        self._index = 0

    def take(self, *events: tuple[str, str, dict[str, Any]]) -> None:
        """Take events, each told by name, transaction and values."""
        given = list(map(self._event, events))
        assert list(self.journal.noting(given)) == given

    def _event(self, told_as: tuple[str, str, dict[str, Any]]) -> Event:
        name, transaction, values = told_as
        self._index += 1
        event = told(name, self._index, **values)
        log = replace(event.log, data=name.encode(), index=self._index)
        return replace(event, log=replace(log, transaction=transaction.encode().ljust(32, b"\0")))

    def kept(self, trade: bytes) -> list[str]:
        return [event.name for event in self.journal.events(trade)]

    def beside(self) -> list[str]:
        return [event.name for event in self.journal.beside()]


def of(trade: bytes, **values: Any) -> dict[str, Any]:
    return {"tradeId": trade, **values}


@pytest.fixture
def log() -> Log:
    return Log()


def test_each_trade_has_its_events(log: Log) -> None:
    log.take(
        ("ModelRequested", "a", of(ONE)),
        ("ModelRequested", "b", of(TWO)),
        ("Paused", "c", {}),
        ("Staked", "d", {}),
        ("TradeEnded", "e", of(ONE)),
    )
    assert log.kept(ONE) == ["ModelRequested", "TradeEnded"]
    assert log.kept(TWO) == ["ModelRequested"]
    assert log.beside() == ["Staked"]
    assert log.kept(b"another") == []


def test_an_event_is_read_back_as_it_was(log: Log) -> None:
    log.take(("ModelRequested", "a", of(ONE)))
    (event,) = log.journal.events(ONE)
    assert (event.timestamp, event.log.index, event.log.block) == (1, 1, 1)
    assert (event.log.address, event.log.transaction[:2]) == (CONTRACT, b"a\0")


def test_what_is_taken_from_stakes_is_of_the_trade_that_follows(log: Log) -> None:
    log.take(
        ("Slashed", "a", {}),
        ("Slashed", "a", {}),
        ("Awarded", "a", of(ONE)),
        ("VerdictOverturned", "a", of(ONE, slashed=2)),
        ("TradeEnded", "a", of(ONE)),
    )
    assert log.kept(ONE) == ["Awarded", "Slashed", "Slashed", "VerdictOverturned", "TradeEnded"]
    assert log.beside() == []


def test_what_is_taken_from_stakes_without_a_trade_is_beside(log: Log) -> None:
    log.take(
        ("Slashed", "a", {}),
        ("SilencePenalised", "b", of(ONE, slashed=1)),
        ("Slashed", "c", {}),
        ("Staked", "c", {}),
        ("Withdrawn", "d", {}),
    )
    assert log.kept(ONE) == ["SilencePenalised"]
    assert log.beside() == ["Slashed", "Slashed", "Staked", "Withdrawn"]


def test_what_is_taken_at_the_end_is_beside(log: Log) -> None:
    log.take(("Slashed", "a", {}))
    assert log.beside() == ["Slashed"]
    log.take(("SilencePenalised", "a", of(ONE, slashed=1)), ("Slashed", "b", {}))
    assert log.beside() == ["Slashed", "Slashed"]
    assert log.kept(ONE) == ["SilencePenalised"]


@pytest.mark.parametrize("wanted", [[ONE], []])
def test_only_what_is_wanted_is_kept(wanted: list[bytes]) -> None:
    log = Log(wanted)
    log.take(
        ("ModelRequested", "a", of(ONE)),
        ("ModelRequested", "b", of(TWO)),
        ("Slashed", "c", {}),
        ("SilencePenalised", "c", of(TWO, slashed=1)),
        ("Staked", "d", {}),
    )
    assert log.kept(ONE) == ["ModelRequested"] * len(wanted)
    assert log.kept(TWO) == []
    assert log.beside() == []
