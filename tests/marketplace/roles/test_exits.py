"""Whoever stops, anyone may end the trade once its time is over, and the money is exact."""

from __future__ import annotations

import pytest
from small_trade import StageAt

from marketplace.protocol.agreement import seats_in
from marketplace.protocol.errors import TradeRefused, TransactionReverted
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.scripted.trade import TradeRun

ENDS = {
    State.REQUESTED: State.EXPIRED,
    State.FUNDED: State.REFUNDED,
    State.GATED: State.REFUNDED,
    State.PASSED: State.SETTLED,
}


def held(run: TradeRun) -> int:
    return run.world.market.node.balance(run.world.market.address)


@pytest.mark.parametrize("state", ENDS, ids=lambda state: state.name)
def test_a_stranger_ends_the_trade_from_any_state(stage: StageAt, state: State) -> None:
    run = stage(state)
    market, stranger = run.world.market, run.world.stranger
    before = held(run)
    with pytest.raises(TransactionReverted, match="DeadlineNotReached"):
        end_trade(market, stranger, run.trade_id)
    wait = seconds_to_exit(market, run.trade_id)
    assert wait > 0
    market.node.advance_time(wait)
    assert seconds_to_exit(market, run.trade_id) == 0
    assert end_trade(market, stranger, run.trade_id) == ENDS[state]
    assert held(run) == before
    for account in run.world.accounts:
        if market.credit_of(account.address) > 0:
            market.send(account, "withdraw", NATIVE, account.address)
    assert held(run) == 0


def test_a_trade_ends_once(stage: StageAt) -> None:
    run = stage(State.SETTLED)
    for act in (seconds_to_exit, lambda m, t: end_trade(m, run.world.stranger, t)):
        with pytest.raises(TradeRefused, match="has ended as SETTLED"):
            act(run.world.market, run.trade_id)


def test_an_unknown_trade_is_named(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    with pytest.raises(TradeRefused, match="knows no trade 0x0000"):
        end_trade(run.world.market, run.world.stranger, bytes(32))


def test_after_a_pass_all_are_paid_but_the_silent_signers(stage: StageAt) -> None:
    run = stage(State.PASSED)
    market = run.world.market
    agreed = market.agreement(run.trade_id)
    market.node.advance_time(seconds_to_exit(market, run.trade_id))
    end_trade(market, run.world.stranger, run.trade_id)
    paid = agreed.last_attempt.finding.amounts
    assert [market.credit_of(expert) for expert in agreed.gate.experts] == list(paid)
    judges = market.committee_of(agreed.request.committee).members
    scored = [judges[seat] for seat in seats_in(agreed.last_attempt.record.signers)]
    assert [market.credit_of(seat) for seat in scored] == [0, 0]
    (gated,) = set(judges) - set(scored)
    unpaid = agreed.deal.oracle_fee - market.credit_of(gated) + agreed.deal.auditor_fee
    event = market.event(run.trade_id, "Refunded")
    assert (event["buyer"], event["amount"]) == (agreed.request.buyer, unpaid)


def test_a_dispute_that_nobody_decides_goes_back_to_the_verdict(stage: StageAt) -> None:
    run = stage(State.PASSED)
    market, stranger = run.world.market, run.world.stranger
    challenges = market.challenges.functions
    bond = run.world.challenger.challenge(run.trade_id, "too good to be true")
    wait = seconds_to_exit(market, run.trade_id)
    with pytest.raises(TransactionReverted, match="RulingPending"):
        end_trade(market, stranger, run.trade_id)
    market.node.advance_time(wait)
    assert end_trade(market, run.world.buyer.account, run.trade_id) == State.PASSED
    assert market.node.call(challenges.creditOf(stranger.address, NATIVE)) == bond
    market.node.advance_time(seconds_to_exit(market, run.trade_id))
    assert end_trade(market, stranger, run.trade_id) == State.SETTLED
