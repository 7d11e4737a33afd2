"""What the oracle asks of an expert's owner, and how it checks what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from marketplace.protocol.documents import Sealed, Subset, Training
from marketplace.protocol.errors import BadSignature, ProtocolError, TradeRefused
from marketplace.protocol.terms import TrainingCommitment
from marketplace.protocol.typed_data import Domain, signer_of
from offchain.data import Task
from offchain.storage.cid import digest_of


@dataclass(frozen=True)
class TrainingJob:
    """One expert's work for one attempt.

    Attributes
    ----------
    trade_id
        32 bytes.
    attempt
        1 and up; a later attempt asks for more effort.
    task
        What the model is for.
    seed
        Fixes every random choice.
    subset
        The weighted subset, sealed for the expert.
    """

    trade_id: bytes
    attempt: int
    task: Task
    seed: int
    subset: Sealed


@dataclass(frozen=True)
class TrainedModel:
    """A trained model, sealed for the committee, and the owner's signature under it."""

    sealed: Sealed
    training: Training


class ExpertOwner(Protocol):
    """An independent owner that trains when asked."""

    @property
    def address(self) -> str:
        """The owner's account, checksummed."""
        ...

    @property
    def kind(self) -> str:
        """The kind of expert it offers."""
        ...

    def train(self, job: TrainingJob) -> TrainedModel:
        """Train on the subset and return the sealed model; a `MarketError` drops the expert."""
        ...


def require_signed(
    domain: Domain, trade_id: bytes, attempt: int, given: Subset, training: Training
) -> bytes:
    """Require that an owner signed for a model trained on the subset that the gate gave it.

    Returns
    -------
    bytes
        Digest of the model that it signed for, 32 bytes.

    Raises
    ------
    TradeRefused
        If the commitment is for another expert, attempt or subset.
    BadSignature
        If another account signed it.
    ProtocolError
        If it can't be read.
    """
    digest = digest_of(given.sealed.ciphertext)
    signed_for = (training.expert, training.attempt, _bytes(training.subset))
    if signed_for != (given.expert, attempt, digest):
        raise TradeRefused(
            f"{given.expert} signed for another subset, attempt or expert", "leave that expert out"
        )
    model = _bytes(training.model)
    commitment = TrainingCommitment(trade_id, given.expert, attempt, digest, model)
    if signer_of(domain, commitment, _bytes(training.signature)) != given.expert:
        raise BadSignature(
            f"the training commitment of {given.expert} is by another account",
            "leave that expert out",
        )
    return model


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise ProtocolError(f"{text[:20]!r} is not hex", "ask for it again") from error
