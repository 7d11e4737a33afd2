"""An attempt without a usable model, or with none but a scored one, fails once training is over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from small_trade import SMALL, StageAt, collude, to_training_end

from marketplace.audit import audit
from marketplace.audit.checks.gate import _least_salt
from marketplace.protocol.attempts import is_scored
from marketplace.protocol.documents import NoModel, RecordedModel, Training, TrainingRecord
from marketplace.protocol.errors import (
    QuorumNotReached,
    StoreUnreachable,
    TradeRefused,
    TransactionReverted,
)
from marketplace.protocol.states import State
from marketplace.protocol.terms import AttemptFinding
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.roles.expert import Expert
from marketplace.roles.juror import rule
from marketplace.scripted.script import UNREACHABLE
from marketplace.scripted.trade import TradeRun
from offchain.oracle import leader
from offchain.oracle.absence import no_model, salted
from offchain.oracle.assembly import composed, gather
from offchain.oracle.attempt import AttemptProposal
from offchain.oracle.experts import TrainedModel, TrainingJob
from offchain.oracle.reexecution import Compared, Reexecution, first_difference
from offchain.oracle.signer import NO_DELIVERY
from offchain.storage.cid import cid_of, digest_of
from offchain.storage.disk import DiskStore
from offchain.training import Composite

NOBODY: tuple[Expert, ...] = ()
HARD = replace(SMALL, name="twice too hard", threshold=UNREACHABLE, ends=State.FAILED)
ONCE = replace(HARD, name="once too hard", max_attempts=1)


def after_training(run: TradeRun) -> None:
    """Let the time to train pass, to its last second and one more."""
    to_training_end(run, -1)


def said(run: TradeRun) -> NoModel:
    """What stands for the model of the last attempt."""
    finding = run.world.market.agreement(run.trade_id).last_attempt.finding
    return run.world.buyer.exchange.read(NoModel, finding.model)


def executed(run: TradeRun, exchange: Any) -> list[Compared]:
    number = run.world.market.status(run.trade_id).attempts
    return list(Reexecution(run.world.market, exchange, run.trade_id, number).steps())


def put_on_record(run: TradeRun, expert: Expert, model: bytes | None = None) -> TrainedModel:
    """Put a model on record, or bytes that are none, honestly signed for."""
    job = expert.own_job(run.trade_id)
    trained = expert.train(job)
    if model is not None:
        purpose, readers = f"model/{expert.address}/{job.attempt}", [expert.address]
        sealed = expert.exchange.seal(model, run.trade_id, purpose, readers)
        trained = TrainedModel(sealed, expert._signed(job, model))
    expert.record_delivery(run.trade_id, trained)
    return trained


@dataclass
class Stubborn:
    """An expert's owner that trains no better in a later attempt."""

    honest: Expert

    @property
    def address(self) -> str:
        return self.honest.address

    @property
    def kind(self) -> str:
        return self.honest.kind

    def train(self, job: TrainingJob) -> TrainedModel:
        first = self.honest.train(replace(job, attempt=1))
        exchange, members = self.honest.exchange, self.honest.market.current_committee().members
        model = exchange.unseal(first.sealed, job.trade_id, f"model/{self.address}/1")
        purpose = f"model/{self.address}/{job.attempt}"
        sealed = exchange.seal(model, job.trade_id, purpose, members)
        return TrainedModel(sealed, self.honest._signed(job, model))


# ------------------------------------------------------------------------ the leader


def test_nothing_usable_is_waited_for_and_then_a_failed_attempt(stage: StageAt) -> None:
    run = stage(State.GATED)
    market = run.world.market
    with pytest.raises(TradeRefused, match="no chosen expert delivered a usable model"):
        run.leader().report_attempt(run.trade_id, NOBODY)
    assert market.node.gas_records == []
    after_training(run)
    proposal = run.leader().report_attempt(run.trade_id, NOBODY)
    assert not proposal.passed
    status = market.status(run.trade_id)
    assert (status.state, status.attempts) == (State.GATED, 1)
    experts = market.agreement(run.trade_id).gate.experts
    assert [(one.expert, one.recorded) for one in said(run).experts] == [
        (expert, None) for expert in experts
    ]
    assert (said(run).trade, said(run).attempt, said(run).repeats) == (
        "0x" + run.trade_id.hex(),
        1,
        None,
    )
    assert run.play() == State.SETTLED
    report = audit(market.node.web3.provider, market.address, run.world.store)
    assert report.ok
    scores = market.disputes(run.trade_id)[-1]["args"]["scores"]
    assert scores == [0, 0]


