"""The broker buys what the contract will take, as much as the budget holds, and names the price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_trade import SMALL, StageAt, fresh_run, stages_of

from marketplace.protocol.documents import DataNeed, Specification
from marketplace.protocol.errors import ConfigurationError, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import DataQuote, ModelQuote
from marketplace.protocol.typed_data import sign, signer_of
from marketplace.protocol.units import WEI
from marketplace.roles.broker import Broker, PriceList
from marketplace.roles.buyer import Buyer, Commission
from marketplace.roles.quotes import SignedDataQuote
from marketplace.scripted.trade import TradeRun
from marketplace.scripted.world import TERMS
from offchain.data import Task


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> TradeRun:
    """A trade whose providers are asked for offers; the tests of this file leave it so."""
    return stages_of().at(State.REQUESTED, tmp_path_factory.mktemp("asked"))


def offers_of(run: TradeRun) -> list[SignedDataQuote]:
    digest = run.world.broker.request_data(run.trade_id)
    return [provider.offer(digest) for provider in run.world.providers]


NEED = b"\x0d" * 32
"""Digest of what the providers were asked for; the quote names it and that is all."""


def resigned(run: TradeRun, place: int, quote: DataQuote) -> SignedDataQuote:
    account = run.world.providers[place].account
    return SignedDataQuote(quote, sign(run.world.market.domain, quote, account))


def providers_in(offers: Sequence[DataQuote]) -> set[str]:
    return {quote.provider for quote in offers}


def test_quotes_everything_that_is_worth_buying(asked: TradeRun) -> None:
    offers = offers_of(asked)
    offer = asked.world.broker.quote(asked.trade_id, NEED, offers)
    quote, domain = offer.quote, asked.world.market.domain
    addresses = [int(data.provider, 16) for data in quote.data_quotes]
    assert addresses == sorted(addresses)
    assert providers_in(quote.data_quotes) == {o.quote.provider for o in offers}
    assert signer_of(domain, quote, offer.signature) == asked.world.broker.account.address
    for data, signature in zip(quote.data_quotes, offer.provider_signatures, strict=True):
        assert signer_of(domain, data, signature) == data.provider
    prices = asked.world.broker.prices
    data_price = sum(data.price for data in quote.data_quotes)
    assert quote.broker_fee == (data_price + prices.expert_pool) * prices.margin_bps // 10_000


def test_the_model_quote_expires_with_the_first_data_quote(asked: TradeRun) -> None:
    one, *others = offers_of(asked)
    soon = replace(one.quote, expiry=asked.world.market.node.now() + 60)
    offer = asked.world.broker.quote(asked.trade_id, NEED, [resigned(asked, 0, soon), *others])
    assert offer.quote.expiry == soon.expiry


def bad_offers(run: TradeRun) -> dict[str, SignedDataQuote]:
    one, two, _ = offers_of(run)
    node, domain = run.world.market.node, run.world.market.domain
    buyer, auditor = run.world.buyer.account, run.world.auditor.account

    def by_party(account: object) -> SignedDataQuote:
        quote = replace(one.quote, provider=account.address)  # type: ignore[attr-defined]  # a LocalAccount
        return SignedDataQuote(quote, sign(domain, quote, account))  # type: ignore[arg-type]  # the same

    return {
        "signed by another": replace(one, signature=two.signature),
        "altered after signing": replace(one, quote=replace(one.quote, price=1)),
        "no signature at all": replace(one, signature=b"\x01\x02"),
        "an impossible signature": replace(one, signature=bytes(65)),
        "expired": resigned(run, 0, replace(one.quote, expiry=node.now() - 1)),
        "for another trade": resigned(run, 0, replace(one.quote, trade_id=bytes(32))),
        "no rows": resigned(run, 0, replace(one.quote, rows=0)),
        "by the buyer": by_party(buyer),
        "by the auditor": by_party(auditor),
    }


def test_leaves_out_offers_that_the_contract_would_not_take(asked: TradeRun) -> None:
    _, *good = offers_of(asked)
    for fault, bad in bad_offers(asked).items():
        offer = asked.world.broker.quote(asked.trade_id, NEED, [bad, *good])
        assert providers_in(offer.quote.data_quotes) == {o.quote.provider for o in good}, fault


def test_buys_nothing_from_the_buyers_own_house(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    node, registry = run.world.market.node, run.world.market.registry.functions
    buyer, provider = run.world.buyer.account, run.world.providers[0].account
    node.send(buyer, registry.foundGroup(bytes(31) + b"\x01"))
    node.send(buyer, registry.setInvitation(provider.address, True))
    group = node.call(registry.affiliationOf(buyer.address))
    node.send(provider, registry.joinGroup(group))
    assert len(quote_of(run).data_quotes) == 3
    node.advance_time(TERMS.joining_delay)
    bought = providers_in(quote_of(run).data_quotes)
    assert bought == {other.account.address for other in run.world.providers[1:]}


def quote_of(run: TradeRun) -> ModelQuote:
    return run.world.broker.quote(run.trade_id, NEED, offers_of(run)).quote


def test_takes_the_cheaper_of_two_offers_by_one_provider(asked: TradeRun) -> None:
    one, *others = offers_of(asked)
    dearer = resigned(asked, 0, replace(one.quote, price=one.quote.price * 3))
    for offers in ([one, dearer, *others], [dearer, one, *others]):
        quote = asked.world.broker.quote(asked.trade_id, NEED, offers).quote
        assert one.quote in quote.data_quotes
        assert len(quote.data_quotes) == 3


def test_too_few_rows_make_no_quote(asked: TradeRun) -> None:
    one = offers_of(asked)[0]
    few = resigned(asked, 0, replace(one.quote, rows=99))  # the request wants 100
    for offers, rows in (([], 0), ([few], 99)):
        with pytest.raises(TradeRefused, match=f"valid offers have {rows} rows .* 100 rows"):
            asked.world.broker.quote(asked.trade_id, NEED, offers)


def broker_with(run: TradeRun, **prices: int) -> Broker:
    broker = run.world.broker
    return Broker(broker.market, broker.exchange, replace(broker.prices, **prices))


def test_a_quote_over_the_budget_is_still_made(asked: TradeRun) -> None:
    """It tells the buyer what its request would cost; it buys no more than is needed."""
    offers = offers_of(asked)
    offer = broker_with(asked, expert_pool=20 * WEI).quote(asked.trade_id, NEED, offers)
    price = asked.world.buyer.price_of(offer)
    assert price > asked.script.budget
    assert len(offer.quote.data_quotes) == 1
    with pytest.raises(TradeRefused, match=r"the price .* is above the budget 10 ETH"):
        asked.world.buyer.accept(offer, price)


def test_what_is_needed_is_quoted_even_if_one_offer_is_not_enough(asked: TradeRun) -> None:
    offers = [
        resigned(asked, place, replace(offer.quote, rows=60))
        for place, offer in enumerate(offers_of(asked))
    ]
    offer = broker_with(asked, expert_pool=20 * WEI).quote(asked.trade_id, NEED, offers)
    assert len(offer.quote.data_quotes) == 2


amounts = st.integers(0, 4 * WEI)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    prices=st.tuples(amounts, amounts, amounts),
    rows=st.tuples(*[st.integers(1, 120)] * 3),
    fees=st.tuples(amounts, st.integers(0, WEI), st.integers(0, WEI), st.integers(0, 2_000)),
)
def test_the_budget_is_kept_unless_the_request_needs_more(
    asked: TradeRun,
    prices: tuple[int, int, int],
    rows: tuple[int, int, int],
    fees: tuple[int, int, int, int],
) -> None:
    offers = [
        resigned(asked, place, replace(offer.quote, price=prices[place], rows=rows[place]))
        for place, offer in enumerate(offers_of(asked))
    ]
    pool, auditor_fee, oracle_fee, margin = fees
    listed = PriceList(pool, auditor_fee, oracle_fee, margin, valid_seconds=600)
    broker = Broker(asked.world.market, asked.world.broker.exchange, listed)
    if sum(rows) < 100:
        with pytest.raises(TradeRefused):
            broker.quote(asked.trade_id, NEED, offers)
        return
    offer = broker.quote(asked.trade_id, NEED, offers)
    price, budget = asked.world.buyer.price_of(offer), asked.script.budget
    bought = offer.quote.data_quotes
    assert sum(data.rows for data in bought) >= 100
    dearest = max(bought, key=lambda data: (data.price / data.rows, data.provider))
    if price > budget:
        assert sum(data.rows for data in bought) - dearest.rows < 100
    data_price = sum(data.price for data in bought)
    for left in (o.quote.price for o in offers if o.quote not in bought):
        work = data_price + left + pool
        parts = work + work * margin // 10_000 + auditor_fee + oracle_fee
        assert parts + parts // 100 > budget - 10  # the broker rounds down


def test_asks_for_what_the_buyer_wants(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    broker = run.world.broker
    digest = broker.request_data(run.trade_id)
    need = broker.exchange.read(DataNeed, digest)
    assert Task.from_json(need.task) == run.scenario.task
    assert need.min_rows == 100
    assert need.trade == "0x" + run.trade_id.hex()
    assert broker.request_data(run.trade_id) == digest
    offers = [provider.offer(digest) for provider in run.world.providers]
    assert broker.quote(run.trade_id, digest, offers).quote.data_request == digest


class Hiding(Buyer):
    """Asks for an approval, and keeps from its auditor what it would approve."""

    def _specification(self, commission: Commission, *others: Any) -> Specification:
        return super()._specification(replace(commission, auditor_reads=False), *others)


def test_an_approval_that_can_not_be_given_is_not_worked_for(tmp_path: Path) -> None:
    run = fresh_run(SMALL, tmp_path)
    world, commission = run.world, replace(run.commission(), approval_required=True)
    with pytest.raises(ConfigurationError, match="may not read the evidence"):
        world.buyer.request(replace(commission, auditor_reads=False))
    trade = Hiding(world.market, world.buyer.exchange).request(commission)
    with pytest.raises(TradeRefused, match="lets it read no evidence"):
        world.broker.request_data(trade)


def test_no_trade_no_request(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    with pytest.raises(TradeRefused, match="there is no trade 0x0000"):
        run.world.broker.request_data(bytes(32))
