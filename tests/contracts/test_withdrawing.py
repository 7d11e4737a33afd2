"""Credits are pulled: each account takes its own, to wherever it wants, and only once."""

from __future__ import annotations

import pytest
from expectations import held_by, only_event, refused
from parties import PARTIES, account
from trade_builder import TradeBuilder

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE

PROVIDER = PARTIES.providers[0]


@pytest.fixture
def paid(market: Market, currency: str) -> TradeBuilder:
    """A trade whose providers have been credited."""
    return TradeBuilder(market, currency=currency).advance_to(State.DATA_DELIVERED)


def balance(market: Market, currency: str, holder: str) -> int:
    if currency == NATIVE:
        return market.node.balance(holder)
    token = market.node.contract("DevToken", currency)
    return int(market.node.call(token.functions.balanceOf(holder)))


def test_the_whole_credit_goes_to_the_named_address(paid: TradeBuilder, currency: str) -> None:
    market, amount = paid.market, paid.prices.data[0]
    elsewhere = account("a cold wallet").address
    held = held_by(market, currency)
    said = only_event(market, market.send(PROVIDER, "withdraw", currency, elsewhere), "Withdrawn")
    assert said == {
        "account": PROVIDER.address,
        "currency": currency,
        "to": elsewhere,
        "amount": amount,
    }
    assert balance(market, currency, elsewhere) == amount
    assert held_by(market, currency) == held - amount
    assert market.credit_of(PROVIDER.address, currency) == 0


def test_nothing_is_withdrawn_twice(paid: TradeBuilder, currency: str) -> None:
    paid.market.send(PROVIDER, "withdraw", currency, PROVIDER.address)
    with refused("NothingToWithdraw", PROVIDER.address, currency):
        paid.market.send(PROVIDER, "withdraw", currency, PROVIDER.address)


def test_a_stranger_has_nothing_to_withdraw(paid: TradeBuilder, currency: str) -> None:
    stranger = PARTIES.stranger
    with refused("NothingToWithdraw", stranger.address, currency):
        paid.market.send(stranger, "withdraw", currency, stranger.address)


def test_the_zero_address_receives_nothing(paid: TradeBuilder, currency: str) -> None:
    with refused("ZeroReceiver"):
        paid.market.send(PROVIDER, "withdraw", currency, NATIVE)


def test_the_market_does_not_pay_itself_in_coin(market: Market) -> None:
    trade = TradeBuilder(market).advance_to(State.DATA_DELIVERED)
    with refused("NativeTransferFailed", market.address, trade.prices.data[0]):
        market.send(PROVIDER, "withdraw", NATIVE, market.address)


def test_credit_in_one_currency_is_none_in_another(
    paid: TradeBuilder, currency: str, market: Market
) -> None:
    other = NATIVE if currency != NATIVE else PARTIES.stranger.address
    with refused("NothingToWithdraw", PROVIDER.address, other):
        market.send(PROVIDER, "withdraw", other, PROVIDER.address)


def test_credits_of_several_trades_add_up(market: Market) -> None:
    one = TradeBuilder(market, salt="one").advance_to(State.DATA_DELIVERED)
    TradeBuilder(market, salt="other").advance_to(State.DATA_DELIVERED)
    assert market.credit_of(PROVIDER.address) == 2 * one.prices.data[0]
    said = only_event(
        market, market.send(PROVIDER, "withdraw", NATIVE, PROVIDER.address), "Withdrawn"
    )
    assert said["amount"] == 2 * one.prices.data[0]


def test_nobody_can_send_coin_by_mistake(market: Market) -> None:
    with pytest.raises(Exception, match="the contract refused"):
        market.node.transfer(PARTIES.stranger, market.address, 1)