def test_the_end_of_training_is_waited_for(stage: StageAt) -> None:
    run = stage(State.GATED)
    to_training_end(run, 60)
    with pytest.raises(TradeRefused, match="try again while there is time to train"):
        run.leader().report_attempt(run.trade_id, NOBODY)


def test_junk_on_record_is_judged_and_nobody_is_paid_for_it(stage: StageAt) -> None:
    """Unjudged, it would be paid its part of the pool, and the judges would lose stakes."""
    run = stage(State.GATED, ONCE)
    market, (one, *_) = run.world.market, run.world.experts
    put_on_record(run, one, b"no model")
    after_training(run)
    run.leader().report_attempt(run.trade_id, NOBODY)
    event = market.event(run.trade_id, "WorkDelivered")
    recorded = {each.expert: each.recorded for each in said(run).experts}
    assert recorded[one.address] == "0x" + bytes(event["commitment"]).hex()
    assert run.play() == State.FAILED
    assert not market.status(run.trade_id).unjudged
    assert market.credit_of(one.address) == 0
    assert market.log(run.trade_id)
    assert audit(market.node.web3.provider, market.address, run.world.store).ok


def test_a_model_on_record_is_taken_though_its_owner_is_out_of_reach(stage: StageAt) -> None:
    run = stage(State.GATED)
    trained = put_on_record(run, run.world.experts[0])
    after_training(run)
    proposal = run.leader().report_attempt(run.trade_id, NOBODY)
    record = run.world.signers[1].exchange.read(TrainingRecord, proposal.finding.training)
    assert record.trainings == (trained.training,)
    assert proposal.composite is not None


def test_who_put_junk_on_record_is_judged_by_it_alone(stage: StageAt) -> None:
    run = stage(State.GATED)
    one, *others = run.world.experts
    put_on_record(run, one, b"no model")
    proposal = run.leader().report_attempt(run.trade_id, run.world.experts)
    record = run.world.signers[1].exchange.read(TrainingRecord, proposal.finding.training)
    assert {training.expert for training in record.trainings} == {o.address for o in others}


def test_what_was_on_record_in_an_earlier_attempt_counts_no_more(stage: StageAt) -> None:
    run = stage(State.GATED)
    put_on_record(run, run.world.experts[0], b"no model")
    after_training(run)
    run.leader().report_attempt(run.trade_id, NOBODY)
    after_training(run)
    run.leader().report_attempt(run.trade_id, NOBODY)
    assert {each.recorded for each in said(run).experts} == {None}
    assert run.state() == State.REJECTED


def test_a_record_of_another_attempt_is_not_usable(stage: StageAt) -> None:
    run = stage(State.GATED)
    one = run.world.experts[0]
    trained = one.train(one.own_job(run.trade_id))
    late = trained.training.model_copy(update={"attempt": 2})
    one.record_delivery(run.trade_id, replace(trained, training=late))
    after_training(run)
    assert run.leader().report_attempt(run.trade_id, NOBODY).composite is None


def test_a_store_that_does_not_answer_is_no_fault_of_the_experts(
    stage: StageAt, tmp_path: Path
) -> None:
    class Silent(DiskStore):
        def get(self, cid: str, **limit: int) -> bytes:
            if cid == lost:
                raise StoreUnreachable("it does not answer", "start it")
            return super().get(cid, **limit)

    run = stage(State.GATED)
    put_on_record(run, run.world.experts[0])
    event = run.world.market.event(run.trade_id, "WorkDelivered")
    exchange = run.world.signers[0].exchange
    lost = exchange.read(RecordedModel, bytes(event["commitment"])).sealed.ciphertext
    exchange.store = Silent(run.world.store.path)  # type: ignore[attr-defined]  # on disk
    after_training(run)
    with pytest.raises(StoreUnreachable):
        run.leader().report_attempt(run.trade_id, NOBODY)


