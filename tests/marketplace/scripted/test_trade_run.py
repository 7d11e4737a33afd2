"""A run goes by the state on chain: it carries on what another left, and copes with refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_trade import SMALL, StageAt, fresh_run, rejoined

from marketplace.protocol.errors import TradeRefused, WrongChain
from marketplace.protocol.states import State
from marketplace.roles.licence import mint_licence
from marketplace.roles.provider import Provider
from marketplace.scripted.summary import summarise
from marketplace.scripted.trade import TradeRun
from marketplace.scripted.world import build_world, require_devnet
from offchain.data import Dataset


def said(run: TradeRun) -> str:
    assert isinstance(run.progress, list)
    return "\n".join(run.progress)


@pytest.mark.parametrize("state", [State.FUNDED, State.SETTLED], ids=lambda s: s.name)
def test_a_new_run_finishes_what_another_left(stage: StageAt, state: State) -> None:
    run = stage(state, fresh=True)
    assert run.play() == State.SETTLED
    assert run.world.market.node.balance(run.world.market.address) == 0
    summary = summarise(run)
    assert summary.attempts[-1].passed
    assert sum(line.amount for line in summary.experts) == run.world.broker.prices.expert_pool


def test_a_run_may_stop_between_any_two_transactions_of_a_step(stage: StageAt) -> None:
    """Attested but not settled; settled but nothing minted; minted but nothing withdrawn."""
    run = stage(State.PASSED)
    auditor = run.world.auditor
    auditor.record(run.trade_id, auditor.attest(run.trade_id))
    assert rejoined(run).play() == State.SETTLED
    run = stage(State.SETTLED)
    mint_licence(run.world.market, run.world.deployment.licence, run.world.stranger, run.trade_id)
    assert run.play() == State.SETTLED
    assert run.world.market.node.balance(run.world.market.address) == 0
    assert "the licence is minted" not in said(run)


def test_a_challenge_that_another_run_left_is_decided(stage: StageAt) -> None:
    run = stage(State.PASSED)
    run.world.challenger.challenge(run.trade_id, "too good to be true")
    run.leader().publish(run.trade_id)
    assert rejoined(run).play() == State.SETTLED
    assert "the verdict stands" in said(run)


def test_providers_on_record_are_paid_by_silent_oracles(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    run.script = replace(SMALL, silent_from=State.FUNDED, ends=State.REFUNDED)
    assert run.play() == State.REFUNDED
    summary = summarise(run)
    assert [(p.purpose, p.amount) for p in summary.payments[:3]] == [("data", 10**16)] * 3
    assert [a.purpose for a in summary.awards] == ["stake"]
    assert run.world.market.node.balance(run.world.market.address) == 0


def test_a_provider_that_refuses_is_not_in_the_trade(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    one, *others = run.world.providers
    narrow = Dataset(one.dataset.features[:, :5], one.dataset.labels)
    misfit = Provider(one.market, one.exchange, narrow, one.row_price, one.valid_seconds)
    run.world = replace(run.world, providers=(misfit, *others))
    run.negotiate()
    assert run.state() == State.FUNDED
    assert "makes no offer: features have shape" in said(run)
    assert run.offer is not None
    assert len(run.offer.quote.data_quotes) == 2
    run.deliver_data()
    assert "delivers nothing: the buyer did not buy the data" in said(run)
    assert run.state() == State.GATED


def test_too_little_data_refunds_and_ends(tmp_path: Path) -> None:
    script = replace(SMALL, name="all garbage", garbage_providers=3, ends=State.REFUNDED)
    run = fresh_run(script, tmp_path)
    before = run.world.market.node.balance(run.world.buyer.account.address)
    assert run.play() == State.REFUNDED
    after = run.world.market.node.balance(run.world.buyer.account.address)
    judged = run.world.broker.prices.oracle_fee
    assert 0 < before - after - judged < 10**17  # gas, nothing else
    summary = summarise(run)
    assert sum(p.amount for p in summary.payments if p.purpose == "oracle") == judged
    (refund,) = [p.amount for p in summary.payments if p.purpose == "refund"]
    assert refund == summary.price - judged


def test_a_broken_run_says_how_to_end_the_trade(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    run.world = replace(run.world, experts=())
    with pytest.raises(TradeRefused, match="no candidate"):
        run.play()
    assert f"--trade 0x{run.trade_id.hex()}" in said(run)


def test_well_known_keys_stay_on_devnets(stage: StageAt) -> None:
    run = stage(State.REQUESTED)
    node = run.world.market.node
    node.chain_id = 1
    with pytest.raises(WrongChain, match="this is chain 1; run them on a devnet"):
        require_devnet(node)
    with pytest.raises(WrongChain):
        build_world(node, run.world.store, SMALL, run.scenario, lambda line: None)
    assert node.gas_records == []
