"""What follows of a trade from what the log says of it: its roles, its attempts, who is due what.

An honest trade is put by hand where it could have come to; sums are worked out here anew.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from marketplace.audit.dues import Due, ending, experts_due, fees_due, stage_of, timed_out
from marketplace.audit.records import Attested, Delivered, ReportedAttempt, Ruled
from marketplace.audit.trade import Trade
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import NOBODY

FINAL = [state for state in State if state.final]
UNJUDGED = (State.FUNDED, State.GATED)


def put(trade: Trade, state: State, ended_from: State | None = None, **changes: Any) -> Trade:
    """Put a trade in a state, with the attempts that it has there if nothing else is said."""
    standing = ended_from or state
    attempts = {
        State.REQUESTED: [],
        State.FUNDED: [],
        State.GATED: trade.attempts[:1],
        State.REJECTED: [trade.attempts[0], failed(trade)],
    }
    early = {"data": None} if standing <= State.FUNDED else {}
    early |= {"acceptance": None} if standing is State.REQUESTED else {}
    usual = {**early, "attempts": attempts.get(standing, trade.attempts)}
    return replace(trade, state=state, ended_from=ended_from, **{**usual, **changes})


def failed(trade: Trade) -> ReportedAttempt:
    return replace(trade.attempts[0], number=2)


# --------------------------------------------------------------------------- roles


def test_the_roles_that_are_filled(honest: Trade) -> None:
    request = honest.request
    assert honest.data is not None
    assert honest.roles == {
        "buyer": (request.buyer,),
        "broker": (request.broker,),
        "auditor": (request.auditor,),
        "provider": tuple(supply.provider for supply in honest.supplies),
        "expert": honest.data.finding.experts,
        "judge": honest.members,
    }
    assert all(len(accounts) for accounts in honest.roles.values())
    without = replace(honest, request=replace(request, auditor=NOBODY))
    assert without.roles == {**honest.roles, "auditor": ()}
    early = put(honest, State.REQUESTED)
    assert early.roles == {**honest.roles, "provider": (), "expert": ()}


def test_the_protocol_s_part_is_of_the_price(honest: Trade) -> None:
    quote = honest.acceptance.quote if honest.acceptance else None
    assert quote is not None
    parts = sum(offer.price for offer in quote.data_quotes) + quote.expert_pool
    parts += quote.broker_fee + quote.auditor_fee + quote.oracle_fee
    assert honest.protocol_fee == parts * honest.request.fee_bps // 10_000 > 0
    assert put(honest, State.REQUESTED).protocol_fee == 0


# ------------------------------------------------------------------------ how it stands


@pytest.mark.parametrize("state", [state for state in State if state is not State.NONE])
def test_where_a_trade_stands(honest: Trade, state: State) -> None:
    decided = state in (State.PASSED, State.REJECTED, State.DISPUTED)
    trade = put(honest, state)
    assert trade.standing is state
    assert trade.ended is (state in FINAL)
    assert trade.decided is decided
    assert trade.public is (decided or state in FINAL)
    assert (trade.deciding is not None) is decided
    if state not in FINAL:
        ended = put(honest, State.REFUNDED, state)
        assert ended.standing is state
        assert ended.decided is decided
        assert ended.public
        assert ended.deciding == trade.deciding


def test_the_attempt_that_decided_is_the_last(honest: Trade) -> None:
    first, last = honest.attempts
    assert put(honest, State.GATED, attempts=[first]).deciding is None
    assert put(honest, State.PASSED).deciding is last
    assert put(honest, State.PASSED, attempts=[]).deciding is None


def test_an_attempt_is_an_earlier_one_if_it_failed_and_was_not_the_last_allowed(
    honest: Trade,
) -> None:
    first, last = honest.attempts
    again = failed(honest)
    assert honest.request.max_attempts == 2
    assert (honest.passed, honest.earlier) == (last, [first])
    passed_at_once = replace(honest, attempts=[replace(last, number=1)])
    assert (passed_at_once.passed, passed_at_once.earlier) == (passed_at_once.attempts[0], [])
    rejected = replace(honest, attempts=[first, again])
    assert (rejected.passed, rejected.earlier) == (None, [first])
    wider = replace(rejected, request=replace(honest.request, max_attempts=3))
    assert wider.earlier == [first, again]


def test_there_is_no_gate_before_the_report_on_data(honest: Trade) -> None:
    assert honest.gate is not None
    assert put(honest, State.FUNDED).gate is None
    anything = replace(honest.request, min_rows=0)
    assert put(honest, State.FUNDED, request=anything).gate is None
    everything = replace(honest.request, min_rows=101)
    assert replace(honest, request=everything).gate is None


# ----------------------------------------------------------------- deliveries, silence


def test_deliveries_are_put_on_record_by_stage(honest: Trade) -> None:
    first, last = honest.attempts
    assert stage_of(put(honest, State.FUNDED)) == 1
    assert stage_of(put(honest, State.REFUNDED, State.FUNDED)) == 1
    assert stage_of(put(honest, State.GATED, attempts=[])) == 2
    assert stage_of(put(honest, State.GATED, attempts=[first])) == 3
    assert stage_of(put(honest, State.REFUNDED, State.GATED, attempts=[first, last])) == 4


@pytest.mark.parametrize("standing", [state for state in State if 0 < state <= State.DISPUTED])
def test_a_trade_times_out_where_the_committee_is_to_judge(honest: Trade, standing: State) -> None:
    assert timed_out(put(honest, State.REFUNDED, standing)) is (standing in UNJUDGED)
    assert not timed_out(put(honest, standing))


def test_who_reported_on_data_did_not_fall_silent(honest: Trade) -> None:
    """Too few rows end a trade where it was funded; at the gate the report is always there."""
    assert honest.data is not None
    few = replace(honest.data, finding=replace(honest.data.finding, accepted=0))
    assert not timed_out(put(honest, State.REFUNDED, State.FUNDED, data=few))
    assert timed_out(put(honest, State.REFUNDED, State.GATED, data=honest.data))


# --------------------------------------------------------------------- what experts are due


def divided(trade: Trade) -> list[Due]:
    """Return what the attempt that passed divides, by expert."""
    assert trade.data is not None
    assert trade.passed is not None
    shares = zip(trade.data.finding.experts, trade.passed.finding.amounts, strict=True)
    return [Due(Purpose.EXPERT, expert, amount) for expert, amount in shares if amount]


def attested(trade: Trade, approved: bool) -> list[Attested]:
    return [replace(trade.attestations[0], approved=approved)]


OVERTURNED = Ruled(True, bytes(32), 0)


def test_experts_are_paid_by_the_division_when_the_trade_settles(honest: Trade) -> None:
    assert experts_due(honest) == divided(honest) != []
    assert experts_due(put(honest, State.PASSED)) == []


def test_an_auditor_s_silence_is_not_the_experts_to_pay_for(honest: Trade) -> None:
    needed = replace(honest.request, approval_required=True)
    silent = put(honest, State.REFUNDED, State.PASSED, request=needed, attestations=[])
    assert ending(silent) is State.REFUNDED
    assert experts_due(silent) == divided(honest)
    against = replace(silent, attestations=attested(honest, False))
    assert ending(against) is State.REFUNDED
    assert experts_due(against) == []
    overturned = replace(silent, ruled=OVERTURNED)
    assert experts_due(overturned) == []
    running = put(honest, State.PASSED, request=needed, attestations=[])
    assert experts_due(running) == []


def test_work_that_nobody_judged_is_paid_by_the_gate_s_weights(honest: Trade) -> None:
    assert honest.data is not None
    assert honest.acceptance is not None
    pool, weights = honest.acceptance.quote.expert_pool, honest.data.finding.weights
    expert = honest.data.finding.experts[0]
    on_record = {"deliveries": [Delivered(expert, 3, bytes(32))]}
    (due,) = experts_due(put(honest, State.REFUNDED, State.GATED, **on_record))
    assert (due.purpose, due.account) == (Purpose.EXPERT, expert)
    assert abs(due.amount - pool * weights[0] / sum(weights)) <= 1
    assert experts_due(put(honest, State.GATED, **on_record)) == []
    earlier = {"deliveries": [Delivered(expert, 2, bytes(32))]}
    assert experts_due(put(honest, State.REFUNDED, State.GATED, **earlier)) == []


# --------------------------------------------------------------------- what the fees are


def fees(trade: Trade) -> dict[Purpose, int]:
    """Sum up what is due by purpose."""
    found: dict[Purpose, int] = {}
    for due in fees_due(trade):
        found[due.purpose] = found.get(due.purpose, 0) + due.amount
    return found


def test_all_fees_are_due_when_the_trade_settles(honest: Trade) -> None:
    assert honest.acceptance is not None
    quote = honest.acceptance.quote
    assert fees(honest) == {
        Purpose.BROKER: quote.broker_fee,
        Purpose.PROTOCOL: honest.protocol_fee,
        Purpose.AUDIT: quote.auditor_fee,
        Purpose.ORACLE: quote.oracle_fee,
    }
    unheard = replace(honest, attestations=[])
    assert fees(unheard).keys() == {Purpose.BROKER, Purpose.PROTOCOL, Purpose.ORACLE}


@pytest.mark.parametrize("state", [State.REQUESTED, State.FUNDED, State.GATED, State.PASSED])
def test_no_fee_is_due_while_a_trade_runs(honest: Trade, state: State) -> None:
    assert fees(put(honest, state)) == {}


def test_oracles_are_not_paid_for_a_verdict_that_falls(honest: Trade) -> None:
    fell = put(honest, State.REFUNDED, State.PASSED, ruled=OVERTURNED)
    assert fees(fell).keys() == {Purpose.AUDIT}
    assert fees(replace(fell, attestations=[])) == {}


def test_a_rejection_pays_oracles_and_auditor(honest: Trade) -> None:
    rejected = put(honest, State.FAILED, State.REJECTED, openings=[])
    # Without an opening every seal of the second attempt is faulty; the same two had signed both.
    assert fees(rejected).keys() == {Purpose.AUDIT}
    opened = [replace(o, attempt=2) for o in honest.openings if o.attempt == 1]
    assert fees(replace(rejected, openings=opened)).keys() == {Purpose.AUDIT, Purpose.ORACLE}


def test_oracles_are_paid_for_the_gate_if_no_expert_delivered(honest: Trade) -> None:
    assert honest.acceptance is not None
    assert honest.data is not None
    fee, expert = honest.acceptance.quote.oracle_fee, honest.data.finding.experts[0]
    idle = put(honest, State.REFUNDED, State.GATED)
    assert fees(idle) == {Purpose.ORACLE: fee}
    delivered = replace(idle, deliveries=[Delivered(expert, 3, bytes(32))])
    assert fees(delivered) == {}
    before = replace(idle, deliveries=[Delivered(expert, 2, bytes(32))])
    assert fees(before) == {Purpose.ORACLE: fee}
    # Of the data alone: nobody reported it, and who signs nothing is due nothing.
    assert fees(put(honest, State.REFUNDED, State.FUNDED)) == {}


def test_oracles_are_paid_for_a_report_of_too_few_rows(honest: Trade) -> None:
    assert honest.acceptance is not None
    assert honest.data is not None
    few = replace(honest.data, finding=replace(honest.data.finding, accepted=0))
    ended = put(honest, State.REFUNDED, State.FUNDED, data=few)
    assert fees(ended) == {Purpose.ORACLE: honest.acceptance.quote.oracle_fee}


@pytest.mark.parametrize(
    ("state", "standing"),
    [
        (State.DECLINED, State.REQUESTED),
        (State.EXPIRED, State.REQUESTED),
        (State.REFUNDED, State.FUNDED),
    ],
)
def test_a_trade_that_came_to_nothing_owes_nothing(
    honest: Trade, state: State, standing: State
) -> None:
    ended = put(honest, state, standing, signers=0, attestations=[])
    assert (experts_due(ended), fees_due(ended)) == ([], [])


def test_no_expert_is_due_anything_for_a_gate_alone(honest: Trade) -> None:
    ended = put(honest, State.REFUNDED, State.GATED, attempts=[], attestations=[])
    assert experts_due(ended) == []


def test_nobody_is_due_a_share_where_the_log_lacks_the_gate(honest: Trade) -> None:
    assert experts_due(replace(honest, data=None)) == []