# ---------------------------------------------------------------------- repetitions


def test_the_models_of_an_earlier_attempt_cost_no_attempt_while_there_is_time(
    stage: StageAt,
) -> None:
    run = stage(State.GATED, HARD)
    market, experts = run.world.market, run.world.experts
    run.leader().report_attempt(run.trade_id, experts)
    sent = len(market.node.gas_records)
    stubborn = [Stubborn(expert) for expert in experts]
    with pytest.raises(TradeRefused, match="the models of attempt 1 again"):
        run.leader().report_attempt(run.trade_id, stubborn)
    assert len(market.node.gas_records) == sent
    better = [*stubborn[:-1], experts[-1]]
    assert run.leader().report_attempt(run.trade_id, better).composite is not None


def test_they_fail_once_training_is_over(stage: StageAt) -> None:
    run = stage(State.GATED, HARD)
    market, experts = run.world.market, run.world.experts
    run.leader().report_attempt(run.trade_id, experts)
    after_training(run)
    run.leader().report_attempt(run.trade_id, [Stubborn(expert) for expert in experts])
    assert said(run).repeats == 1
    assert run.play() == State.FAILED
    assert audit(market.node.web3.provider, market.address, run.world.store).ok


def test_equal_composites_have_one_digest_in_all_attempts(stage: StageAt) -> None:
    run = stage(State.GATED, HARD)
    leading = run.leader()
    case = leading.book.case(run.trade_id)
    first = leading.report_attempt(run.trade_id, run.world.experts)
    assert first.composite is not None
    payload = leading.exchange.unseal(first.composite, run.trade_id, "composite/1")
    composite = Composite.from_bytes(payload)
    votes = composite.evidence(case.validation.features)
    again = leading.propose(case, 2, composite, (), votes)
    assert again.finding.model == first.finding.model
    with pytest.raises(TransactionReverted, match="scored before"):
        collude(run, again.finding, passed=False)


# ------------------------------------------------------------------------ the seats


def absence(
    run: TradeRun,
    repeats: int | None = None,
    trainings: tuple[Training, ...] = (),
    record: dict[str, Any] | None = None,
    **document: Any,
) -> AttemptProposal:
    """What a leader proposes that says there is no model; parts of it may differ."""
    leading = run.leader()
    case = leading.book.case(run.trade_id)
    number = run.world.market.status(run.trade_id).attempts + 1
    honest = no_model(run.world.market, case, number, repeats)
    model = leading.exchange.publish(honest.model_copy(update=document))
    signed = TrainingRecord(trade=case.name, trainings=trainings).model_copy(update=record or {})
    training = leading.exchange.publish(signed)
    finding = AttemptFinding(model, training, NO_DELIVERY, model, ())
    return AttemptProposal(number, None, finding)


def test_what_experts_grind_into_their_records_stops_no_report() -> None:
    said = NoModel(trade="0x" + "00" * 32, attempt=2, repeats=None, experts=(), salt=0)
    digests = [digest_of(cid_of(said.model_copy(update={"salt": n}).to_bytes())) for n in range(3)]
    alike = [bytes(28) + digest[28:] for digest in digests]  # other models of equal fingerprints
    assert salted(said, []).salt == salted(said, alike[1:]).salt == 0
    assert salted(said, alike[:1]).salt == salted(said, digests[:1]).salt == 1
    assert salted(said, [alike[1], alike[0]]).salt == 2
    assert _least_salt(said, alike[:2]) == 2
    assert not is_scored(bytes(31) + b"\2", alike)


