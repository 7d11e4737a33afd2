"""The arbiter may freeze a settlement once and overturn the verdict; that is all it can do."""

from __future__ import annotations

import pytest
from deploying import TestContracts
from expectations import only_event, payments, refund, refused
from parties import PARTIES
from trade_builder import TradeBuilder

from marketplace.chain.market import Market
from marketplace.protocol.states import Purpose, State

ARBITER = PARTIES.arbiter
DECIDED = [State.PASSED, State.REJECTED]


@pytest.fixture(params=DECIDED, ids=lambda state: state.name)
def decided(request: pytest.FixtureRequest, trade: TradeBuilder) -> TradeBuilder:
    return trade.advance_to(request.param)


def test_a_dispute_stops_the_settlement(decided: TradeBuilder) -> None:
    market = decided.market
    until = market.node.now() + 9_000
    said = only_event(market, decided.dispute(9_000), "TradeDisputed")
    assert said == {"tradeId": decided.id, "until": until}
    status = decided.status
    assert (status.state, status.challenged, status.deadline) == (State.DISPUTED, True, until)
    decided.lapse()
    with refused("WrongState", State.DISPUTED, State.PASSED):
        decided.settle()


def test_a_verdict_that_stands_settles_as_if_nothing_had_been(decided: TradeBuilder) -> None:
    state = decided.status.state
    decided.dispute()
    said = only_event(decided.market, decided.rule(overturned=False), "DisputeEnded")
    assert said == {"tradeId": decided.id, "overturned": False}
    status = decided.status
    assert (status.state, status.overturned) == (state, False)
    decided.settle_in_time()
    ends = {State.PASSED: State.SETTLED, State.REJECTED: State.FAILED}
    assert decided.status.state == ends[state]


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
    assert said == {"tradeId": decided.id, "overturned": False}
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
    with refused("DeadlinePassed", decided.status.deadline):
        decided.dispute()  # the review is over as well


def test_not_even_in_the_second_of_the_ruling(
    market: Market, test_contracts: TestContracts
) -> None:
    wallet = test_contracts.deploy("ContractWallet", ARBITER.address)
    stands_on = (market.rules.address, market.registry.address, wallet.address)
    under_wallet = market.node.deploy(PARTIES.admin, "ModelMarket", *stands_on)
    trade = TradeBuilder(Market(market.node, under_wallet.address)).advance_to(State.PASSED)
    until = market.node.now() + 9_000
    dispute = under_wallet.encode_abi("dispute", [trade.id, until])
    rule = under_wallet.encode_abi("rule", [trade.id, False])
    target = under_wallet.address
    with refused("AlreadyChallenged"):
        calls = wallet.functions.executeAll(target, [dispute, rule, dispute])
        market.node.send(ARBITER, calls)
    market.node.send(ARBITER, wallet.functions.executeAll(target, [dispute, rule]))
    assert trade.status.challenged


def test_a_dispute_comes_within_the_review_window(decided: TradeBuilder) -> None:
    deadline = decided.status.deadline
    decided.wait_until(deadline - 1)
    until = deadline + 100
    decided.market.send(ARBITER, "dispute", decided.id, until)


def test_a_dispute_after_the_review_window_is_refused(decided: TradeBuilder) -> None:
    decided.lapse()
    with refused("DeadlinePassed", decided.status.deadline):
        decided.dispute()


def test_a_dispute_needs_time_for_a_ruling(decided: TradeBuilder) -> None:
    now = decided.market.node.now() + 1
    with refused("DeadlinePassed", now):
        decided.market.send(ARBITER, "dispute", decided.id, now)


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
