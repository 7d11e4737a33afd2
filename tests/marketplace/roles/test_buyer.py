"""The buyer pays the agreed price or nothing, and believes only what it has checked itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_trade import TOKEN, StageAt, collude, fresh_run

from marketplace.protocol.documents import DeliveryManifest, Specification
from marketplace.protocol.errors import (
    DataError,
    EnvelopeError,
    InsufficientFunds,
    LabelOutsideRequest,
    NotFinite,
    ProtocolError,
    TradeRefused,
    TransactionReverted,
    WrongShape,
)
from marketplace.protocol.ids import trade_id as trade_id_of
from marketplace.protocol.states import State, TransferRule
from marketplace.protocol.terms import LEAST_SETTLEMENT, NATIVE, NO_PERMIT
from marketplace.roles.buyer import Buyer
from marketplace.roles.quotes import SignedModelQuote
from marketplace.roles.spending import allow
from marketplace.scripted.trade import WINDOWS, TradeRun
from offchain.data import Dataset, decode
from offchain.storage.cid import cid_of_digest
from offchain.validation import commit


def quoted(run: TradeRun) -> tuple[SignedModelQuote, int]:
    """The broker's offer and its price, before the buyer has answered."""
    digest = run.world.broker.request_data(run.trade_id)
    offers = [provider.offer(digest) for provider in run.world.providers]
    offer = run.world.broker.quote(run.trade_id, digest, offers)
    return offer, run.world.buyer.price_of(offer)


def nonce(run: TradeRun) -> int:
    web3 = run.world.market.node.web3
    return int(web3.eth.get_transaction_count(run.world.buyer.account.address))


def drain(run: TradeRun, leave: int) -> None:
    """Leave the buyer with so much native coin, and the price of one transfer."""
    node, account = run.world.market.node, run.world.buyer.account
    fee = 21_000 * node.web3.eth.gas_price * 2
    node.transfer(account, run.world.stranger.address, node.balance(account.address) - leave - fee)


# --------------------------------------------------------------------- requesting


def test_a_request_commits_to_rows_that_only_oracles_and_auditor_open(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    request: Any = run.world.market.event(run.trade_id, "ModelRequested")["request"]
    buyer, market = run.world.buyer, run.world.market
    spec = buyer.exchange.read(Specification, bytes(request["spec"]))
    for reader in (*run.world.signers, *run.world.jurors, run.world.auditor):
        payload = reader.exchange.unseal(spec.validation, buyer.account.address, "validation")
        rows = decode(payload[32:], run.scenario.task)
        assert np.array_equal(rows.features, run.scenario.validation.features)
        assert commit(rows, payload[:32]).root == bytes(request["validationRoot"])
    for stranger in (run.world.broker, run.world.providers[0], run.world.experts[0]):
        with pytest.raises(EnvelopeError, match="none of the 7 recipients"):
            stranger.exchange.unseal(spec.validation, buyer.account.address, "validation")
    again = market.agreement(run.trade_id).request
    assert trade_id_of(market.domain.chain_id, market.address, again) == run.trade_id


def test_a_request_names_what_is_in_force_and_its_licence(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    buyer, market, rules = run.world.buyer, run.world.market, run.world.market.in_force()
    short = replace(
        run.commission(),
        salt=bytes(32),
        licence="For one season only.\n",
        transfer_rule=TransferRule.BY_LICENSOR,
        windows=replace(WINDOWS, review=1, settlement=1),
    )
    request = market.agreement(buyer.request(short)).request
    assert (request.committee, request.panel) == (rules.committee, rules.panel)
    assert (request.fee_bps, request.treasury) == (rules.fee_bps, rules.treasury)
    assert request.windows == replace(
        WINDOWS,
        review=market.review_of(short.currency, short.budget),
        settlement=LEAST_SETTLEMENT,
    )
    assert request.transfer_rule == TransferRule.BY_LICENSOR
    text = run.world.store.get(cid_of_digest(request.licence))
    assert text.decode() == "For one season only.\n"


def change(row: int, value: float) -> Callable[[Dataset], Dataset]:
    def changed(dataset: Dataset) -> Dataset:
        features = dataset.features.copy()
        features[row, 0] = value
        return Dataset(features, dataset.labels)

    return changed


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (change(3, np.nan), NotFinite),
        (change(3, -np.inf), NotFinite),
        (lambda d: Dataset(d.features, d.labels + 1), LabelOutsideRequest),
        (lambda d: Dataset(d.features[:, :4], d.labels), WrongShape),
        (lambda d: Dataset(d.features[:9], d.labels), WrongShape),
        (lambda d: d.take(np.arange(0)), WrongShape),
    ],
    ids=["NaN", "infinite", "label", "columns", "a label too many", "no rows"],
)
def test_a_bad_validation_set_is_refused_before_anything_is_sent(
    stage: StageAt, damage: Callable[[Dataset], Dataset], error: type[DataError]
) -> None:
    run = stage(State.REQUESTED)
    commission = run.commission()
    sent, blocks = nonce(run), stored(run)
    with pytest.raises(error):
        run.world.buyer.request(
            replace(commission, validation=damage(commission.validation), salt=bytes(32))
        )
    assert (nonce(run), stored(run)) == (sent, blocks)