def refuses(run: TradeRun, proposal: AttemptProposal, reason: str) -> None:
    with pytest.raises(TradeRefused, match=reason):
        run.world.signers[1].review_attempt(run.trade_id, proposal)


def test_a_seat_signs_what_it_finds_itself(stage: StageAt) -> None:
    run = stage(State.GATED)
    refuses(run, absence(run), "the time to train is not over")
    after_training(run)
    run.world.signers[1].review_attempt(run.trade_id, absence(run))


def test_a_seat_refuses_while_a_usable_model_is_on_record(stage: StageAt) -> None:
    run = stage(State.GATED)
    put_on_record(run, run.world.experts[0])
    after_training(run)
    refuses(run, absence(run), "has a usable model that was not scored")


def test_a_seat_asks_the_experts_that_it_knows(stage: StageAt) -> None:
    run = stage(State.GATED)
    after_training(run)
    run.world.signers[1].owners = run.world.experts[:1]
    refuses(run, absence(run), f"{run.world.experts[0].address} has a usable model")


def test_no_seat_signs_for_a_composite_without_a_model_that_is_on_record(stage: StageAt) -> None:
    run = stage(State.GATED)
    one, *others = run.world.experts
    leading = run.leader()
    case = leading.book.case(run.trade_id)
    found = gather(leading.book, run.trade_id, 1, others)
    composite, trainings = composed(leading.book, run.trade_id, found)
    assert composite is not None
    votes = composite.evidence(case.validation.features)
    proposal = leading.propose(case, 1, composite, trainings, votes)
    put_on_record(run, one)
    refuses(run, proposal, f"the usable model that {one.address} put on record is left out")
    put_on_record(run, one, b"no model")
    run.world.signers[1].review_attempt(run.trade_id, proposal)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"experts": ()}, "not what the chain says"),
        ({"trade": "0x" + "00" * 32}, "not what the chain says"),
        ({"attempt": 2}, "not what the chain says"),
        ({"repeats": 1}, "not those of attempt 1"),
        ({"salt": 1}, "not what the chain says"),
        ({"record": {"trade": "0x" + "00" * 32}}, "about another trade"),
    ],
)
def test_a_seat_refuses_another_document(stage: StageAt, changes: Any, reason: str) -> None:
    run = stage(State.GATED)
    after_training(run)
    refuses(run, absence(run, **changes), reason)


