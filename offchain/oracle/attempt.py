"""Steps 7 and 8: one validation attempt's evidence and how its parts are named and sealed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from marketplace.protocol.documents import AttemptEvidence, Sealed
from marketplace.protocol.errors import UnreadableDataset
from offchain.oracle.case import Case
from offchain.storage.cid import cid_of, cid_of_digest
from offchain.validation import Evidence, Score, encode_evidence, encode_openings, score_votes


@dataclass(frozen=True)
class AttemptProposal:
    """What the leader asks the other signers to check and sign.

    Attributes
    ----------
    attempt
        1 and up.
    composite
        The composite model, sealed for the committee.
    model, training, delivery, evidence
        Digests for the report (32 bytes); delivery is zero unless passed.
    passed
        The verdict.
    """

    attempt: int
    composite: Sealed
    model: bytes
    training: bytes
    passed: bool
    delivery: bytes
    evidence: bytes


@dataclass(frozen=True)
class EvidenceParts:
    """The bytes behind an attempt's evidence, kept sealed until the trade has ended."""

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
        except (SafetensorError, KeyError) as error:
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


def score_of(case: Case, votes: Evidence) -> Score:
    """Score an attempt on the case's validation labels."""
    return score_votes(votes.predictions, votes.gates, case.validation.labels, case.task.metric)
