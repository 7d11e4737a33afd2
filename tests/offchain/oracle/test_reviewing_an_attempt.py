"""Step 8 from a signer's seat: model, votes, verdict and delivery are what it finds itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_trade import SMALL, StageAt

from marketplace.protocol.documents import DeliveryManifest, Training, TrainingRecord
from marketplace.protocol.errors import BadSignature, EnvelopeError, MarketError, TradeRefused
from marketplace.protocol.ids import score_seal
from marketplace.protocol.states import State
from marketplace.protocol.terms import TrainingCommitment
from marketplace.protocol.typed_data import sign, signer_of
from marketplace.roles.expert import Expert
from marketplace.scripted.trade import TradeRun
from offchain.experts import FittedExpert, load_fitted
from offchain.oracle.assembly import composed, gather
from offchain.oracle.attempt import AttemptProposal, EvidenceParts
from offchain.oracle.leader import OracleLeader
from offchain.oracle.reports import attempt_report
from offchain.oracle.signer import OracleSigner
from offchain.storage.cid import cid_of, digest_of
from offchain.training import Composite, train_expert
from offchain.validation import Evidence, encode_evidence

HARD = replace(SMALL, name="hard", threshold=1_000_000, ends=State.FAILED, max_attempts=1)


class Scoring:
    """A seat that is asked to review an attempt, and what an honest leader made."""

    def __init__(self, run: TradeRun) -> None:
        self.run = run
        self.said: list[str] = []
        self.leader: OracleLeader = run.leader()
        self.case = self.leader.book.case(run.trade_id)
        self.composite, self.trainings = assembled(
            run.world.signers[0], run.trade_id, run.world.experts, run.progress
        )
        self.votes = self.composite.evidence(self.case.validation.features)
        self.seat = run.world.signers[1]

    def proposal(
        self,
        composite: Composite | None = None,
        trainings: tuple[Training, ...] | None = None,
        votes: Evidence | None = None,
    ) -> AttemptProposal:
        model = composite or self.composite
        return self.leader.propose(
            self.case,
            1,
            model,
            self.trainings if trainings is None else trainings,
            votes or model.evidence(self.case.validation.features),
        )

    def reported(self, **changes: Any) -> AttemptProposal:
        honest = self.proposal()
        return replace(honest, finding=replace(honest.finding, **changes))

    def refuses(self, proposal: AttemptProposal, reason: str) -> None:
        with pytest.raises(TradeRefused, match=reason):
            self.seat.review_attempt(self.run.trade_id, proposal)

    def with_model(self, place: int, kind: str | None = None) -> Composite:
        """The composite with one expert's model replaced by one trained otherwise."""
        name = list(self.composite.experts)[place]
        fitted = self.composite.experts[name]
        _, decision = self.leader.book.committed_gate(self.run.trade_id)
        payload = train_expert(
            kind or fitted.kind, decision.routing.subsets[name], self.case.task, seed=12345
        )
        other = load_fitted(kind or fitted.kind, payload)
        return replace(self.composite, experts={**self.composite.experts, name: other})

    def training(self, place: int, **changes: Any) -> tuple[Training, ...]:
        """The commitments, one of them changed and signed again by its owner."""
        old = self.trainings[place].model_copy(update=changes)
        owner = next(e for e in self.run.world.experts if e.address == self.trainings[place].expert)
        return (
            *self.trainings[:place],
            resigned(self.run, owner, old),
            *self.trainings[place + 1 :],
        )


def assembled(
    seat: OracleSigner, trade_id: bytes, owners: Sequence[Expert], progress: Callable[[str], None]
) -> tuple[Composite, tuple[Training, ...]]:
    """Make the composite of the first attempt as a leader does."""
    found = gather(seat.book, trade_id, 1, owners, progress)
    composite, trainings = composed(seat.book, trade_id, found)
    assert composite is not None
    return composite, trainings


def resigned(run: TradeRun, owner: Expert, training: Training) -> Training:
    commitment = TrainingCommitment(
        run.trade_id,
        owner.address,
        training.attempt,
        bytes.fromhex(training.subset[2:]),
        bytes.fromhex(training.model[2:]),
    )
    signature = sign(run.world.market.domain, commitment, owner.account)
    return training.model_copy(update={"signature": "0x" + signature.hex()})


