"""The buyer accepts a signed quote and funds the escrow, or nothing happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from expectations import credits_of, events, held_by, refused, refused_for_one_of
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import FEE_BPS, WINDOWS, Prices, commitment

from marketplace.chain.market import Market
from marketplace.protocol.agreement import agreed_digest, committee_digest
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE, NO_PERMIT, DataQuote, ModelQuote

UINT128_MAX = 2**128 - 1


@pytest.fixture
def quoted(trade: TradeBuilder) -> TradeBuilder:
    """A trade whose quote can be accepted."""
    return trade.advance_to(State.REQUESTED)


def with_data(quote: ModelQuote, *data: DataQuote) -> ModelQuote:
    return replace(quote, data_quotes=data)


def test_accepting_locks_the_price(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.REQUESTED)
    prices = trade.prices
    parts = prices.experts + prices.broker + prices.auditor + prices.oracle + sum(prices.data)
    trade.accept()
    status = trade.status
    assert status.state == State.FUNDED
    assert status.deadline == market.node.now() + WINDOWS.delivery + WINDOWS.judging
    assert held_by(market, currency) == parts + parts * FEE_BPS // 10_000
    assert credits_of(market, currency) == {}


def test_what_was_agreed_stays_as_a_digest(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    agreed = trade.agreement
    expected = agreed_digest(trade.request.committee, agreed.deal, agreed.supplies)
    assert trade.market.view("digestOf", trade.id) == expected


def test_the_events_tell_quote_signatures_and_amount(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.REQUESTED)
    (accepted, said), locked = events(market, trade.accept())
    assert accepted == "QuoteAccepted"
    assert said["tradeId"] == trade.id
    assert [dict(data) for data in said["quote"]["dataQuotes"]] == [
        data.as_message() for data in trade.data_quotes
    ]
    assert said["quote"]["dataRequest"] == trade.quote.data_request
    assert said["quote"]["expertPool"] == trade.prices.experts
    assert said["signatures"] == trade.quote_signatures(trade.quote)
    amounts = {"currency": currency, "amount": trade.price}
    paid = {"tradeId": trade.id, "from": PARTIES.buyer.address, **amounts}
    assert locked == ("Locked", paid)


def test_a_quote_may_name_no_data_and_cost_nothing(market: Market) -> None:
    free = Prices(data=(), experts=0, broker=0, auditor=0, oracle=0)
    trade = TradeBuilder(market, prices=free).advance_to(State.FUNDED)
    assert (trade.price, held_by(market)) == (0, 0)


def test_only_the_buyer_accepts(quoted: TradeBuilder) -> None:
    with refused("NotAllowed", PARTIES.broker.address, PARTIES.buyer.address):
        quoted.accept(sender=PARTIES.broker)


def test_a_lapsed_request_can_not_be_funded(quoted: TradeBuilder) -> None:
    quoted.lapse()
    with refused("DeadlinePassed", quoted.status.deadline):
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


def test_a_quote_counts_until_its_last_second(quoted: TradeBuilder) -> None:
    last = quoted.market.node.now() + 1  # when the next block comes
    quoted.accept(quote=replace(quoted.quote, expiry=last))
    assert quoted.market.node.now() == last


def test_a_price_other_than_the_one_agreed_to_is_refused(quoted: TradeBuilder) -> None:
    for other in (quoted.price - 1, quoted.price + 1):
        with refused("PriceChanged", quoted.price, other):
            quoted.accept(price=other)


def test_a_price_above_the_budget_is_refused(market: Market) -> None:
    needed = TradeBuilder(market).price
    poor = TradeBuilder(market, salt="poor", budget=needed - 1).advance_to(State.REQUESTED)
    with refused("OverBudget", needed, needed - 1):
        poor.accept()
    TradeBuilder(market, salt="exact", budget=needed).advance_to(State.FUNDED)


def test_a_sum_too_large_to_hold_is_refused(quoted: TradeBuilder) -> None:
    huge = replace(quoted.quote, expert_pool=UINT128_MAX, broker_fee=UINT128_MAX)
    rest = quoted.prices.auditor + quoted.prices.oracle + sum(quoted.prices.data)
    parts = 2 * UINT128_MAX + rest
    with refused("PriceTooHigh", parts + parts * FEE_BPS // 10_000):
        quoted.accept(quote=huge, price=0)


# ------------------------------------------------------- nothing changes before the buyer


@pytest.mark.parametrize(
    "change", [{"budget": 2**127}, {"threshold": 1}, {"broker": PARTIES.stranger.address}]
)
def test_the_request_is_what_was_asked(quoted: TradeBuilder, change: Mapping[str, Any]) -> None:
    other = replace(quoted.request, **change)
    signatures = quoted.quote_signatures(quoted.quote)
    with refused("WrongState", State.NONE, State.REQUESTED):  # it is another trade's
        quoted.market.send(
            PARTIES.buyer,
            "acceptQuote",
            *(other, quoted.judges, quoted.quote, quoted.price, signatures, NO_PERMIT),
            value=quoted.price,
        )


def test_the_committee_is_the_one_that_the_request_names(quoted: TradeBuilder) -> None:
    other = replace(quoted.judges, members=quoted.judges.members[1:])
    given, named = committee_digest(other), quoted.request.committee
    signatures = quoted.quote_signatures(quoted.quote)
    with refused("AgreementMismatch", given, named):
        quoted.market.send(
            PARTIES.buyer,
            "acceptQuote",
            *(quoted.request, other, quoted.quote, quoted.price, signatures, NO_PERMIT),
            value=quoted.price,
        )


def test_no_judge_sells_to_the_trade_it_judges(market: Market) -> None:
    judge = PARTIES.signers[0]
    trade = TradeBuilder(market, broker=judge.address)
    trade.ask()
    with refused("ConflictOfRoles", judge.address, judge.address):
        trade.accept(broker_signature=trade.sign(trade.quote, judge))


def test_a_quote_that_its_broker_did_not_sign_is_refused(quoted: TradeBuilder) -> None:
    with refused("BadSignature", PARTIES.broker.address):
        quoted.accept(broker_signature=quoted.sign(quoted.quote, PARTIES.buyer))


@pytest.mark.parametrize(
    "change",
    [
        {"expert_pool": 1},
        {"broker_fee": 1},
        {"auditor_fee": 1},
        {"oracle_fee": 1},
        {"expiry": 2**39},
        {"data_request": commitment("other data")},
        {"data_quotes": ()},
    ],
)
def test_terms_changed_after_signing_are_refused(
    quoted: TradeBuilder, change: dict[str, Any]
) -> None:
    signed = quoted.sign(quoted.quote, PARTIES.broker)
    with refused("BadSignature", PARTIES.broker.address):
        quoted.accept(quote=replace(quoted.quote, **change), broker_signature=signed)


def test_data_that_its_provider_did_not_offer_is_refused(quoted: TradeBuilder) -> None:
    signatures = [quoted.sign(data, PARTIES.stranger) for data in quoted.data_quotes]
    with refused("BadSignature", PARTIES.providers[0].address):
        quoted.accept(provider_signatures=signatures)


def test_a_provider_signs_each_field_of_its_offer(quoted: TradeBuilder) -> None:
    _, *signatures = quoted.quote_signatures(quoted.quote)
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
    stray = commitment("another trade")
    with refused("WrongTrade", stray, quoted.id):
        quoted.accept(quote=replace(quoted.quote, trade_id=stray))
    first, *others = quoted.data_quotes
    with refused("WrongTrade", stray, quoted.id):
        quoted.accept(quote=with_data(quoted.quote, replace(first, trade_id=stray), *others))


# ------------------------------------------------------------------ who may be a provider


def test_providers_ascend_and_are_distinct(quoted: TradeBuilder) -> None:
    first, second, _ = quoted.data_quotes
    one, other = (
        quoted.sign(q, p) for q, p in zip((first, second), PARTIES.providers, strict=False)
    )
    with refused("NotAscending", second.provider, first.provider):
        quoted.accept(
            quote=with_data(quoted.quote, second, first), provider_signatures=[other, one]
        )
    with refused("NotAscending", first.provider, first.provider):
        quoted.accept(quote=with_data(quoted.quote, first, first), provider_signatures=[one, one])


def test_the_zero_address_is_no_provider(quoted: TradeBuilder) -> None:
    nobody = replace(quoted.data_quotes[0], provider=NATIVE)
    with refused("NotAscending", NATIVE, NATIVE):
        quoted.accept(quote=with_data(quoted.quote, nobody))


@pytest.mark.parametrize("role", ["buyer", "auditor"])
def test_buyer_and_auditor_sell_no_data(quoted: TradeBuilder, role: str) -> None:
    account = getattr(PARTIES, role)
    own = replace(quoted.data_quotes[0], provider=account.address)
    with refused("ConflictOfRoles", account.address, account.address):
        quoted.accept(
            quote=with_data(quoted.quote, own), provider_signatures=[quoted.sign(own, account)]
        )


@pytest.mark.parametrize("role", ["buyer", "broker"])
def test_the_auditor_is_neither_buyer_nor_broker(market: Market, role: str) -> None:
    account = getattr(PARTIES, role).address
    trade = TradeBuilder(market, auditor=account).advance_to(State.REQUESTED)
    with refused("ConflictOfRoles", account, account):
        trade.accept()


def test_one_signature_belongs_to_each_offer(quoted: TradeBuilder) -> None:
    for count in (2, 4):
        with refused("LengthMismatch", count + 1, 4):
            quoted.accept(provider_signatures=[bytes(65)] * count)


def test_thirty_two_providers_are_the_most(quoted: TradeBuilder) -> None:
    crowd = with_data(quoted.quote, *[replace(quoted.data_quotes[0], price=0)] * 33)
    with refused("TooMany", 33, 32):
        quoted.accept(quote=crowd)


# ----------------------------------------------------------------------------- the money


@pytest.mark.parametrize("difference", [-1, 1])
def test_the_coin_sent_is_exactly_the_price(quoted: TradeBuilder, difference: int) -> None:
    with refused("WrongValue", quoted.price + difference, quoted.price):
        quoted.accept(value=quoted.price + difference)


@pytest.mark.parametrize("currency", ["token"], indirect=True)
def test_no_coin_is_sent_along_with_a_token(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.REQUESTED)
    with refused("WrongValue", 1, 0):
        trade.accept(value=1)


@pytest.mark.parametrize("currency", ["token"], indirect=True)
def test_a_token_that_was_not_allowed_is_not_taken(market: Market, currency: str) -> None:
    token = market.node.contract("DevToken", currency)
    market.node.send(PARTIES.buyer, token.functions.approve(market.address, 5))
    trade = TradeBuilder(market, currency=currency).advance_to(State.REQUESTED)
    with refused("ERC20InsufficientAllowance", market.address, 5, trade.price):
        trade.accept()


def test_a_failed_acceptance_leaves_the_request_open(quoted: TradeBuilder) -> None:
    with refused_for_one_of("WrongValue"):
        quoted.accept(value=0)
    assert quoted.status.state == State.REQUESTED
    quoted.accept()
