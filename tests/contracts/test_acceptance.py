"""Step 4: the buyer accepts a signed quote and funds the escrow, or nothing happens."""

from __future__ import annotations

from dataclasses import replace

import pytest
from expectations import credits_of, events, held_by, refused
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import FEE_BPS, Prices, commitment

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE, DataQuote, ModelQuote

UINT128_MAX = 2**128 - 1


@pytest.fixture
def quoted(trade: TradeBuilder) -> TradeBuilder:
    """A trade whose broker has asked for data, so that a quote can be accepted."""
    return trade.advance_to(State.DATA_REQUESTED)


def with_data(quote: ModelQuote, *data: DataQuote) -> ModelQuote:
    return replace(quote, data_quotes=data)


def test_accepting_locks_the_price(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.DATA_REQUESTED)
    prices = trade.prices
    parts = prices.experts + prices.broker + prices.auditor + prices.oracle + sum(prices.data)
    protocol_fee = parts * FEE_BPS // 10_000
    trade.accept()
    record = trade.record
    assert record.state == State.FUNDED
    assert record.deadline == market.node.now() + trade.request.windows.delivery
    assert record.escrow == held_by(market, currency) == parts + protocol_fee
    assert record.protocol_fee == protocol_fee
    assert (record.expert_pool, record.broker_fee) == (prices.experts, prices.broker)
    assert (record.auditor_fee, record.oracle_fee) == (prices.auditor, prices.oracle)
    assert credits_of(market, currency) == {}


def test_the_events_tell_quote_signatures_and_amount(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.DATA_REQUESTED)
    price = trade.price_of(trade.quote)
    (accepted, said), locked = events(market, trade.accept())
    assert accepted == "QuoteAccepted"
    assert (said["tradeId"], said["price"]) == (trade.id, price)
    assert [dict(data) for data in said["quote"]["dataQuotes"]] == [
        data.as_message() for data in trade.data_quotes
    ]
    assert said["quote"]["expertPool"] == trade.prices.experts
    assert said["brokerSignature"] == trade.sign(trade.quote, PARTIES.broker)
    assert said["providerSignatures"] == [
        trade.sign(data, provider)
        for data, provider in zip(trade.data_quotes, PARTIES.providers, strict=True)
    ]
    assert locked == (
        "Locked",
        {
            "tradeId": trade.id,
            "from": PARTIES.buyer.address,
            "currency": currency,
            "amount": price,
        },
    )


def test_a_quote_may_name_no_data_and_cost_nothing(market: Market) -> None:
    free = Prices(data=(), experts=0, broker=0, auditor=0, oracle=0)
    trade = TradeBuilder(market, prices=free).advance_to(State.FUNDED)
    assert trade.record.escrow == 0


def test_only_the_buyer_accepts(quoted: TradeBuilder) -> None:
    with refused("NotAllowed", PARTIES.broker.address, PARTIES.buyer.address):
        quoted.accept(sender=PARTIES.broker)


def test_a_lapsed_request_can_not_be_funded(quoted: TradeBuilder) -> None:
    quoted.lapse()
    with refused("DeadlinePassed", quoted.record.deadline):
        quoted.accept()


def test_an_expired_model_quote_is_refused(quoted: TradeBuilder) -> None:
    past = quoted.market.node.now()
    with refused("QuoteExpired", past):
        quoted.accept(quote=replace(quoted.quote, expiry=past))


def test_an_expired_data_quote_is_refused(quoted: TradeBuilder) -> None:
    past = quoted.market.node.now()
    first, *others = quoted.data_quotes
    with refused("QuoteExpired", past):
        quoted.accept(quote=with_data(quoted.quote, replace(first, expiry=past), *others))


def test_a_price_other_than_the_one_agreed_to_is_refused(quoted: TradeBuilder) -> None:
    price = quoted.price_of(quoted.quote)
    with refused("PriceChanged", price, price - 1):
        quoted.accept(price=price - 1)


def test_a_price_above_the_budget_is_refused(market: Market) -> None:
    trade = TradeBuilder(market).advance_to(State.DATA_REQUESTED)
    needed = trade.price_of(trade.quote)
    poor = TradeBuilder(market, salt="poor", budget=needed - 1).advance_to(State.DATA_REQUESTED)
    with refused("OverBudget", needed, needed - 1):
        poor.accept()
    exact = TradeBuilder(market, salt="exact", budget=needed).advance_to(State.FUNDED)
    assert exact.record.escrow == needed