def hex_digest(fitted: FittedExpert) -> str:
    return "0x" + digest_of(cid_of(fitted.to_bytes())).hex()


@pytest.fixture
def scoring(stage: StageAt) -> Scoring:
    return Scoring(stage(State.GATED))


def test_signs_the_verdict_and_seals_the_score(scoring: Scoring) -> None:
    proposal = scoring.proposal()
    verdict = scoring.seat.review_attempt(scoring.run.trade_id, proposal)
    report = attempt_report(scoring.case, 1, proposal.finding, True, verdict.seal)
    domain = scoring.run.world.market.domain
    assert signer_of(domain, report, verdict.signature) == scoring.seat.address
    other = scoring.run.world.signers[2].review_attempt(scoring.run.trade_id, proposal)
    assert other.seal != verdict.seal
    guessed = [
        score_seal(scoring.run.trade_id, 1, scoring.seat.address, score, bytes(32))
        for score in range(900_000, 1_000_001, 1_000)
    ]
    assert verdict.seal not in guessed


def test_refuses_a_composite_of_bytes_that_nobody_signed_for(scoring: Scoring) -> None:
    changed = scoring.with_model(1)
    scoring.refuses(scoring.proposal(changed), "is not the one that it signed for")
    other_kind = scoring.with_model(0, "mlp")
    scoring.refuses(scoring.proposal(other_kind), "is not the one that it signed for")


def test_refuses_other_commitments(scoring: Scoring) -> None:
    one, *others = scoring.trainings
    cases: Mapping[str, tuple[Training, ...]] = {
        "signed for training": tuple(others),
        "the experts don't ascend": (*scoring.trainings, one),
        "don't ascend": scoring.trainings[::-1],
        "another subset, attempt or expert": scoring.training(0, attempt=2),
        "another subset, attempt": scoring.training(0, subset="0x" + "11" * 32),
        "not the one that it signed for": scoring.training(0, model="0x" + "22" * 32),
    }
    for reason, trainings in cases.items():
        scoring.refuses(scoring.proposal(trainings=trainings), reason)


def test_refuses_signatures_by_others(scoring: Scoring) -> None:
    one, two, *others = scoring.trainings
    forged = one.model_copy(update={"signature": two.signature})
    for trainings in (
        (forged, two, *others),
        (one.model_copy(update={"signature": "0x1234"}), two, *others),
        (one.model_copy(update={"signature": "0x" + "00" * 65}), two, *others),
    ):
        with pytest.raises(BadSignature):
            scoring.seat.review_attempt(scoring.run.trade_id, scoring.proposal(trainings=trainings))
    for field in ("signature", "model", "subset"):
        unreadable = one.model_copy(update={field: "no hex at all"})
        with pytest.raises(MarketError, match="not hex"):
            scoring.seat.review_attempt(
                scoring.run.trade_id, scoring.proposal(trainings=(unreadable, two, *others))
            )


def test_refuses_an_expert_that_the_gate_did_not_choose(scoring: Scoring) -> None:
    name, *rest = scoring.composite.experts
    outsider = scoring.run.world.stranger.address
    experts = {outsider.lower(): scoring.composite.experts[name]}
    experts |= {other: scoring.composite.experts[other] for other in rest}
    ordered = dict(sorted(experts.items()))
    trainings = [t for t in scoring.trainings if t.expert.lower() != name]
    trainings.append(scoring.trainings[0].model_copy(update={"expert": outsider}))
    trainings.sort(key=lambda training: training.expert.lower())
    composite = replace(scoring.composite, experts=ordered)
    scoring.refuses(scoring.proposal(composite, tuple(trainings)), "the gate did not choose")


def test_refuses_a_dropped_expert_whose_commitment_is_there(scoring: Scoring) -> None:
    """Leaving out a model that was delivered would take its owner's pay."""
    fewer = Composite(
        scoring.case.task,
        scoring.composite.gate,
        dict(list(scoring.composite.experts.items())[1:]),
    )
    votes = replace(
        scoring.votes,
        experts=scoring.votes.experts[1:],
        predictions=scoring.votes.predictions[1:],
        gates=scoring.votes.gates[:, 1:],
    )
    scoring.refuses(scoring.proposal(fewer, votes=votes), "signed for training")


