"""The arbiter may freeze a settlement once and overturn the verdict; that is all it can do."""

from __future__ import annotations

import pytest
from expectations import only_event, payments, refund, refused
from parties import PARTIES
from trade_builder import TradeBuilder

from marketplace.chain.market import Market
from marketplace.protocol.states import Purpose, State

ARBITER = PARTIES.arbiter
DECIDED = [State.PASSED, State.REJECTED]


def ruling_window(market: Market) -> int:
    return int(market.node.call(market.rules.functions.rulingWindow()))


@pytest.fixture(params=DECIDED, ids=lambda state: state.name)
def decided(request: pytest.FixtureRequest, trade: TradeBuilder) -> TradeBuilder:
    return trade.advance_to(request.param)


def test_a_dispute_stops_the_settlement(decided: TradeBuilder) -> None:
    market = decided.market
    until = decided.status.deadline + ruling_window(market)
    said = only_event(market, decided.dispute(), "TradeDisputed")
    assert said == {"tradeId": decided.id, "until": until}
    status = decided.status
    assert (status.state, status.challenged, status.deadline) == (State.DISPUTED, True, until)
    decided.lapse()
    with refused("WrongState", State.DISPUTED, State.PASSED):
        decided.settle()


def test_a_verdict_that_stands_settles_as_if_nothing_had_been(decided: TradeBuilder) -> None:
    before = decided.status
    state = before.state
    decided.dispute()
    said = only_event(decided.market, decided.rule(overturned=False), "DisputeEnded")
    assert said == {"tradeId": decided.id, "overturned": False, "until": before.deadline}
    status = decided.status
    assert (status.state, status.overturned) == (state, False)
    decided.settle_in_time()
    ends = {State.PASSED: State.SETTLED, State.REJECTED: State.FAILED}
    assert decided.status.state == ends[state]


@pytest.mark.parametrize("overturned", [True, False])
def test_a_quick_ruling_leaves_the_auditor_its_review(
    decided: TradeBuilder, overturned: bool
) -> None:
    until = decided.status.deadline
    decided.dispute()
    decided.rule(overturned=overturned)
    assert decided.status.deadline == until
    decided.wait_until(until - 1)
    with refused("DeadlineNotReached", until):
        decided.settle()
    decided.attest()
    decided.wait_until(until)
    receipt = decided.settle()
    assert Purpose.AUDIT in {why for *_, why in payments(decided.market, receipt)}


def test_a_ruling_after_the_review_opens_the_settlement(decided: TradeBuilder) -> None:
    review = decided.status.deadline
    decided.dispute()
    decided.wait_until(review + 10)
    decided.rule(overturned=False)
    assert decided.status.deadline == decided.market.node.now() > review
    decided.settle_in_time()


def test_an_overturned_verdict_refunds_all_but_the_auditor(decided: TradeBuilder) -> None:
    decided.dispute()
    decided.rule(overturned=True)
    assert decided.status.overturned
    receipt = decided.settle_in_time(decided.audit(approved=False))
    assert decided.status.state == State.REFUNDED
    fee = decided.prices.auditor
    assert payments(decided.market, receipt) == [(PARTIES.auditor.address, fee, Purpose.AUDIT)]
    assert refund(decided.market, receipt) == decided.price - sum(decided.prices.data) - fee


def test_when_nobody_rules_anyone_resumes(decided: TradeBuilder) -> None:
    state = decided.status.state
    decided.dispute()
    until = decided.status.deadline
    decided.wait_until(until - 1)
    with refused("DeadlineNotReached", until):
        decided.resume()
    decided.wait_until(until)
    said = only_event(decided.market, decided.resume(), "DisputeEnded")
    now = decided.market.node.now()
    assert said == {"tradeId": decided.id, "overturned": False, "until": now}
    assert decided.status.state == state
    decided.settle_in_time()


def test_signers_get_their_whole_window_after_a_dispute(decided: TradeBuilder) -> None:
    decided.dispute()
    decided.lapse()
    decided.resume()
    assert decided.status.deadline == decided.market.node.now()
    until = decided.status.deadline + decided.status.windows.settlement
    with refused("SealsClosed", 0b11, until):
        decided.settle(openings=decided.openings(closed=(0, 1)))


@pytest.mark.parametrize("role", ["buyer", "broker", "auditor", "admin", "stranger"])
def test_only_the_arbiter_disputes_and_rules(decided: TradeBuilder, role: str) -> None:
    account = getattr(PARTIES, role)
    refusal = ("NotAllowed", account.address, ARBITER.address)
    with refused(*refusal):
        decided.dispute(sender=account)
    decided.dispute()
    for overturned in (True, False):
        with refused(*refusal):
            decided.rule(overturned, sender=account)


def test_a_trade_is_disputed_once(decided: TradeBuilder) -> None:
    decided.dispute()
    with refused("WrongState", State.DISPUTED, State.PASSED):
        decided.dispute()
    decided.rule(overturned=False)
    with refused("AlreadyChallenged"):
        decided.dispute()


def test_a_dispute_comes_within_the_review_window(decided: TradeBuilder) -> None:
    deadline = decided.status.deadline
    decided.wait_until(deadline - 1)
    decided.dispute()


def test_a_dispute_after_the_review_window_is_refused(decided: TradeBuilder) -> None:
    decided.lapse()
    with refused("DeadlinePassed", decided.status.deadline):
        decided.dispute()


@pytest.mark.parametrize(
    "state", [state for state in State if state not in (*DECIDED, State.DISPUTED)]
)
def test_only_a_decided_trade_is_disputed_or_ruled_on(trade: TradeBuilder, state: State) -> None:
    trade.advance_to(state)
    with refused("WrongState", state, State.PASSED):
        trade.dispute()
    with refused("WrongState", state, State.DISPUTED):
        trade.rule(overturned=True)


def test_a_ruling_needs_a_dispute(decided: TradeBuilder) -> None:
    with refused("WrongState", decided.status.state, State.DISPUTED):
        decided.rule(overturned=True)
    with refused("WrongState", decided.status.state, State.DISPUTED):
        decided.resume()


def test_the_auditor_may_report_during_a_dispute(decided: TradeBuilder) -> None:
    decided.dispute()
    decided.attest()
    decided.rule(overturned=False)
    receipt = decided.settle_in_time()
    assert Purpose.AUDIT in {why for *_, why in payments(decided.market, receipt)}
