"""Collects the openings of sealed scores: each is checked here, as the contracts check it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from marketplace.chain.market import ReportedAttempt
from marketplace.protocol.agreement import seats_in
from marketplace.protocol.errors import MarketError, TradeRefused
from marketplace.protocol.ids import score_seal
from marketplace.protocol.terms import AttemptRecord, Opening
from offchain.oracle.case import Case
from offchain.oracle.seat import Seat

CLOSED = Opening(0, bytes(32))
"""What stands for a score that its signer keeps sealed."""


def collect_openings(
    case: Case,
    attempt: ReportedAttempt,
    seats: Sequence[Seat],
    progress: Callable[[str], None],
) -> dict[int, Opening]:
    """Ask an attempt's signers to reveal their scores.

    One that is out of reach, or reveals something else than it sealed, stays closed.

    Parameters
    ----------
    seats
        Those in reach.
    progress
        Called with one line for each signer that does not open.

    Returns
    -------
    dict of int to Opening
        By seat, ascending.
    """
    reachable = {seat.address: seat for seat in seats}
    opened: dict[int, Opening] = {}
    for number, seal in zip(seats_in(attempt.record.signers), attempt.record.seals, strict=True):
        address = case.members[number]
        try:
            opened[number] = _opening(case, attempt, seal, reachable.get(address))
        except MarketError as error:
            progress(f"{address} does not open its score: {error.cause}")
    return opened


def in_seat_order(record: AttemptRecord, opened: Mapping[int, Opening]) -> list[Opening]:
    """Return one opening for each signer of a record, closed where none is given."""
    return [opened.get(seat, CLOSED) for seat in seats_in(record.signers)]


def bears_out(case: Case, attempt: ReportedAttempt, seat: int, opening: Opening) -> bool:
    """Whether a score is on the side of the threshold that its signer's verdict says."""
    passed = bool(attempt.record.verdicts >> seat & 1)
    return (opening.score >= case.request.threshold) == passed


def _opening(case: Case, attempt: ReportedAttempt, seal: bytes, seat: Seat | None) -> Opening:
    if seat is None:
        raise TradeRefused("it is out of reach", "open its score later")
    found = seat.opening(case.trade_id, attempt)
    remade = score_seal(case.trade_id, attempt.number, seat.address, found.score, found.salt)
    if remade != seal:
        raise TradeRefused("what it reveals is not what it sealed", "ask it again")
    return found