def test_signs_when_an_expert_out_of_reach_was_dropped(scoring: Scoring) -> None:
    owners = scoring.run.world.experts[1:]
    composite, trainings = assembled(
        scoring.run.world.signers[0], scoring.run.trade_id, owners, scoring.said.append
    )
    assert len(composite.experts) == len(trainings) == 2
    assert any("its owner is out of reach" in line for line in scoring.said)
    scoring.seat.review_attempt(scoring.run.trade_id, scoring.proposal(composite, trainings))


def votes_with(
    votes: Evidence, change: Callable[[Evidence, np.random.Generator], None]
) -> Evidence:
    copied = Evidence(votes.experts, votes.predictions.copy(), votes.gates.copy())
    change(copied, np.random.default_rng(0))
    return copied


def nudge(entries: int, by: int) -> Callable[[Evidence, np.random.Generator], None]:
    def change(votes: Evidence, generator: np.random.Generator) -> None:
        inside = np.flatnonzero((votes.predictions > 10) & (votes.predictions < 2_000))
        places = generator.choice(inside, entries, replace=False)
        votes.predictions.reshape(-1)[places] += np.int16(by)

    return change


def test_signs_votes_on_the_other_side_of_a_rounding_border(scoring: Scoring) -> None:
    nearly = votes_with(scoring.votes, nudge(4, 1))
    scoring.seat.review_attempt(scoring.run.trade_id, scoring.proposal(votes=nearly))


def test_refuses_votes_that_the_composite_does_not_answer(scoring: Scoring) -> None:
    def swap_gates(votes: Evidence, _: np.random.Generator) -> None:
        votes.gates[:] = votes.gates[:, ::-1].copy()

    one_by_two = votes_with(scoring.votes, nudge(1, 2))
    many_by_one = votes_with(scoring.votes, nudge(100, 1))
    for votes in (one_by_two, many_by_one, votes_with(scoring.votes, swap_gates)):
        scoring.refuses(scoring.proposal(votes=votes), "not the composite's answers")
    renamed = replace(scoring.votes, experts=scoring.votes.experts[::-1])
    scoring.refuses(scoring.proposal(votes=renamed), "not the composite's answers")


def test_refuses_another_gate_inside_the_composite(scoring: Scoring) -> None:
    choosy = replace(scoring.composite, gate=replace(scoring.composite.gate, top_k=1))
    scoring.refuses(scoring.proposal(choosy), r"gate is .* apart from this signer's")


def test_refuses_a_composite_for_another_task(scoring: Scoring) -> None:
    other = replace(scoring.case.task, classes=("a", "b"))
    scoring.refuses(scoring.proposal(replace(scoring.composite, task=other)), "another task")


def test_refuses_a_wrong_verdict(scoring: Scoring) -> None:
    failed = scoring.reported(delivery=bytes(32), amounts=())
    scoring.refuses(failed, r"not what this signer finds \(passed\)")


def test_refuses_a_pass_below_the_threshold(stage: StageAt) -> None:
    scoring = Scoring(stage(State.GATED, HARD))
    honest = scoring.proposal()
    assert not honest.passed
    delivery = scoring.seat.exchange.publish(
        DeliveryManifest(trade=scoring.case.name, attempt=1, sealed=honest.composite)
    )
    pool = scoring.run.world.market.agreement(scoring.run.trade_id).deal.expert_pool
    for amounts in ((), (pool, 0, 0)):
        passed = scoring.reported(delivery=delivery, amounts=amounts)
        scoring.refuses(passed, r"not what this signer finds \(failed\)")
    scoring.refuses(scoring.reported(amounts=(pool, 0, 0)), "a failed attempt pays the experts")


def test_refuses_another_allocation(scoring: Scoring) -> None:
    one, two, *rest = scoring.proposal().finding.amounts
    assert one != two
    for amounts in (
        (),
        (one + 1, two - 1, *rest),
        (two, one, *rest),
        (one, two),
        (one, two, *rest, 0),
        (one - 1, two, *rest),
    ):
        scoring.refuses(scoring.reported(amounts=amounts), "not what this signer computes")


