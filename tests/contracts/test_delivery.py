"""Step 5: data is paid for once a quorum saw it open and match; too little data ends the trade."""

from __future__ import annotations

from dataclasses import replace

import pytest
from expectations import credits_of, events, only_event, quorum_refused, refused, refused_for_one_of
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import Prices, commitment

from marketplace.chain.market import Market
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import DataReport

ALL = 0b111


@pytest.fixture
def funded(trade: TradeBuilder) -> TradeBuilder:
    return trade.advance_to(State.FUNDED)


def test_each_provider_is_paid_its_price(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.FUNDED)
    locked = trade.record.escrow
    delivered, *credited = events(market, trade.deliver())
    report = DataReport(trade.id, 1, ALL, commitment("data manifest"))
    assert delivered == (
        "DataDelivered",
        {
            "tradeId": trade.id,
            "accepted": ALL,
            "evidence": report.evidence,
            "signatures": trade.quorum(report),
        },
    )
    assert credited == [
        (
            "Credited",
            {
                "tradeId": trade.id,
                "account": data.provider,
                "currency": currency,
                "amount": data.price,
                "purpose": Purpose.DATA,
            },
        )
        for data in trade.data_quotes
    ]
    record = trade.record
    assert record.state == State.DATA_DELIVERED
    assert record.deadline == market.node.now() + trade.request.windows.gating
    assert record.escrow == locked - sum(trade.prices.data)
    assert credits_of(market, currency) == {data.provider: data.price for data in trade.data_quotes}


def test_a_dropped_providers_price_stays_in_the_escrow(funded: TradeBuilder) -> None:
    locked = funded.record.escrow
    funded.deliver(accepted=0b101)  # 700 rows of at least 600
    first, dropped, last = funded.data_quotes
    assert credits_of(funded.market) == {first.provider: first.price, last.provider: last.price}
    assert funded.record.escrow == locked - first.price - last.price
    assert dropped.provider not in credits_of(funded.market)


def test_free_data_makes_no_entry(market: Market) -> None:
    trade = TradeBuilder(market, prices=Prices(data=(0, 0, 0))).advance_to(State.FUNDED)
    only_event(market, trade.deliver(), "DataDelivered")


@pytest.mark.parametrize("accepted", [0b000, 0b001, 0b110])  # 0, 500 and 500 rows of 600
def test_with_too_few_rows_the_buyer_gets_everything_back(
    funded: TradeBuilder, accepted: int
) -> None:
    price = funded.record.escrow
    delivered, refunded, ended = events(funded.market, funded.deliver(accepted=accepted))
    assert delivered[0] == "DataDelivered"
    assert (refunded[0], refunded[1]["amount"]) == ("Refunded", price)
    assert ended == ("TradeEnded", {"tradeId": funded.id, "state": State.REFUNDED})
    assert credits_of(funded.market) == {PARTIES.buyer.address: price}


def test_exactly_enough_rows_are_enough(market: Market) -> None:
    trade = TradeBuilder(market, min_rows=700).advance_to(State.FUNDED)
    trade.deliver(accepted=0b101)
    assert trade.record.state == State.DATA_DELIVERED


def test_rows_are_counted_without_overflow(market: Market) -> None:
    most = 2**32 - 1
    trade = TradeBuilder(market, rows=(most, most, most), min_rows=most).advance_to(State.FUNDED)
    trade.deliver()
    assert trade.record.state == State.DATA_DELIVERED


def test_a_late_delivery_is_refused(funded: TradeBuilder) -> None:
    funded.lapse()
    with refused("DeadlinePassed", funded.record.deadline):
        funded.deliver()


def test_a_delivery_for_an_unknown_quote_is_refused(funded: TradeBuilder) -> None:
    for accepted in (0b1000, 1 << 255):
        with refused("UnknownDelivery", accepted):
            funded.deliver(accepted=accepted)


def test_only_the_accepted_quotes_count(funded: TradeBuilder) -> None:
    first, second, third = funded.data_quotes
    for quotes in (
        [replace(first, price=first.price + 1), second, third],
        [replace(first, rows=10**6), second, third],
        [replace(first, provider=PARTIES.stranger.address), second, third],
        [first, second],
        [second, first, third],
        [],
    ):
        with refused_for_one_of("QuotesMismatch"):
            funded.deliver(quotes=quotes, accepted=0)


def test_what_was_signed_is_what_is_posted(funded: TradeBuilder) -> None:
    for signed in (
        DataReport(funded.id, 1, 0b011, commitment("data manifest")),
        DataReport(funded.id, 1, ALL, commitment("another manifest")),
        DataReport(funded.id, 2, ALL, commitment("data manifest")),
        DataReport(commitment("another trade"), 1, ALL, commitment("data manifest")),
    ):
        with quorum_refused():
            funded.deliver(signatures=funded.quorum(signed))
