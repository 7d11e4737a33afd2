"""An attempt executed again: equal for all who hold a key, and where it first differs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from small_trade import StageAt, collude

from marketplace.protocol.documents import TrainingRecord
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from marketplace.roles.expert import Expert
from marketplace.scripted.trade import TradeRun
from offchain.exchange import Exchange
from offchain.oracle.attempt import EvidenceParts, open_reported
from offchain.oracle.case import passed_attempt
from offchain.oracle.experts import TrainedModel, TrainingJob
from offchain.oracle.leader import OracleLeader
from offchain.oracle.reexecution import Compared, Reexecution, first_difference, overall
from offchain.storage.cid import cid_of, digest_of
from offchain.training import decode_subset, train_expert
from offchain.validation import Evidence, decode_evidence, encode_evidence


def executed(run: TradeRun, exchange: Exchange, number: int = 1) -> list[Compared]:
    return list(Reexecution(run.world.market, exchange, run.trade_id, number).steps())


def outcomes(steps: list[Compared]) -> dict[str, str]:
    """Return the outcome by step, without the experts' addresses."""
    return {step.step.split(" 0x")[0]: step.outcome for step in steps}


def test_a_seat_makes_every_step_again_bit_for_bit(stage: StageAt) -> None:
    run = stage(State.PASSED)
    steps = executed(run, run.world.signers[1].exchange)
    assert {step.outcome for step in steps} == {"equal"}
    assert overall(steps) == "equal"
    assert first_difference(steps) is None
    assert set(outcomes(steps)) == {
        "pool",
        *(f"probe {kind}" for kind in run.script.experts),
        "gate",
        "subset",
        "train",
        "openings",
        "predictions",
        "score",
        "allocation",
        "retrained score",
    }


def test_auditor_and_panel_execute_what_is_sealed_for_them(stage: StageAt) -> None:
    run = stage(State.SETTLED)
    for party in (run.world.auditor, run.world.jurors[0]):
        steps = executed(run, party.exchange)
        found = outcomes(steps)
        assert found["pool"] == found["train"] == found["predictions"] == "sealed"
        assert found["openings"] == found["score"] == found["allocation"] == "equal"
        assert overall(steps) == "equal"


def test_the_report_says_with_what_it_was_computed(stage: StageAt) -> None:
    run = stage(State.PASSED)
    again = Reexecution(run.world.market, run.world.signers[0].exchange, run.trade_id, number=1)
    recorded = again.recorded()
    trained = [name for name in recorded if name.startswith("train 0x")]
    assert set(recorded) == {"gate", "predictions", *trained}
    assert len(trained) >= 2
    for made in recorded.values():
        assert len(made.code) == 64
        assert {
            "python",
            "torch",
            "numpy",
            "lightgbm",
            "processor",
            "threads",
            "arithmetic",
        } <= set(made.environment)
        assert made.steps
        assert made.seed == run.world.signers[0].book.case(run.trade_id).seed


@dataclass
class Careless:
    """Trains with another seed than the trade's, and signs for what comes out."""

    honest: Expert

    @property
    def address(self) -> str:
        return self.honest.address

    @property
    def kind(self) -> str:
        return self.honest.kind

    def train(self, job: TrainingJob) -> TrainedModel:
        exchange, trade = self.honest.exchange, job.trade_id
        given = exchange.unseal(job.subset, trade, f"subset/{self.address}")
        model = train_expert(self.kind, decode_subset(given, job.task), job.task, job.seed + 1)
        members = self.honest.market.current_committee().members
        sealed = exchange.seal(model, trade, f"model/{self.address}/{job.attempt}", members)
        return TrainedModel(sealed, self.honest._signed(job, model))


def test_a_model_trained_otherwise_is_where_it_first_differs(stage: StageAt) -> None:
    run = stage(State.GATED)
    careless = next(owner for owner in run.world.experts if owner.kind == "extra-trees")
    owners = [Careless(owner) if owner is careless else owner for owner in run.world.experts]
    first, *peers = run.world.signers
    OracleLeader(first, peers, run.progress).report_attempt(run.trade_id, owners)
    steps = executed(run, first.exchange)
    found = first_difference(steps)
    assert found is not None
    assert found.step == f"train {careless.address}"
    assert "extra-trees's answers" in found.detail
    (rescored,) = (step for step in steps if step.step == "retrained score")
    assert "ppm apart" in rescored.detail
    others = [step.outcome for step in steps if step not in (found, rescored)]
    assert set(others) == {"equal"}


def test_forged_votes_differ_at_the_predictions(stage: StageAt) -> None:
    run, honest = stage(State.GATED, store_of=State.PASSED), stage(State.PASSED)
    seat, market = run.world.signers[0], honest.world.market
    true = passed_attempt(market, run.trade_id)
    case, exchange = seat.book.case(run.trade_id), seat.exchange
    record = exchange.read(TrainingRecord, true.finding.training)
    parts = open_reported(exchange, case, true)
    votes = decode_evidence(parts.votes)
    worst = Evidence(votes.experts, votes.predictions[:, :, ::-1].copy(), votes.gates)
    forged = EvidenceParts(encode_evidence(worst), parts.openings)
    sealed = exchange.seal(forged.to_bytes(), run.trade_id, "evidence/1", case.members)
    training = exchange.publish(record.model_copy(update={"evidence": sealed}))
    evidence = digest_of(cid_of(forged.document(case, 1, training).to_bytes()))
    collude(run, replace(true.finding, training=training, evidence=evidence))
    steps = executed(run, seat.exchange)
    found = first_difference(steps)
    assert found is not None
    assert (found.step, found.outcome) == ("predictions", "different")
    assert outcomes(steps)["train"] == "equal"
    assert outcomes(steps)["score"] == "different"
    assert overall(steps) == "different"


def test_an_attempt_that_never_was_is_refused(stage: StageAt) -> None:
    run = stage(State.PASSED)
    with pytest.raises(TradeRefused, match="no attempt 2"):
        executed(run, run.world.signers[0].exchange, 2)
