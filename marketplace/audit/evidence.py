"""The evidence of one trade: each document where the log names it, and the files behind it.

Every method raises `Unavailable` if the evidence is missing or sealed, if its bytes are not
what their name says, or if it is evidence of something else.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from eth_utils.address import is_address, to_checksum_address
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load

from marketplace.audit.archive import Archive, Unavailable
from marketplace.audit.records import Attested, ReportedAttempt
from marketplace.audit.trade import Trade
from marketplace.protocol.documents import (
    AttemptEvidence,
    Attestation,
    DataManifest,
    DataNeed,
    DeliveryManifest,
    GateManifest,
    NoModel,
    Sealed,
    Specification,
    TrainingRecord,
)
from marketplace.protocol.errors import MarketError, UnreadableDataset
from offchain.data.dataset import Task
from offchain.storage.cid import cid_of_digest
from offchain.validation.commitment import Opening, decode_openings, opened_labels
from offchain.validation.evidence import Evidence, decode_evidence


class TradeEvidence:
    """What the store holds about one trade.

    Parameters
    ----------
    trade
        As the log tells it.
    archive
        Where the evidence lies.
    """

    def __init__(self, trade: Trade, archive: Archive) -> None:
        self._trade = trade
        self._archive = archive

    # ------------------------------------------------------------- the request

    def specification(self) -> Specification:
        """Return what the buyer wants."""
        return self._archive.document(Specification, self._trade.request.spec)

    def task(self) -> Task:
        """Return the task in the specification."""
        try:
            return Task.from_json(self.specification().task)
        except MarketError as error:
            raise Unavailable("failed", f"the specification has no task: {error.cause}") from error

    def data_need(self) -> DataNeed:
        """Return what the broker asked providers for."""
        acceptance = self._trade.acceptance
        need = self._archive.document(
            DataNeed, acceptance.quote.data_request if acceptance else b""
        )
        self._require_own(need.trade)
        return need

    # ------------------------------------------------------- data, gate, training

    def data_manifest(self) -> DataManifest:
        """Return how each delivery fared, which is what the report on chain says."""
        report, acceptance = self._trade.data, self._trade.acceptance
        manifest = self._archive.document(
            DataManifest, report.finding.data_evidence if report else b""
        )
        self._require_own(manifest.trade)
        quotes = acceptance.quote.data_quotes if acceptance else ()
        accepted = report.finding.accepted if report else 0
        reported = [(quote.provider, bool(accepted >> i & 1)) for i, quote in enumerate(quotes)]
        stored = [(account(entry.provider), entry.accepted) for entry in manifest.deliveries]
        if stored != reported:
            raise Unavailable("failed", f"it says {stored} where the report says {reported}")
        return manifest

    def gate_manifest(self) -> GateManifest:
        """Return which experts were candidates, and what each trained on."""
        report = self._trade.data
        manifest = self._archive.document(
            GateManifest, report.finding.gate_evidence if report else b""
        )
        self._require_own(manifest.trade)
        for name in (*manifest.candidates, *(subset.expert for subset in manifest.subsets)):
            account(name)
        return manifest

    def routing(self) -> NDArray[np.int16]:
        """Return the gate's integer weights over the training rows, shape (rows, candidates)."""
        manifest = self.gate_manifest()
        routing = self._archive.file(manifest.routing, _decode_routing)
        if routing.shape[1] != len(manifest.candidates):
            raise Unavailable(
                "failed",
                f"the routing array has {routing.shape[1]} columns"
                f" for {len(manifest.candidates)} candidates",
            )
        if not routing.any():
            raise Unavailable("failed", "the routing array routes nothing")
        return routing

    def training_record(self, attempt: ReportedAttempt) -> TrainingRecord:
        """Return the experts' signed commitments behind an attempt."""
        record = self._archive.document(TrainingRecord, attempt.finding.training)
        self._require_own(record.trade)
        for training in record.trainings:
            account(training.expert)
        return record

    def no_model(self, attempt: ReportedAttempt) -> NoModel:
        """Return what stands for the model of an attempt that had none."""
        document = self._archive.document(NoModel, attempt.finding.model)
        self._require_own(document.trade, document.attempt, attempt)
        return document

    def delivery_manifest(self, attempt: ReportedAttempt) -> DeliveryManifest:
        """Return where the buyer finds the model of a passed attempt."""
        manifest = self._archive.document(DeliveryManifest, attempt.finding.delivery)
        self._require_own(manifest.trade, manifest.attempt, attempt)
        return manifest

    # --------------------------------------------- sealed: bytes that others can open

    def sealed(self, payload: Sealed) -> None:
        """Require that a sealed payload and its envelope are there, byte for byte."""
        for cid in (payload.ciphertext, payload.envelope):
            self._archive.file(cid, len)

    def sealed_datasets(self) -> None:
        """Require every accepted dataset; what was refused may be anything."""
        for delivery in self.data_manifest().deliveries:
            if delivery.accepted:
                if delivery.sealed is None:
                    raise Unavailable("failed", f"{delivery.provider} delivered nothing")
                self.sealed(delivery.sealed)

    def sealed_subsets(self) -> None:
        """Require every expert's training subset."""
        for subset in self.gate_manifest().subsets:
            self.sealed(subset.sealed)

    def sealed_evidence(self, attempt: ReportedAttempt) -> None:
        """Require the evidence as it was sealed while the trade was open."""
        payload = self.training_record(attempt).evidence
        if payload is not None:
            self.sealed(payload)

    def delivered_model(self, attempt: ReportedAttempt) -> None:
        """Require the encrypted model and the key that was wrapped for the buyer."""
        self.sealed(self.delivery_manifest(attempt).sealed)

    # ---------------------------------------------- public once the verdict is final

    def attempt_evidence(self, attempt: ReportedAttempt) -> AttemptEvidence:
        """Return the document that names an attempt's votes and labels."""
        if attempt.finding.without_model:
            raise Unavailable("missing", f"attempt {attempt.number} had no model to score")
        self._require_public()
        evidence = self._archive.document(AttemptEvidence, attempt.finding.evidence)
        self._require_own(evidence.trade, evidence.attempt, attempt)
        if not names(evidence.training, attempt.finding.training):
            raise Unavailable("failed", f"it names another training record, {evidence.training}")
        return evidence

    def votes(self, attempt: ReportedAttempt) -> Evidence:
        """Return an attempt's quantised votes; experts are checksummed addresses."""
        document, task = self.attempt_evidence(attempt), self.task()
        votes = self._archive.file(document.votes, decode_evidence)
        _, rows, classes = votes.predictions.shape
        found = (rows, classes, document.classes, document.metric)
        asked = len(task.classes)
        due = (self._trade.request.validation_rows, asked, asked, task.metric)
        if found != due:
            raise Unavailable(
                "failed", f"rows, classes and metric are {found} where {due} were asked for"
            )
        return replace(votes, experts=tuple(account(name) for name in votes.experts))

    def openings(self, attempt: ReportedAttempt) -> tuple[Opening, ...]:
        """Return the opened labels of the validation rows, true or not."""
        return self._archive.file(self.attempt_evidence(attempt).openings, decode_openings)

    def labels(self, attempt: ReportedAttempt) -> NDArray[np.int64]:
        """Return the labels (n,) that the request commits to."""
        labels = opened_labels(self._trade.request.validation_root, self.openings(attempt))
        if labels is None:
            raise Unavailable("failed", "the opened labels are not those committed to")
        return labels

    def attestation(self, attested: Attested) -> Attestation:
        """Return what the auditor found."""
        attestation = self._archive.document(Attestation, attested.report)
        self._require_own(attestation.trade)
        if attestation.approved != attested.approved:
            raise Unavailable("failed", f"it says approved: {attestation.approved}")
        return attestation

    # --------------------------------------------------------------------- rules

    def _require_public(self) -> None:
        if not self._trade.public:
            raise Unavailable("sealed", "it opens when the verdict is final")

    def _require_own(
        self, trade: str, number: int | None = None, attempt: ReportedAttempt | None = None
    ) -> None:
        if trade != self._trade.name:
            raise Unavailable("failed", f"it is about trade {trade}")
        if attempt is not None and number != attempt.number:
            raise Unavailable("failed", f"it is about attempt {number}")


def account(text: str) -> str:
    """Return a checksummed address that a document names, however it is spelled."""
    if not is_address(text):
        raise Unavailable("failed", f"it names {text[:80]!r} as an account")
    return to_checksum_address(text)


def names(reference: str, digest: bytes) -> bool:
    """Tell whether a document refers to a digest, as a CID or as 0x-hex."""
    return reference in (cid_of_digest(digest), "0x" + digest.hex())


def _decode_routing(data: bytes) -> NDArray[np.int16]:
    """Read a routing array: safetensors with ``routing``, int16 of shape (rows, candidates)."""
    try:
        routing = load(data)["routing"]
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _not_routing(str(error)) from error
    if routing.dtype != np.int16 or routing.ndim != 2 or routing.size == 0:
        raise _not_routing(f"it is {routing.dtype} of shape {routing.shape}")
    if routing.min() < 0:
        raise _not_routing(f"it holds the weight {routing.min()}")
    return routing


def _not_routing(why: str) -> UnreadableDataset:
    return UnreadableDataset(
        f"the bytes are not a routing array: {why}", "fetch it again, or ask the oracle for it"
    )
