"""The bodies of questions and answers, each beside what it stands for in the oracle's own terms."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field

from marketplace.chain.market import ReportedAttempt
from marketplace.protocol.documents import Sealed, Training
from marketplace.protocol.errors import ProtocolError
from marketplace.protocol.terms import AttemptFinding, Opening
from marketplace.service.messages import (
    Bytes32Hex,
    Hex,
    Message,
    Part,
    bytes_of,
    unreadable,
)
from offchain.oracle.attempt import AttemptProposal
from offchain.oracle.experts import TrainedModel, TrainingJob
from offchain.oracle.signer import Verdict

Wei = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,38})$")]
Number = Annotated[int, Field(ge=1, le=255)]
Place = Annotated[str, Field(max_length=200)]
"""A CID; the store checks it."""


class AskData(Part):
    """Asks for a signature over data and gate."""

    data_evidence: Bytes32Hex
    gate_evidence: Bytes32Hex


class SignedData(Part):
    """A signature over data and gate."""

    signature: Hex


class Delivered(Part):
    """Where a sealed payload lies."""

    ciphertext: Place
    envelope: Place

    @classmethod
    def of(cls, sealed: Sealed) -> Self:
        """Write down where it lies."""
        return cls(ciphertext=sealed.ciphertext, envelope=sealed.envelope)

    def sealed(self) -> Sealed:
        """Return where it lies."""
        return Sealed(ciphertext=self.ciphertext, envelope=self.envelope)


class AskAttempt(Part):
    """Asks for a verdict: the proposal, field for field; no place where there is no model."""

    number: Number
    composite: Delivered | None
    model: Bytes32Hex
    training: Bytes32Hex
    delivery: Bytes32Hex
    evidence: Bytes32Hex
    amounts: list[Wei] = Field(max_length=256)

    @classmethod
    def of(cls, proposal: AttemptProposal) -> Self:
        """Write a proposal down."""
        finding = proposal.finding
        return cls(
            number=proposal.number,
            composite=None if proposal.composite is None else Delivered.of(proposal.composite),
            model=_hex(finding.model),
            training=_hex(finding.training),
            delivery=_hex(finding.delivery),
            evidence=_hex(finding.evidence),
            amounts=[str(amount) for amount in finding.amounts],
        )

    def proposal(self) -> AttemptProposal:
        """Return the proposal."""
        finding = AttemptFinding(
            model=bytes_of(self.model),
            training=bytes_of(self.training),
            delivery=bytes_of(self.delivery),
            evidence=bytes_of(self.evidence),
            amounts=tuple(int(amount) for amount in self.amounts),
        )
        composite = None if self.composite is None else self.composite.sealed()
        return AttemptProposal(self.number, composite, finding)


class SignedVerdict(Part):
    """A sealed score and a signature over an attempt."""

    seal: Bytes32Hex
    signature: Hex

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Write a verdict down."""
        return cls(seal=_hex(verdict.seal), signature=_hex(verdict.signature))

    def verdict(self) -> Verdict:
        """Return the verdict."""
        return Verdict(bytes_of(self.seal), bytes_of(self.signature))


class AskOpening(Part):
    """Asks for the score behind a seal; the attempt is as the chain has it."""

    number: Number

    def attempt(self, attempts: tuple[ReportedAttempt, ...]) -> ReportedAttempt:
        """Find the attempt on chain."""
        for attempt in attempts:
            if attempt.number == self.number:
                return attempt
        raise ProtocolError(f"no attempt {self.number} is reported", "look at the chain")


class Opened(Part):
    """A score in parts per million, and its salt."""

    score: int = Field(ge=0, le=1_000_000)
    salt: Bytes32Hex

    @classmethod
    def of(cls, opening: Opening) -> Self:
        """Write an opening down."""
        return cls(score=opening.score, salt=_hex(opening.salt))

    def opening(self) -> Opening:
        """Return the opening."""
        return Opening(self.score, bytes_of(self.salt))


class Nothing(Part):
    """A body that says nothing."""


class Deliveries(Part):
    """What providers handed to a seat: their own signed messages."""

    messages: list[Message] = Field(max_length=256)


class AskTraining(Part):
    """Asks an owner for a model; task and seed follow from the trade."""

    attempt: Number
    ciphertext: Place
    envelope: Place

    @classmethod
    def of(cls, job: TrainingJob) -> Self:
        """Write a job down."""
        return cls(
            attempt=job.attempt, ciphertext=job.subset.ciphertext, envelope=job.subset.envelope
        )

    def subset(self) -> Sealed:
        """Return where the subset lies."""
        return Sealed(ciphertext=self.ciphertext, envelope=self.envelope)


class Trained(Part):
    """Where a sealed model lies, and the commitment under it."""

    ciphertext: Place
    envelope: Place
    training: dict[str, Any]

    @classmethod
    def of(cls, trained: TrainedModel) -> Self:
        """Write down what was trained."""
        return cls(
            ciphertext=trained.sealed.ciphertext,
            envelope=trained.sealed.envelope,
            training=trained.training.model_dump(mode="json", by_alias=True),
        )

    def trained(self) -> TrainedModel:
        """Return what was trained; raises as `read_part`."""
        sealed = Sealed(ciphertext=self.ciphertext, envelope=self.envelope)
        try:
            return TrainedModel(sealed, Training.model_validate(self.training))
        except ValueError as error:
            raise unreadable("training commitment", error) from error


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
