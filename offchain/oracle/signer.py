"""One seat of the committee: recomputes what the leader proposes, and signs only that.

A signer trusts the chain and its own key. Whatever it is handed is a reference: it
fetches, opens and recomputes by itself, and refuses with a reason when it finds
something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.chain.market import Market
from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import (
    DataManifest,
    GateManifest,
    ModelManifest,
    Sealed,
    SettlementEvidence,
    Training,
    TrainingRecord,
)
from marketplace.protocol.errors import BadSignature, TradeRefused
from marketplace.protocol.ids import score_seal
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import (
    AttemptReport,
    DataReport,
    GateReport,
    Opening,
    SettlementReport,
    TrainingCommitment,
)
from marketplace.protocol.typed_data import sign, signer_of
from marketplace.protocol.units import PARTS
from offchain.compute import work_on_one_core
from offchain.data import Dataset
from offchain.exchange import Exchange
from offchain.oracle.allocation import allocate
from offchain.oracle.attempt import AttemptProposal, EvidenceParts, score_of
from offchain.oracle.case import Case, accepted_quotes, committed_gate, open_case
from offchain.oracle.inspection import Inspection, inspect
from offchain.oracle.routing import GateDecision, decide_gate
from offchain.storage.cid import cid_of, cid_of_digest, digest_of
from offchain.training import Composite
from offchain.validation import Evidence, decode_evidence

QUANTUM = 1
"""Another machine's floating point may move a prediction across one rounding border."""

WEIGHT_TOLERANCE = PARTS // 50
"""Gate weights that differ by less than this (ppm) are the same decision."""


@dataclass(frozen=True)
class Verdict:
    """A signer's sealed score and its signature over the attempt."""

    seal: bytes
    signature: bytes