def test_divides_the_pool_to_the_last_wei(scoring: Scoring) -> None:
    run, finding = scoring.run, scoring.proposal().finding
    shares = scoring.seat.book.allocation(run.trade_id, scoring.votes)
    agreed = run.world.market.agreement(run.trade_id)
    assert tuple(share.expert for share in shares) == agreed.gate.experts
    assert finding.amounts == tuple(share.amount for share in shares)
    assert sum(finding.amounts) == agreed.deal.expert_pool
    gained = sum(share.contribution for share in shares)
    assert all(share.weight > 0 for share in shares)
    for share in shares:
        assert abs(share.amount - agreed.deal.expert_pool * share.contribution / gained) < 1


def test_refuses_a_delivery_of_something_else(scoring: Scoring) -> None:
    honest, exchange = scoring.proposal(), scoring.leader.exchange
    buyer = scoring.run.world.buyer.account.address
    other = exchange.seal(b"something else", scoring.run.trade_id, "composite/1", [buyer])
    name = scoring.case.name
    for manifest in (
        DeliveryManifest(trade=name, attempt=1, sealed=other),
        DeliveryManifest(trade=name, attempt=2, sealed=honest.composite),
        DeliveryManifest(trade="0x" + "00" * 32, attempt=1, sealed=honest.composite),
    ):
        delivery = exchange.publish(manifest)
        changed = replace(honest, finding=replace(honest.finding, delivery=delivery))
        scoring.refuses(changed, "the delivery is not the composite that was scored")


def test_refuses_another_model_digest_or_attempt(scoring: Scoring) -> None:
    scoring.refuses(scoring.reported(model=bytes(32)), "not that of the composite")
    scoring.refuses(replace(scoring.proposal(), number=2), "this is attempt 1, not 2")
    sealed = scoring.leader.exchange.seal(b"", bytes(32), "composite/1", scoring.case.members)
    elsewhere = replace(scoring.proposal(), composite=sealed)
    with pytest.raises(EnvelopeError, match="another context"):
        scoring.seat.review_attempt(scoring.run.trade_id, elsewhere)


def sealed_record(scoring: Scoring, parts: EvidenceParts, **changes: Any) -> AttemptProposal:
    """A proposal whose sealed evidence is given; digests fit it."""
    exchange = scoring.leader.exchange
    record = TrainingRecord(
        trade=scoring.case.name,
        trainings=scoring.trainings,
        evidence=exchange.seal(
            parts.to_bytes(), scoring.run.trade_id, "evidence/1", scoring.case.members
        ),
    ).model_copy(update=changes)
    training = exchange.publish(record)
    document = parts.document(scoring.case, 1, training)
    evidence = digest_of(cid_of(document.to_bytes()))
    return scoring.reported(training=training, evidence=evidence)


def test_refuses_openings_of_other_labels(scoring: Scoring) -> None:
    votes = encode_evidence(scoring.votes)
    scoring.refuses(
        sealed_record(scoring, EvidenceParts(votes, b"[]")), "not those of the validation labels"
    )


def test_refuses_evidence_that_is_not_there(scoring: Scoring) -> None:
    parts = EvidenceParts.of(scoring.case, scoring.votes)
    scoring.refuses(sealed_record(scoring, parts, evidence=None), "names no sealed evidence")
    scoring.refuses(
        sealed_record(scoring, parts, trade="0x" + "00" * 32), "about another trade|of this trade"
    )
    scoring.refuses(scoring.reported(evidence=bytes(32)), "not the evidence of the report")
    unreadable = EvidenceParts(b"no votes", parts.openings)
    with pytest.raises(MarketError, match="evidence is not readable"):
        scoring.seat.review_attempt(scoring.run.trade_id, sealed_record(scoring, unreadable))


def test_refuses_a_record_by_which_it_could_not_show_the_model(scoring: Scoring) -> None:
    parts = EvidenceParts.of(scoring.case, scoring.votes)
    scoring.refuses(sealed_record(scoring, parts), "names another sealed composite")
    other = scoring.proposal().composite
    scoring.refuses(sealed_record(scoring, parts, composite=other), "another sealed composite")


def test_refuses_when_no_attempt_is_due(stage: StageAt, scoring: Scoring) -> None:
    run = stage(State.PASSED)
    with pytest.raises(TradeRefused, match="PASSED"):
        run.world.signers[1].review_attempt(run.trade_id, scoring.proposal())