@pytest.mark.parametrize(
    "change",
    [
        {"delivery": b"\1" * 32},
        {"amounts": (1,)},
        {"evidence": b"\1" * 32},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_seat_refuses_anything_else_in_the_report(stage: StageAt, change: Any) -> None:
    run = stage(State.GATED)
    after_training(run)
    honest = absence(run)
    changed = replace(honest, finding=replace(honest.finding, **change))
    refuses(run, changed, "holds something else")


def test_a_seat_refuses_sealed_evidence_beside_it(stage: StageAt) -> None:
    run = stage(State.GATED)
    after_training(run)
    exchange, case = run.leader().exchange, run.leader().book.case(run.trade_id)
    sealed = exchange.seal(b"", run.trade_id, "evidence/1", case.members)
    refuses(run, absence(run, record={"evidence": sealed}), "holds something else")


def test_new_models_are_no_repetition(stage: StageAt) -> None:
    run = stage(State.GATED, HARD)
    run.leader().report_attempt(run.trade_id, run.world.experts)
    after_training(run)
    ascending = sorted(run.world.experts, key=lambda expert: expert.address.lower())
    jobs = [(expert, expert.own_job(run.trade_id)) for expert in ascending]
    new = tuple(expert.train(job).training for expert, job in jobs)
    old = tuple(Stubborn(expert).train(job).training for expert, job in jobs)
    refuses(run, absence(run, repeats=1, trainings=new), "not those of attempt 1")
    refuses(run, absence(run, trainings=new), "not those of attempt None")
    refuses(run, absence(run, trainings=old), "not those of attempt None")
    run.world.signers[1].review_attempt(run.trade_id, absence(run, repeats=1, trainings=old))
    run.world.signers[1].owners = run.world.experts  # who have new ones
    refuses(run, absence(run, repeats=1, trainings=old), "a usable model that was not scored")


def test_a_seat_signs_no_verdict_on_models_that_were_scored(
    stage: StageAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stage(State.GATED, HARD)
    run.leader().report_attempt(run.trade_id, run.world.experts)
    monkeypatch.setattr(leader, "repeated_attempt", lambda *_: None)  # one who doesn't look
    with pytest.raises(QuorumNotReached, match="the models are those of attempt 1"):
        run.leader().report_attempt(
            run.trade_id, [Stubborn(expert) for expert in run.world.experts]
        )


# ------------------------------------------------------- execution, auditor and panel


def test_everybody_executes_what_they_can_open(stage: StageAt) -> None:
    run = stage(State.GATED, ONCE)
    put_on_record(run, run.world.experts[0], b"no model")
    after_training(run)
    run.leader().report_attempt(run.trade_id, NOBODY)
    run.leader().publish(run.trade_id)
    model = f"model {run.world.experts[0].address}"
    for party, outcome in (
        (run.world.signers[2], "equal"),
        (run.world.jurors[0], "equal"),
        (run.world.auditor, "sealed"),
    ):
        steps = {step.step: step for step in executed(run, party.exchange)}
        assert steps["absence"].outcome == "equal"
        assert steps[model].outcome == outcome
    run.world.auditor.examine(run.trade_id)


def lied_about(stage: StageAt) -> TradeRun:
    """Two oracles say that there is no model where one is on record."""
    run = stage(State.GATED, ONCE)
    put_on_record(run, run.world.experts[0])
    after_training(run)
    collude(run, absence(run).finding, passed=False)
    return run


def test_a_model_that_was_denied_is_found_by_execution(stage: StageAt) -> None:
    run = lied_about(stage)
    found = first_difference(executed(run, run.world.signers[2].exchange))
    assert found is not None
    assert (found.step, found.outcome) == (f"model {run.world.experts[0].address}", "different")


def test_the_panel_overturns_it(stage: StageAt) -> None:
    run = lied_about(stage)
    world, market = run.world, run.world.market
    world.challenger.challenge(run.trade_id, "there is a model on record")
    found = rule(market, world.stranger, world.jurors, run.trade_id, {})
    assert (found.stands, found.finding) == (False, "usable")
    market.node.advance_time(seconds_to_exit(market, run.trade_id))
    assert end_trade(market, world.stranger, run.trade_id) == State.REFUNDED
    report = audit(market.node.web3.provider, market.address, world.store)
    assert {check.name for check in report.objections} == {"seals"}  # which liars don't open


def test_the_panel_upholds_what_is_true(stage: StageAt) -> None:
    run = stage(State.GATED, ONCE)
    after_training(run)
    run.leader().report_attempt(run.trade_id, NOBODY)
    world = run.world
    world.challenger.challenge(run.trade_id, "they didn't look")
    assert rule(world.market, world.stranger, world.jurors, run.trade_id, {}).stands


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"experts": ()}, "not what the chain says"),
        ({"repeats": 1}, "not those of attempt 1"),
    ],
)
def test_auditor_and_panel_see_a_false_document(stage: StageAt, changes: Any, reason: str) -> None:
    run = stage(State.GATED, ONCE)
    after_training(run)
    collude(run, absence(run, **changes).finding, passed=False)
    with pytest.raises(TradeRefused, match=reason):
        run.world.auditor.examine(run.trade_id)
    run.world.challenger.challenge(run.trade_id, "it says something else than the chain")
    world = run.world
    assert not rule(world.market, world.stranger, world.jurors, run.trade_id, {}).stands


def test_a_model_is_asked_of_whoever_challenges_a_scored_attempt(stage: StageAt) -> None:
    run = stage(State.PASSED)
    run.leader().publish(run.trade_id)
    run.world.challenger.challenge(run.trade_id, "too good")
    with pytest.raises(TradeRefused, match="no model was handed in"):
        run.world.jurors[0].examine(run.trade_id, {})
