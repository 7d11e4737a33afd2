"""A provider signs for rows that fit the request, and hands them out once they are bought."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from small_trade import StageAt

from marketplace.protocol.errors import (
    DataError,
    EnvelopeError,
    LabelOutsideRequest,
    MissingContent,
    NotFinite,
    TradeRefused,
    TransactionReverted,
    WrongShape,
)
from marketplace.protocol.ids import dataset_commitment
from marketplace.protocol.states import State
from marketplace.protocol.typed_data import signer_of
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.roles.provider import Provider
from marketplace.scripted.faults import GarbageProvider
from marketplace.scripted.trade import TradeRun
from offchain.data import Dataset, decode
from offchain.oracle.case import accepted_quotes
from offchain.storage.cid import digest_of


def asked(run: TradeRun) -> bytes:
    return run.world.broker.request_data(run.trade_id)


def holding(run: TradeRun, dataset: Dataset, kind: type[Provider] = Provider) -> Provider:
    one = run.world.providers[0]
    return kind(one.market, one.exchange, dataset, one.row_price, one.valid_seconds)


def test_an_offer_commits_to_the_rows_and_tells_nothing_of_them(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    provider = run.world.providers[0]
    offer = provider.offer(asked(run))
    quote = offer.quote
    assert signer_of(run.world.market.domain, quote, offer.signature) == provider.account.address
    assert (quote.rows, quote.price) == (100, 100 * provider.row_price)
    assert quote.expiry == run.world.market.node.now() + provider.valid_seconds
    assert provider.offer(asked(run)).quote.dataset == quote.dataset
    other = run.world.providers[1]
    same_rows = Provider(other.market, other.exchange, provider.dataset, 1, 1)
    assert same_rows.offer(asked(run)).quote.dataset != quote.dataset


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda d: Dataset(d.features[:, :7], d.labels), WrongShape),
        (lambda d: Dataset(d.features[:50], d.labels), WrongShape),
        (lambda d: d.take(np.arange(0)), WrongShape),
        (lambda d: Dataset(d.features, d.labels + 1), LabelOutsideRequest),
        (lambda d: Dataset(d.features * np.nan, d.labels), NotFinite),
    ],
    ids=["columns", "a label too many", "no rows", "labels", "NaN"],
)
def test_offers_nothing_that_does_not_fit(
    stage: StageAt, damage: Callable[[Dataset], Dataset], error: type[DataError]
) -> None:
    run = stage(State.REQUESTED)
    bad = holding(run, damage(run.world.providers[0].dataset))
    with pytest.raises(error):
        bad.offer(asked(run))


def test_delivers_to_the_committee_what_it_quoted(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    provider = run.world.providers[0]
    sealed = provider.deliver(run.trade_id)
    purpose = f"data/{provider.account.address}"
    quotes = {q.provider: q for q in accepted_quotes(run.world.market, run.trade_id)}
    for seat in run.world.signers:
        payload = seat.exchange.unseal(sealed, run.trade_id, purpose)
        salt, plaintext = payload[:32], payload[32:]
        assert dataset_commitment(plaintext, salt) == quotes[provider.account.address].dataset
        assert len(decode(plaintext, run.scenario.task)) == 100
    for party in (run.world.buyer, run.world.broker, run.world.auditor, run.world.experts[0]):
        with pytest.raises(EnvelopeError, match="none of the 3 recipients"):
            party.exchange.unseal(sealed, run.trade_id, purpose)


def test_hands_out_nothing_that_was_not_bought(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    world = run.world
    passed_over = Provider(
        world.market, world.experts[0].exchange, world.providers[0].dataset, 1, 60
    )
    with pytest.raises(TradeRefused, match="did not buy"):
        passed_over.deliver(run.trade_id)
    for state in (State.REQUESTED, State.GATED):
        other = stage(state)
        with pytest.raises(TradeRefused, match=f"the trade is {state.name}"):
            other.world.providers[0].deliver(other.trade_id)


def test_the_garbage_provider_quotes_as_any_other(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    honest = run.world.providers[0]
    garbage = holding(run, honest.dataset, GarbageProvider)
    assert garbage.offer(asked(run)).quote == honest.offer(asked(run)).quote
    run = stage(State.FUNDED)
    honest = run.world.providers[0]
    garbage = holding(run, honest.dataset, GarbageProvider)
    purpose = f"data/{honest.account.address}"
    seat = run.world.signers[0].exchange
    torn = seat.unseal(garbage.deliver(run.trade_id), run.trade_id, purpose)
    whole = seat.unseal(honest.deliver(run.trade_id), run.trade_id, purpose)
    assert torn == whole[: len(whole) // 2]


def test_what_is_on_record_is_paid_though_nobody_judges(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    market, (one, *_) = run.world.market, run.world.providers
    sealed = one.deliver(run.trade_id)
    one.record_delivery(run.trade_id, sealed)
    event = market.event(run.trade_id, "WorkDelivered")
    assert (event["account"], bytes(event["commitment"])) == (
        one.account.address,
        digest_of(sealed.ciphertext),
    )
    market.node.advance_time(seconds_to_exit(market, run.trade_id))
    assert end_trade(market, run.world.stranger, run.trade_id) == State.REFUNDED
    price = 100 * one.row_price
    assert [market.credit_of(p.account.address) for p in run.world.providers] == [price, 0, 0]
    assert market.status(run.trade_id).unjudged


def test_nothing_is_put_on_record_when_the_time_to_deliver_is_over(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    market, one = run.world.market, run.world.providers[0]
    sealed, status = one.deliver(run.trade_id), market.status(run.trade_id)
    judging = status.deadline - status.windows.judging
    market.node.advance_time(judging - market.node.now() + 1)
    with pytest.raises(TransactionReverted, match="DeadlinePassed"):
        one.record_delivery(run.trade_id, sealed)


def test_a_request_that_is_not_there_is_answered_with_nothing(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    with pytest.raises(MissingContent):
        run.world.providers[0].offer(bytes(32))
