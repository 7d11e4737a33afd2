"""Steps 7 and 8: one validation attempt's evidence and how its parts are named and sealed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from marketplace.chain.market import ReportedAttempt
from marketplace.protocol.documents import AttemptEvidence, ModelManifest, Sealed, TrainingRecord
from marketplace.protocol.errors import TradeRefused, UnreadableDataset
from marketplace.protocol.terms import AttemptFinding
from offchain.exchange import Exchange
from offchain.oracle.case import Case
from offchain.storage.cid import cid_of, cid_of_digest, digest_of
from offchain.training import Composite
from offchain.validation import (
    Evidence,
    Score,
    decode_evidence,
    encode_evidence,
    encode_openings,
    score_votes,
)


@dataclass(frozen=True)
class AttemptProposal:
    """What the leader asks the other signers to check and sign.

    Attributes
    ----------
    number
        1 and up.
    composite
        The composite model, sealed for the committee; None where there is none to score.
    finding
        What goes on chain once a quorum has signed it.
    """

    number: int
    composite: Sealed | None
    finding: AttemptFinding

    @property
    def passed(self) -> bool:
        """The verdict that it stands for: a pass, and only a pass, delivers."""
        return any(self.finding.delivery)


@dataclass(frozen=True)
class EvidenceParts:
    """The bytes behind an attempt's evidence, kept sealed until the last verdict."""

    votes: bytes
    openings: bytes

    @classmethod
    def of(cls, case: Case, votes: Evidence) -> EvidenceParts:
        """Serialise votes and the openings of the validation labels."""
        return cls(encode_evidence(votes), encode_openings(case.commitment.openings))

    def to_bytes(self) -> bytes:
        """Join the parts into the payload that is sealed."""
        return save(
            {
                "openings": np.frombuffer(self.openings, np.uint8),
                "votes": np.frombuffer(self.votes, np.uint8),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> EvidenceParts:
        """Split an unsealed payload.

        Raises
        ------
        UnreadableDataset
            If it is something else.
        """
        try:
            arrays = load(data)
            return cls(arrays["votes"].tobytes(), arrays["openings"].tobytes())
        except (SafetensorError, KeyError, ValueError) as error:
            raise UnreadableDataset(
                f"the sealed evidence is not readable ({error})", "ask the oracle for it again"
            ) from error

    def document(self, case: Case, attempt: int, training: bytes) -> AttemptEvidence:
        """Return the document that names the parts; the chain holds its digest."""
        return AttemptEvidence(
            trade=case.name,
            attempt=attempt,
            metric=case.task.metric,
            classes=len(case.task.classes),
            votes=cid_of(self.votes),
            openings=cid_of(self.openings),
            training=cid_of_digest(training),
        )


def open_evidence(
    exchange: Exchange, case: Case, number: int, training: bytes, evidence: bytes
) -> EvidenceParts:
    """Open the sealed evidence of an attempt.

    Parameters
    ----------
    training, evidence
        Digests of the training record and the attempt evidence, 32 bytes each.

    Raises
    ------
    TradeRefused
        If it is not the evidence that the digest names.
    EnvelopeError, StorageError, DataError, ProtocolError
        If it can't be opened or read.
    """
    record = exchange.read(TrainingRecord, training)
    if record.trade != case.name or record.evidence is None:
        raise TradeRefused(
            "the training record names no sealed evidence of this trade", "ask the leader for it"
        )
    payload = exchange.unseal(record.evidence, case.trade_id, f"evidence/{number}")
    parts = EvidenceParts.from_bytes(payload)
    if digest_of(cid_of(parts.document(case, number, training).to_bytes())) != evidence:
        raise TradeRefused(
            "the sealed evidence is not the evidence of the report", "don't go by that report"
        )
    return parts


def open_reported(exchange: Exchange, case: Case, attempt: ReportedAttempt) -> EvidenceParts:
    """Open the sealed evidence of an attempt on chain; raises as `open_evidence`."""
    finding = attempt.finding
    return open_evidence(exchange, case, attempt.number, finding.training, finding.evidence)


def model_digest(trade: str, composite: Composite, payload: bytes) -> bytes:
    """Return the digest that names a composite on chain, 32 bytes.

    It follows from the model alone: gate and experts' models are in its bytes. The trade is
    in it so that a model sold twice can't be told by its digest.

    Parameters
    ----------
    trade
        Trade id as 0x-hex.
    payload
        The composite's own bytes.
    """
    manifest = ModelManifest(
        trade=trade,
        experts=tuple(composite.experts),
        composite=cid_of(payload),
    )
    return digest_of(cid_of(manifest.to_bytes()))


def reported_score(exchange: Exchange, case: Case, attempt: ReportedAttempt) -> int:
    """Return the score of an attempt on chain in parts per million: zero without a model.

    Raises as `open_evidence` and `score_of`.
    """
    if attempt.finding.without_model:
        return 0
    parts = open_reported(exchange, case, attempt)
    return score_of(case, decode_evidence(parts.votes)).ppm


def score_of(case: Case, votes: Evidence) -> Score:
    """Score an attempt on the case's validation labels.

    Raises
    ------
    TradeRefused
        If the votes are about other rows or classes.
    """
    rows, classes = votes.predictions.shape[1:]
    asked = len(case.validation), len(case.task.classes)
    if (rows, classes) != asked:
        raise TradeRefused(
            f"the votes are about {rows} rows and {classes} classes, not {asked[0]} and {asked[1]}",
            "don't go by that evidence",
        )
    return score_votes(votes.predictions, votes.gates, case.validation.labels, case.task.metric)
