"""What is due in a trade for one seat, by the chain's state alone, and whose turn it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from marketplace.chain.market import Market, Status
from marketplace.protocol.agreement import seats_in
from marketplace.protocol.states import State
from marketplace.protocol.terms import Committee

REPORT_DATA, REPORT_ATTEMPT = "reportData", "reportAttempt"
PUBLISH, OPEN_OWN = "publish", "openDecidingScores"
SETTLE, OPEN_FAILED = "settle", "openScores"


@dataclass(frozen=True)
class Duty:
    """One step that is due.

    Attributes
    ----------
    name
        The function that its transaction calls, with the attempt where there may be several.
    by_turn
        Whether one seat's doing is enough, so that the others give it time.
    """

    name: str
    by_turn: bool


def duties_of(
    status: Status, now: int, *, delivered: bool, unopened: bool, sealed: bool
) -> list[Duty]:
    """Return what is due, in the order in which it is to be done.

    Parameters
    ----------
    status, now
        As the latest block has them.
    delivered
        Whether every provider's delivery is here.
    unopened
        Whether this seat's score of the deciding attempt is sealed on chain.
    sealed
        Whether one of its scores of earlier attempts is.
    """
    if status.state == State.FUNDED:
        collected = delivered or now > status.deadline - status.windows.judging
        return _if(collected and now <= status.deadline, Duty(REPORT_DATA, True))
    if status.state == State.GATED:
        name = f"{REPORT_ATTEMPT} {status.attempts + 1}"
        return _if(now <= status.deadline, Duty(name, True))
    if status.state < State.PASSED:
        return []
    due = _if(status.attempts > 0, Duty(PUBLISH, False))
    if status.state in (State.PASSED, State.REJECTED):
        until = status.deadline + status.windows.settlement
        late = status.deadline + status.windows.settlement // 2 < now <= until
        due += _if(now > status.deadline, Duty(SETTLE, True))
        due += _if(late and unopened, Duty(OPEN_OWN, False))
    in_time = status.state.final and now <= status.deadline
    by_turn = now <= status.deadline - status.windows.settlement // 2
    return due + _if(in_time and sealed, Duty(OPEN_FAILED, by_turn))


def place_in_turn(members: Sequence[str], address: str, trade_id: bytes, name: str) -> int:
    """Return how many members come before a seat in the turn for a step, 0 and up.

    The turn starts elsewhere for each trade and step, so that leading, which costs gas and
    work, is shared, and the gate and the attempts have different leaders.
    """
    start = int.from_bytes(trade_id[:4], "big") + sum(name.encode())
    return (members.index(address) - start) % len(members)


def own_seal_closed(market: Market, committee: Committee, trade_id: bytes, address: str) -> bool:
    """Whether a seat signed the deciding attempt and its score is not open on chain."""
    attempt = market.agreement(trade_id).last_attempt
    opened = 0
    for event in market.log(trade_id):
        if event["event"] == "ScoresOpened" and event["args"]["attempt"] == attempt.number:
            opened |= int(event["args"]["opened"])
    return committee.members.index(address) in seats_in(attempt.record.signers & ~opened)


def own_earlier_seals_closed(
    market: Market, committee: Committee, trade_id: bytes, address: str
) -> bool:
    """Whether a seat's score of an attempt that decided nothing is neither open nor lost."""
    settled = market.challenges.functions.settledSeals
    own = 1 << committee.members.index(address)
    return any(
        own & attempt.record.signers
        and not own & int(market.node.call(settled(trade_id, attempt.number)))
        for attempt in market.agreement(trade_id).earlier_attempts
    )


def earlier_signers(market: Market, committee: Committee, trade_id: bytes) -> list[str]:
    """Return the members that signed attempts that decided nothing; they open their scores."""
    signed = 0
    for attempt in market.agreement(trade_id).earlier_attempts:
        signed |= attempt.record.signers
    return [committee.members[seat] for seat in seats_in(signed)]


def _if(holds: bool, duty: Duty) -> list[Duty]:
    return [duty] if holds else []


def still_due(step: str, duties: Iterable[Duty]) -> bool:
    """Whether a transaction's step is among the duties; failed scores are opened one by one."""
    names = {duty.name for duty in duties}
    return step in names or step.partition(" ")[0] in names