class OracleSigner:
    """One committee member with its account.

    Parameters
    ----------
    market
        The contract it serves, on its own node.
    exchange
        Its account, keys and storage.
    """

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account
        self._cases: dict[bytes, Case] = {}
        self._inspections: dict[tuple[bytes, tuple[Sealed | None, ...]], Inspection] = {}
        self._gates: dict[bytes, GateDecision] = {}
        self._scores: dict[tuple[bytes, int], int] = {}
        work_on_one_core()

    @property
    def address(self) -> str:
        """The seat's account, checksummed."""
        return self.account.address

    def case(self, trade_id: bytes) -> Case:
        """Open a trade once and remember it."""
        if trade_id not in self._cases:
            self._cases[trade_id] = open_case(self.market, self.exchange, trade_id)
        return self._cases[trade_id]

    # ------------------------------------------------------------------ reviews

    def review_data(self, trade_id: bytes, evidence: bytes) -> bytes:
        """Inspect every delivery and sign the data report if the findings agree."""
        case = self.case(trade_id)
        manifest = self.exchange.read(DataManifest, evidence)
        found = self.inspection(trade_id, [delivery.sealed for delivery in manifest.deliveries])
        theirs = [delivery.accepted for delivery in manifest.deliveries]
        ours = [delivery.accepted for delivery in found.manifest.deliveries]
        _require(ours == theirs, f"deliveries were accepted as {theirs}, this signer finds {ours}")
        return self._signed(DataReport(trade_id, case.committee_version, found.accepted, evidence))

    def review_gate(
        self,
        trade_id: bytes,
        evidence: bytes,
        roster: Mapping[str, str],
        weights: Mapping[str, int],
    ) -> bytes:
        """Fit the gate again from the delivered data and sign weights that agree.

        Parameters
        ----------
        roster
            Kind of each candidate by lowercase address.
        weights
            Proposed weights in parts per million by lowercase address, ascending.
        """
        case = self.case(trade_id)
        manifest = self.exchange.read(GateManifest, evidence)
        _require(
            manifest.candidates == tuple(sorted(roster)), "the manifest names other candidates"
        )
        ours = self.gate(trade_id, roster).weights
        apart = max(abs(ours.get(n, 0) - weights.get(n, 0)) for n in roster)
        _require(
            apart <= WEIGHT_TOLERANCE, f"a gate weight differs by {apart} ppm from this signer's"
        )
        return self._signed(
            GateReport(
                trade_id,
                case.committee_version,
                tuple(weights),
                tuple(weights.values()),
                evidence,
            )
        )

    def review_attempt(self, trade_id: bytes, proposal: AttemptProposal) -> Verdict:
        """Run the model on the validation rows, score it, and sign the verdict it earns."""
        case = self.case(trade_id)
        record = self.exchange.read(TrainingRecord, proposal.training)
        composite_bytes = self.exchange.unseal(
            proposal.composite, trade_id, f"composite/{proposal.attempt}"
        )
        composite = Composite.from_bytes(composite_bytes)
        self._require_trained(trade_id, proposal.attempt, composite, record)
        manifest = ModelManifest(
            trade=case.name,
            attempt=proposal.attempt,
            experts=tuple(composite.experts),
            composite=cid_of(composite_bytes),
        )
        _require(
            digest_of(cid_of(manifest.to_bytes())) == proposal.model,
            "the model's digest is not that of the composite",
        )
        votes = composite.evidence(case.validation.features)
        self._require_evidence(case, proposal, votes)
        score = score_of(case, votes).ppm
        passed = score >= case.request.threshold
        _require(passed == proposal.passed, f"the verdict is not what this signer finds ({passed})")
        return self._verdict(case, proposal, score)

    def review_settlement(
        self, trade_id: bytes, attempt: int, settlement: SettlementEvidence
    ) -> bytes:
        """Compute the allocation again from the sealed evidence and sign it if it is equal."""
        case = self.case(trade_id)
        event = self.market.event(trade_id, "AttemptReported")
        parts = self.evidence_parts(trade_id, bytes(event["report"]["training"]), attempt)
        ours = self.allocation(trade_id, attempt, parts)
        _require(ours == settlement, "the allocation is not what this signer computes")
        return self._signed(
            SettlementReport(
                trade_id,
                case.committee_version,
                tuple(share.expert for share in ours.shares),
                tuple(share.amount for share in ours.shares),
                digest_of(cid_of(ours.to_bytes())),
            )
        )

    # ------------------------------------------------------------- computations

    def inspection(self, trade_id: bytes, deliveries: Sequence[Sealed | None]) -> Inspection:
        """Inspect the deliveries (one per accepted quote, in their order), once."""
        key = (trade_id, tuple(deliveries))
        if key not in self._inspections:
            quotes = accepted_quotes(self.market, trade_id)
            self._inspections[key] = inspect(self.case(trade_id), self.exchange, quotes, deliveries)
        return self._inspections[key]

    def datasets(self, trade_id: bytes) -> dict[str, Dataset]:
        """Return the accepted datasets by the provider's lowercase address."""
        digest = bytes(self.market.event(trade_id, "DataDelivered")["evidence"])
        manifest = self.exchange.read(DataManifest, digest)
        return self.inspection(trade_id, [d.sealed for d in manifest.deliveries]).datasets

    def gate(
        self,
        trade_id: bytes,
        roster: Mapping[str, str],
        progress: Callable[[str], None] = lambda message: None,
    ) -> GateDecision:
        """Decide the gate from the delivered data, once per trade."""
        if trade_id not in self._gates:
            self._gates[trade_id] = decide_gate(
                self.case(trade_id), self.datasets(trade_id), roster, progress
            )
        return self._gates[trade_id]

    def evidence_parts(self, trade_id: bytes, training: bytes, attempt: int) -> EvidenceParts:
        """Open the sealed evidence of an attempt, named by its training record's digest."""
        record = self.exchange.read(TrainingRecord, training)
        if record.evidence is None:
            raise TradeRefused("the training record names no sealed evidence", "ask the leader")
        payload = self.exchange.unseal(record.evidence, trade_id, f"evidence/{attempt}")
        return EvidenceParts.from_bytes(payload)

    def allocation(self, trade_id: bytes, attempt: int, parts: EvidenceParts) -> SettlementEvidence:
        """Compute the division of the expert pool from an attempt's evidence."""
        case = self.case(trade_id)
        report = self.market.event(trade_id, "AttemptReported")["report"]
        experts, _ = committed_gate(self.market, trade_id)
        return allocate(
            case.name,
            attempt,
            cid_of_digest(bytes(report["evidence"])),
            decode_evidence(parts.votes),
            case.validation.labels,
            case.task.metric,
            experts,
            self.market.trade(trade_id).expert_pool,
        )

    def opening(self, trade_id: bytes, attempt: int, seal: bytes) -> Opening:
        """Reveal this seat's sealed score of an attempt; call only once the trade has ended."""
        if not self.market.trade(trade_id).state.final:
            raise TradeRefused("the trade is still running", "open scores once it has ended")
        score = self._scores.get((trade_id, attempt))
        if score is None:
            score = self._recomputed_score(trade_id, attempt)
        return Opening(self.address, seal, score, self._salt(trade_id, attempt))

    # ------------------------------------------------------------------- inside

    def _verdict(self, case: Case, proposal: AttemptProposal, score: int) -> Verdict:
        self._scores[case.trade_id, proposal.attempt] = score
        salt = self._salt(case.trade_id, proposal.attempt)
        seal = score_seal(case.trade_id, proposal.attempt, self.address, score, salt)
        report = AttemptReport(
            trade_id=case.trade_id,
            committee_version=case.committee_version,
            attempt=proposal.attempt,
            model=proposal.model,
            training=proposal.training,
            passed=proposal.passed,
            delivery=proposal.delivery,
            evidence=proposal.evidence,
            seal=seal,
        )
        return Verdict(seal, self._signed(report))

    def _require_trained(
        self, trade_id: bytes, attempt: int, composite: Composite, record: TrainingRecord
    ) -> None:
        """Require that each expert in the composite is what its owner signed for."""
        signed = {training.expert.lower(): training for training in record.trainings}
        for name, fitted in composite.experts.items():
            _require(name in signed, f"expert {name} signed no training commitment")
            training = signed[name]
            self._require_signature(trade_id, attempt, training)
            _require(
                training.model == "0x" + digest_of(cid_of(fitted.to_bytes())).hex(),
                f"the model of {name} is not the one that it signed for",
            )

    def _require_signature(self, trade_id: bytes, attempt: int, training: Training) -> None:
        commitment = TrainingCommitment(
            trade_id,
            training.expert,
            attempt,
            bytes.fromhex(training.subset[2:]),
            bytes.fromhex(training.model[2:]),
        )
        signature = bytes.fromhex(training.signature[2:])
        if signer_of(self.market.domain, commitment, signature) != training.expert:
            raise BadSignature(
                f"the training commitment of {training.expert} is by another account",
                "leave that expert out",
            )

    def _require_evidence(self, case: Case, proposal: AttemptProposal, ours: Evidence) -> None:
        """Require that the sealed votes are the composite's, up to one rounding border."""
        parts = self.evidence_parts(case.trade_id, proposal.training, proposal.attempt)
        document = parts.document(case, proposal.attempt, proposal.training)
        _require(
            digest_of(cid_of(document.to_bytes())) == proposal.evidence,
            "the evidence digest is not that of the sealed evidence",
        )
        theirs = decode_evidence(parts.votes)
        _require(
            theirs.experts == ours.experts
            and _close(theirs.predictions, ours.predictions)
            and _close(theirs.gates, ours.gates),
            "the sealed votes are not what the composite answers",
        )

    def _recomputed_score(self, trade_id: bytes, attempt: int) -> int:
        for event in self.market.log(trade_id):
            if event["event"] == "AttemptReported" and event["args"]["attempt"] == attempt:
                training = bytes(event["args"]["report"]["training"])
                parts = self.evidence_parts(trade_id, training, attempt)
                return score_of(self.case(trade_id), decode_evidence(parts.votes)).ppm
        raise TradeRefused(f"there was no attempt {attempt}", "name an attempt that was reported")

    def _salt(self, trade_id: bytes, attempt: int) -> bytes:
        return derived_secret(self.account, "score salt", trade_id, bytes([attempt]))

    def _signed(self, report: Struct) -> bytes:
        return sign(self.market.domain, report, self.account)


def _close(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    return one.shape == other.shape and bool(
        np.max(np.abs(one.astype(np.int32) - other.astype(np.int32)), initial=0) <= QUANTUM
    )


def _require(holds: bool, cause: str) -> None:
    if not holds:
        raise TradeRefused(cause, "let the leader propose again, or let the trade time out")