def stored(run: TradeRun) -> set[Path]:
    return set(vars(run.world.store)["path"].rglob("*"))


@pytest.mark.parametrize(
    "terms", [{"threshold": 0}, {"threshold": 1_000_001}, {"max_attempts": 0}, {"budget": 0}],
    ids=str,
)  # fmt: skip
def test_unusable_terms_are_named(stage: StageAt, terms: dict[str, int]) -> None:
    run = stage(State.REQUESTED)
    sent = nonce(run)
    with pytest.raises(TransactionReverted, match="InvalidRequest") as seen:
        run.world.buyer.request(replace(run.commission(), salt=bytes(32), **terms))
    assert "unusable field" in str(seen.value)
    assert nonce(run) == sent
    with pytest.raises(ProtocolError, match=r"Request.budget is -1"):
        run.world.buyer.request(replace(run.commission(), budget=-1))


def test_each_request_is_a_trade_of_its_own(stage: StageAt) -> None:
    """Its validation set is sealed anew, so that asking twice by mistake strands nothing."""
    run = stage(State.REQUESTED)
    other = run.world.buyer.request(run.commission())
    assert other != run.trade_id
    assert run.world.market.trades() == [run.trade_id, other]
    assert run.world.market.node.balance(run.world.market.address) == 0


def test_a_trade_needs_no_auditor(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    commission = replace(run.commission(), auditor=NATIVE, salt=bytes(32))
    trade_id = run.world.buyer.request(commission)
    case = run.world.signers[0].book.case(trade_id)
    assert case.evidence_readers == case.members


# ---------------------------------------------------------------------- accepting


def test_accepting_locks_exactly_the_price(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    offer, price = quoted(run)
    run.world.buyer.accept(offer, price)
    market = run.world.market
    assert market.node.balance(market.address) == price


def test_another_price_than_the_agreed_one_reverts(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    offer, price = quoted(run)
    sent = nonce(run)
    for other in (price - 1, price + 1):
        with pytest.raises(TransactionReverted, match=f"PriceChanged.*{price}"):
            run.world.buyer.accept(offer, other)
    raised = replace(offer.quote, broker_fee=offer.quote.broker_fee + 1)
    for agreed in (price, run.world.buyer.price_of(replace(offer, quote=raised))):
        with pytest.raises(TransactionReverted, match="BadSignature"):
            run.world.buyer.accept(replace(offer, quote=raised), agreed)
    assert nonce(run) == sent
    assert run.state() == State.REQUESTED


def test_a_stale_quote_is_refused(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    offer, price = quoted(run)
    run.world.market.node.advance_time(offer.quote.expiry - run.world.market.node.now() + 1)
    with pytest.raises(TransactionReverted, match=r"QuoteExpired|DeadlinePassed"):
        run.world.buyer.accept(offer, price)


def test_without_funds_nothing_happens(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    offer, price = quoted(run)
    drain(run, price - 10**15)
    sent = nonce(run)
    with pytest.raises(InsufficientFunds, match=r"needs .* ETH; fund the account; nothing was"):
        run.world.buyer.accept(offer, price)
    assert nonce(run) == sent
    assert run.state() == State.REQUESTED
    assert run.world.market.node.balance(run.world.market.address) == 0


def test_the_price_alone_does_not_pay_the_gas(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    offer, price = quoted(run)
    node, account = run.world.market.node, run.world.buyer.account.address
    drain(run, price)
    spare = node.balance(account) - price
    assert 0 <= spare < 10**15
    node.transfer(run.world.buyer.account, run.world.stranger.address, 1)
    sent = nonce(run)
    with pytest.raises(InsufficientFunds):
        run.world.buyer.accept(offer, price)
    assert nonce(run) == sent


@pytest.fixture(scope="module")
def priced_in_tokens(tmp_path_factory: pytest.TempPathFactory) -> TradeRun:
    run = fresh_run(TOKEN, tmp_path_factory.mktemp("token"))
    run.request()
    return run


def test_a_permit_locks_tokens_without_another_transaction(priced_in_tokens: TradeRun) -> None:
    run = priced_in_tokens
    offer, price = quoted(run)
    node, market, buyer = run.world.market.node, run.world.market.address, run.world.buyer
    token = node.contract("DevToken", run.world.currency).functions
    account = buyer.account.address
    spare = int(node.call(token.balanceOf(account))) - price + 1
    node.send(buyer.account, token.transfer(run.world.stranger.address, spare))
    sent = nonce(run)
    with pytest.raises(InsufficientFunds, match=f"{price - 1} units .* needs {price}; .*nothing"):
        buyer.accept(offer, price)
    assert nonce(run) == sent
    assert node.call(token.allowance(account, market)) == 0

    node.send(run.world.stranger, token.transfer(account, 1))
    buyer.accept(offer, price)
    assert nonce(run) == sent + 1
    assert run.state() == State.FUNDED
    assert node.call(token.balanceOf(market)) == price
    assert node.call(token.balanceOf(account)) == 0
    assert node.call(token.allowance(account, market)) == 0


def test_an_allowance_that_stands_is_used(tmp_path: Path) -> None:
    run = fresh_run(TOKEN, tmp_path)
    run.request()
    offer, price = quoted(run)
    buyer, market = run.world.buyer, run.world.market
    token = market.node.contract("DevToken", run.world.currency).functions
    market.node.send(buyer.account, token.approve(market.address, price))
    assert allow(market, buyer.account, run.world.currency, price, 2**40) == NO_PERMIT
    permit = allow(market, buyer.account, run.world.currency, price + 1, 2**40)
    assert permit.value == price + 1
    buyer.accept(offer, price)
    assert market.node.call(token.nonces(buyer.account.address)) == 0
    assert market.node.call(token.balanceOf(market.address)) == price


def test_declining_costs_nothing(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    offer, _ = quoted(run)
    run.world.buyer.decline(offer)
    assert run.state() == State.DECLINED
    assert run.world.market.event(run.trade_id, "QuoteDeclined")


# ---------------------------------------------------------------------- receiving


def test_receives_and_scores_the_model_itself(stage: StageAt) -> None:
    run = stage(State.PASSED)
    buyer, commission = run.world.buyer, run.commission()
    composite = buyer.receive(run.trade_id)
    score = buyer.check(composite, commission)
    assert score.ppm >= commission.threshold
    decided = composite.predict(commission.validation.features)
    right = [
        float(np.mean(decided[commission.validation.labels == label] == label)) for label in (0, 1)
    ]
    assert score.ppm == int(np.mean(right) * 1_000_000)


def test_refuses_a_model_that_misses_the_threshold(stage: StageAt) -> None:
    run = stage(State.PASSED)
    composite = run.world.buyer.receive(run.trade_id)
    shuffled = np.random.default_rng(0).permutation(run.scenario.validation.labels)
    commission = replace(
        run.commission(), validation=Dataset(run.scenario.validation.features, shuffled)
    )
    with pytest.raises(TradeRefused, match=r"scores \d+ ppm, below 850000; challenge the verdict"):
        run.world.buyer.check(composite, commission)


def test_there_is_nothing_to_receive_before_a_pass(stage: StageAt) -> None:
    run = stage(State.GATED)
    with pytest.raises(TradeRefused, match="no attempt has passed"):
        run.world.buyer.receive(run.trade_id)


def test_a_key_that_does_not_open_says_so(stage: StageAt) -> None:
    run = stage(State.PASSED)
    for other in (run.world.broker, run.world.providers[0], run.world.experts[0]):
        with pytest.raises(EnvelopeError, match="none of the 1 recipients"):
            Buyer(run.world.market, other.exchange).receive(run.trade_id)


def test_refuses_another_model_than_the_one_that_was_scored(stage: StageAt) -> None:
    """A quorum that colludes can pass one model and deliver another; the buyer sees it."""
    run = stage(State.GATED, store_of=State.PASSED)
    honest = stage(State.PASSED)
    composite = honest.world.buyer.receive(honest.trade_id)
    leader, buyer = run.world.signers[0], run.world.buyer.account.address
    name, *_ = composite.experts
    poorer = replace(
        composite, experts={**composite.experts, name: list(composite.experts.values())[-1]}
    )
    sealed = leader.exchange.seal(poorer.to_bytes(), run.trade_id, "composite/1", [buyer])
    manifest = DeliveryManifest(trade="0x" + run.trade_id.hex(), attempt=1, sealed=sealed)
    true = honest.world.market.agreement(honest.trade_id).last_attempt.finding
    collude(run, replace(true, delivery=leader.exchange.publish(manifest)))
    assert run.state() == State.PASSED
    with pytest.raises(TradeRefused, match="not the one that was scored"):
        run.world.buyer.receive(run.trade_id)