def test_a_sum_too_large_to_hold_is_refused(quoted: TradeBuilder) -> None:
    huge = replace(quoted.quote, expert_pool=UINT128_MAX, broker_fee=UINT128_MAX)
    rest = quoted.prices.auditor + quoted.prices.oracle + sum(quoted.prices.data)
    parts = 2 * UINT128_MAX + rest
    with refused("OverBudget", parts + parts * FEE_BPS // 10_000, UINT128_MAX):
        quoted.accept(quote=huge, price=0)


def test_a_quote_that_its_broker_did_not_sign_is_refused(quoted: TradeBuilder) -> None:
    with refused("BadSignature", PARTIES.broker.address):
        quoted.accept(broker_signature=quoted.sign(quoted.quote, PARTIES.buyer))


def test_terms_changed_after_signing_are_refused(quoted: TradeBuilder) -> None:
    signed = quoted.sign(quoted.quote, PARTIES.broker)
    cheaper = replace(quoted.quote, expert_pool=quoted.prices.experts - 1)
    with refused("BadSignature", PARTIES.broker.address):
        quoted.accept(quote=cheaper, broker_signature=signed)


def test_data_that_its_provider_did_not_offer_is_refused(quoted: TradeBuilder) -> None:
    signatures = [quoted.sign(data, PARTIES.stranger) for data in quoted.data_quotes]
    with refused("BadSignature", PARTIES.providers[0].address):
        quoted.accept(provider_signatures=signatures)


def test_a_provider_signs_each_field_of_its_offer(quoted: TradeBuilder) -> None:
    signatures = [
        quoted.sign(data, provider)
        for data, provider in zip(quoted.data_quotes, PARTIES.providers, strict=True)
    ]
    first, *others = quoted.data_quotes
    for change in (
        {"dataset": commitment("other data")},
        {"rows": first.rows + 1},
        {"price": first.price - 1},
        {"expiry": first.expiry - 1},
    ):
        changed = with_data(quoted.quote, replace(first, **change), *others)
        with refused("BadSignature", first.provider):
            quoted.accept(quote=changed, provider_signatures=signatures)


def test_an_offer_for_another_trade_is_refused(quoted: TradeBuilder) -> None:
    first, *others = quoted.data_quotes
    stray = replace(first, trade_id=commitment("another trade"))
    with refused("WrongTrade", stray.trade_id, quoted.id):
        quoted.accept(quote=with_data(quoted.quote, stray, *others))


def test_providers_ascend_and_are_distinct(quoted: TradeBuilder) -> None:
    first, second, _ = quoted.data_quotes
    with refused("NotAscending", second.provider, first.provider):
        quoted.accept(
            quote=with_data(quoted.quote, second, first),
            provider_signatures=[
                quoted.sign(second, PARTIES.providers[1]),
                quoted.sign(first, PARTIES.providers[0]),
            ],
        )
    with refused("NotAscending", first.provider, first.provider):
        quoted.accept(
            quote=with_data(quoted.quote, first, first),
            provider_signatures=[quoted.sign(first, PARTIES.providers[0])] * 2,
        )


def test_the_zero_address_is_no_provider(quoted: TradeBuilder) -> None:
    nobody = replace(quoted.data_quotes[0], provider=NATIVE)
    with refused("NotAscending", NATIVE, NATIVE):
        quoted.accept(quote=with_data(quoted.quote, nobody))


@pytest.mark.parametrize("role", ["buyer", "auditor"])
def test_buyer_and_auditor_sell_no_data(quoted: TradeBuilder, role: str) -> None:
    account = getattr(PARTIES, role)
    own = replace(quoted.data_quotes[0], provider=account.address)
    with refused("ConflictOfRoles", account.address):
        quoted.accept(
            quote=with_data(quoted.quote, own),
            provider_signatures=[quoted.sign(own, account)],
        )


def test_one_signature_belongs_to_each_offer(quoted: TradeBuilder) -> None:
    with refused("LengthMismatch", 2, 3):
        quoted.accept(provider_signatures=[bytes(65)] * 2)


def test_thirty_two_providers_are_the_most(quoted: TradeBuilder) -> None:
    crowd = with_data(quoted.quote, *[replace(quoted.data_quotes[0], price=0)] * 33)
    with refused("TooMany", 33, 32):
        quoted.accept(quote=crowd)


@pytest.mark.parametrize("difference", [-1, 1])
def test_the_coin_sent_is_exactly_the_price(quoted: TradeBuilder, difference: int) -> None:
    price = quoted.price_of(quoted.quote)
    with refused("WrongValue", price + difference, price):
        quoted.accept(value=price + difference)


@pytest.mark.parametrize("currency", ["token"], indirect=True)
def test_no_coin_is_sent_along_with_a_token(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.DATA_REQUESTED)
    with refused("WrongValue", 1, 0):
        trade.accept(value=1)


@pytest.mark.parametrize("currency", ["token"], indirect=True)
def test_a_token_that_was_not_allowed_is_not_taken(market: Market, currency: str) -> None:
    token = market.node.contract("DevToken", currency)
    market.node.send(PARTIES.buyer, token.functions.approve(market.address, 5))
    trade = TradeBuilder(market, currency=currency).advance_to(State.DATA_REQUESTED)
    with refused("ERC20InsufficientAllowance", market.address, 5, trade.price_of(trade.quote)):
        trade.accept()
