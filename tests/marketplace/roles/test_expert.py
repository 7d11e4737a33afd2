"""An expert trains on what the gate gave it, for the committee's eyes, and signs for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_trade import StageAt

from marketplace.protocol.documents import GateManifest, RecordedModel, Sealed
from marketplace.protocol.errors import ConfigurationError, EnvelopeError, TradeRefused, WrongShape
from marketplace.protocol.ids import seed_of
from marketplace.protocol.states import State
from marketplace.protocol.units import largest_remainder
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.roles.expert import Expert
from marketplace.scripted.trade import TradeRun
from offchain.experts import load_fitted
from offchain.oracle.experts import TrainingJob, require_signed
from offchain.storage.cid import cid_of, digest_of


def manifest_of(run: TradeRun) -> GateManifest:
    digest = bytes(run.world.market.event(run.trade_id, "DataReported")["report"]["gateEvidence"])
    return run.world.signers[0].exchange.read(GateManifest, digest)


def job_for(run: TradeRun, expert: Expert, attempt: int = 1) -> TrainingJob:
    subset = next(s for s in manifest_of(run).subsets if s.expert == expert.address)
    return TrainingJob(run.trade_id, attempt, run.scenario.task, 7, subset.sealed)


def test_trains_and_signs_for_the_model(stage: StageAt) -> None:
    run = stage(State.GATED)
    expert, seat = run.world.experts[1], run.world.signers[1]
    result = expert.train(job_for(run, expert))
    given = next(s for s in manifest_of(run).subsets if s.expert == expert.address)
    digest = require_signed(run.world.market.domain, run.trade_id, 1, given, result.training)
    purpose = f"model/{expert.address}/1"
    model = seat.exchange.unseal(result.sealed, run.trade_id, purpose)
    assert digest_of(cid_of(model)) == digest
    assert load_fitted(expert.kind, model).kind == expert.kind
    for party in (run.world.buyer, run.world.auditor, run.world.experts[0]):
        with pytest.raises(EnvelopeError):
            party.exchange.unseal(result.sealed, run.trade_id, purpose)


def test_the_same_job_gives_the_same_model(stage: StageAt) -> None:
    run = stage(State.GATED)
    expert = run.world.experts[0]
    first, again = (expert.train(job_for(run, expert)).training for _ in range(2))
    assert first.model == again.model
    other_attempt = expert.train(job_for(run, expert, attempt=2)).training
    assert other_attempt.model != first.model


def test_does_not_work_for_nothing(stage: StageAt) -> None:
    run = stage(State.GATED)
    one, two, _ = run.world.experts
    with pytest.raises(TradeRefused, match="did not give this subset"):
        one.train(job_for(run, two))
    elsewhere = Sealed(ciphertext=job_for(run, one).subset.ciphertext, envelope="x")
    with pytest.raises(TradeRefused, match="did not give this subset"):
        one.train(replace(job_for(run, one), subset=elsewhere))
    passed = stage(State.PASSED)
    with pytest.raises(TradeRefused, match="the trade is PASSED"):
        passed.world.experts[0].train(job_for(passed, passed.world.experts[0]))


def test_says_why_it_can_not_train(stage: StageAt) -> None:
    run = stage(State.GATED)
    one = run.world.experts[0]
    unknown = Expert(run.world.market, one.exchange, "crystal-ball")
    with pytest.raises(ConfigurationError, match="no expert of kind"):
        unknown.train(job_for(run, one))
    other_task = replace(run.scenario.task, feature_shape=(5, 6))
    with pytest.raises(WrongShape):
        one.train(replace(job_for(run, one), task=other_task))


def test_finds_its_own_work(stage: StageAt) -> None:
    run = stage(State.GATED)
    for expert in run.world.experts:
        job, given = expert.own_job(run.trade_id), job_for(run, expert)
        assert job == replace(given, seed=seed_of(run.trade_id))
    idle = Expert(run.world.market, run.world.broker.exchange, "logistic")
    with pytest.raises(TradeRefused, match="the gate did not choose"):
        idle.own_job(run.trade_id)
    early = stage(State.FUNDED)
    with pytest.raises(TradeRefused, match="the trade is FUNDED"):
        early.world.experts[0].own_job(early.trade_id)


def test_what_is_on_record_is_paid_though_nobody_judges(stage: StageAt) -> None:
    run = stage(State.GATED)
    market, (one, *others) = run.world.market, run.world.experts
    trained = one.train(one.own_job(run.trade_id))
    one.record_delivery(run.trade_id, trained)
    event = market.event(run.trade_id, "WorkDelivered")
    for judge in (*run.world.signers, *run.world.jurors):
        found = judge.exchange.read(RecordedModel, bytes(event["commitment"]))
        assert found.training == trained.training
        purpose = f"model/{one.address}/1"
        model = judge.exchange.unseal(found.sealed, run.trade_id, purpose)
        assert "0x" + digest_of(cid_of(model)).hex() == trained.training.model
    market.node.advance_time(seconds_to_exit(market, run.trade_id))
    assert end_trade(market, run.world.stranger, run.trade_id) == State.REFUNDED
    agreed = market.agreement(run.trade_id)
    shares = largest_remainder(agreed.deal.expert_pool, agreed.gate.weights)
    due = dict(zip(agreed.gate.experts, shares, strict=True))
    assert market.credit_of(one.address) == due[one.address] > 0
    assert [market.credit_of(other.address) for other in others] == [0, 0]
