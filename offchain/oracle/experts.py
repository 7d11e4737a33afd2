"""What the oracle asks of an expert's owner, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from marketplace.protocol.documents import Sealed, Training
from offchain.data import Task


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
    readers
        Accounts that the model is to be sealed for.
    """

    trade_id: bytes
    attempt: int
    task: Task
    seed: int
    subset: Sealed
    readers: tuple[str, ...]


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
