"""Who is due what out of a trade's escrow, and how it has to end, by `docs/protocol.md`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from marketplace.audit.trade import Trade, seats_in
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import Supply
from marketplace.protocol.units import even_split, largest_remainder

DATA_STAGE = 1


class Due(NamedTuple):
    """A payment that is owed: for what, to whom, and how much in wei."""

    purpose: Purpose
    account: str
    amount: int


def stage_of(trade: Trade) -> int:
    """Return the number under which the contract puts a delivery on record now."""
    return DATA_STAGE if trade.standing is State.FUNDED else len(trade.attempts) + 2


def ending(trade: Trade) -> State:
    """Return the final state that a decided trade has to come to."""
    if trade.fell:
        return State.REFUNDED
    if trade.standing is State.REJECTED:
        return State.FAILED
    wanting = trade.request.approval_required and not trade.approved
    return State.REFUNDED if wanting else State.SETTLED


def timed_out(trade: Trade) -> bool:
    """Tell whether the trade ended because the committee fell silent."""
    judged = trade.standing is State.FUNDED and trade.data is not None
    return trade.ended and trade.standing in (State.FUNDED, State.GATED) and not judged


def data_due(trade: Trade) -> list[Due]:
    """Return what providers are due: for accepted datasets, or for those that nobody judged."""
    if trade.data is not None:
        supplies: Iterable[Supply] = trade.accepted if trade.enough_rows else ()
    else:
        supplies = unjudged_supplies(trade) if timed_out(trade) else ()
    return _owed((Purpose.DATA, supply.provider, supply.price) for supply in supplies)


def unjudged_supplies(trade: Trade) -> list[Supply]:
    """Return the supplies whose delivery is on record."""
    delivered = trade.delivered(DATA_STAGE)
    return [supply for supply in trade.supplies if supply.provider in delivered]


def experts_due(trade: Trade) -> list[Due]:
    """Return what experts are due: by the reported division, or for work that nobody judged.

    The silence of an auditor whose approval is needed is not theirs to pay for.
    """
    gate = trade.gate
    if gate is None:
        return []
    unheard = trade.ended and not trade.fell and not trade.attested
    if trade.deciding is not None and (trade.state is State.SETTLED or unheard):
        shares = zip(gate.experts, trade.deciding.finding.amounts, strict=False)
        return _owed((Purpose.EXPERT, expert, amount) for expert, amount in shares)
    return unjudged_shares(trade) if timed_out(trade) else []


def unjudged_experts(trade: Trade) -> set[str]:
    """Return the experts whose delivery of this stage is on record."""
    gate = trade.gate
    return set() if gate is None else trade.delivered(stage_of(trade)) & set(gate.experts)


def unjudged_shares(trade: Trade) -> list[Due]:
    """Return the shares, by the gate's weights, of experts whose delivery is on record."""
    gate, delivered = trade.gate, unjudged_experts(trade)
    if gate is None or trade.acceptance is None or not any(gate.weights):
        return []
    amounts = largest_remainder(trade.acceptance.quote.expert_pool, gate.weights)
    shares = zip(gate.experts, amounts, strict=False)
    return _owed((Purpose.EXPERT, name, wei) for name, wei in shares if name in delivered)


def fees_due(trade: Trade) -> list[Due]:
    """Return what broker, protocol, auditor and oracles are due."""
    if trade.acceptance is None or not trade.ended:
        return []
    quote, request = trade.acceptance.quote, trade.request
    due: list[tuple[Purpose, str, int]] = []
    if trade.state is State.SETTLED:
        due.append((Purpose.BROKER, request.broker, quote.broker_fee))
        due.append((Purpose.PROTOCOL, request.treasury, trade.protocol_fee))
    if trade.decided and trade.attested:
        due.append((Purpose.AUDIT, request.auditor, quote.auditor_fee))
    if trade.decided and not trade.fell:
        due += _oracles_due(trade, quote.oracle_fee)
    too_few_rows = trade.data is not None and not trade.enough_rows
    idle = trade.standing is State.GATED and not unjudged_experts(trade)
    if too_few_rows or idle:
        due += _oracles_due(trade, quote.oracle_fee)
    return _owed(due)


def _oracles_due(trade: Trade, fee: int) -> list[tuple[Purpose, str, int]]:
    """Split the fee among all signers; whose seal of the deciding attempt was faulty goes without.

    The units left over go one each to the first seats.
    """
    seats = seats_in(trade.signers)
    shares = dict(zip(seats, even_split(fee, len(seats)), strict=True)) if seats else {}
    if trade.deciding is not None:
        for seat in faulty_seats(trade):
            shares.pop(seat, None)
    return [
        (Purpose.ORACLE, trade.members[seat], share)
        for seat, share in shares.items()
        if seat < len(trade.members)
    ]


def closed_seats(trade: Trade) -> list[int]:
    """Return the signers of the deciding attempt whose scores are not open."""
    if trade.deciding is None:
        return []
    opened = trade.opened(trade.deciding)
    return [seat for seat in seats_in(trade.deciding.signers) if seat not in opened]


def faulty_seats(trade: Trade) -> list[int]:
    """Return the closed seats, and those whose open score speaks against their own verdict."""
    if trade.deciding is None:
        return []
    attempt, scored = trade.deciding, trade.scored(trade.deciding)
    return [s for s in seats_in(attempt.signers) if scored.get(s) != attempt.voted(s)]


def _owed(due: Iterable[tuple[Purpose, str, int]]) -> list[Due]:
    return [Due(*each) for each in due if each[2]]
