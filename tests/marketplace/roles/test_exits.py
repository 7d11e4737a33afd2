"""Whoever stops, anyone may end the trade once its time is over, and the money is exact."""

from __future__ import annotations

import pytest
from small_trade import StageAt

from marketplace.protocol.errors import TradeRefused, TransactionReverted
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.scripted.trade import TradeRun

ENDS = {
    State.REQUESTED: State.EXPIRED,
    State.DATA_REQUESTED: State.EXPIRED,
    State.FUNDED: State.REFUNDED,
    State.DATA_DELIVERED: State.REFUNDED,
    State.GATED: State.REFUNDED,
    State.PASSED: State.SETTLED,
}


def held(run: TradeRun) -> int:
    return run.world.market.node.balance(run.world.market.address)


@pytest.mark.parametrize("state", ENDS, ids=lambda state: state.name)
def test_a_stranger_ends_the_trade_from_any_state(stage: StageAt, state: State) -> None:
    run = stage(state)
    market, stranger = run.world.market, run.world.stranger
    escrow = market.trade(run.trade_id).escrow
    before = held(run)
    with pytest.raises(TransactionReverted, match="DeadlineNotReached"):
        end_trade(market, stranger, run.trade_id)
    wait = seconds_to_exit(market, run.trade_id)
    assert wait > 0
    market.node.advance_time(wait)
    assert seconds_to_exit(market, run.trade_id) == 0
    assert end_trade(market, stranger, run.trade_id) == ENDS[state]
    assert held(run) == before >= escrow
    for account in run.world.accounts:
        if market.credit_of(account.address) > 0:
            market.send(account, "withdraw", NATIVE, account.address)
    assert held(run) == 0
    assert market.trade(run.trade_id).escrow == 0


def test_a_trade_ends_once(stage: StageAt) -> None:
    run = stage(State.SETTLED)
    for act in (seconds_to_exit, lambda m, t: end_trade(m, run.world.stranger, t)):
        with pytest.raises(TradeRefused, match="has ended as SETTLED"):
            act(run.world.market, run.trade_id)


def test_an_unknown_trade_is_named(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    with pytest.raises(TradeRefused, match="knows no trade 0x0000"):
        end_trade(run.world.market, run.world.stranger, bytes(32))
