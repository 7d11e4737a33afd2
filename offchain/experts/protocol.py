"""What an expert is to the market: something that fits weighted rows and predicts probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Inputs = Literal["any", "table", "image", "text"]
Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Probabilities = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What one expert is given to learn from.

    Parameters
    ----------
    features
        Float32 of shape (n, *feature_shape), n >= 1.
    labels
        Int64 of shape (n,), each in [0, classes). Not every class need occur.
    weights
        Float32 of shape (n,), non-negative, not all zero: how much each row counts.
    seed
        Fixes every random choice.
    """

    features: Features
    labels: Labels
    weights: Features
    seed: int


@dataclass(frozen=True)
class Price:
    """What an owner asks for training, in wei.

    In a trade experts share one pool by contribution, so the price is the least an owner
    works for. Of zero it works for whatever its contribution earns.

    Parameters
    ----------
    fixed
        Asked for every job.
    per_row
        Asked for every row, as many times as the effort.
    """

    fixed: int = 0
    per_row: int = 0

    def of(self, rows: int, effort: int = 1) -> int:
        """Return the price of training on so many rows, in wei."""
        return self.fixed + self.per_row * rows * effort


@dataclass(frozen=True)
class Description:
    """What an expert says of itself.

    Parameters
    ----------
    kind
        Name under which the registry finds it.
    summary
        One sentence on how it learns.
    inputs
        What a row has to be: ``table``, ``image``, ``text`` (as
        :func:`offchain.data.text.encode_texts` writes them) or ``any``.
    keeps_rows
        Whether the fitted model contains (reduced) training rows, so that delivering it
        gives them away.
    price
        What its owner asks for training.
    """

    kind: str
    summary: str
    inputs: Inputs
    keeps_rows: bool = False
    price: Price = Price()

    def suits(self, feature_shape: tuple[int, ...], text: bool = False) -> bool:
        """Whether the expert can learn from rows of this shape, which may be texts.

        Texts travel as rows of bytes, so an expert for ``any`` rows takes them, as columns
        of numbers, for what that is worth.
        """
        given = "text" if text else "image" if len(feature_shape) > 1 else "table"
        return self.inputs in ("any", given)


class Priced:
    """An offer whose price is the one in its description."""

    def describe(self) -> Description:
        """Say what this expert is, can do and asks for."""
        raise NotImplementedError

    def quote(self, rows: int, effort: int = 1) -> int:
        """Return the price of training on so many rows, in wei."""
        return self.describe().price.of(rows, effort)


class FittedExpert(Protocol):
    """A trained model."""

    @property
    def kind(self) -> str:
        """Kind of the expert that made it."""
        ...

    def predict_proba(self, features: Features) -> Probabilities:
        """Return class probabilities of shape (n, C) for features (n, *feature_shape)."""
        ...

    def to_bytes(self) -> bytes:
        """Serialise without pickles; ``load_fitted`` is the inverse."""
        ...


class Expert(Protocol):
    """A way of learning that its owner offers."""

    def describe(self) -> Description:
        """Say what this expert is, can do and asks for."""
        ...

    def quote(self, rows: int, effort: int = 1) -> int:
        """Return the price of training on so many rows, in wei."""
        ...

    def fit(
        self,
        features: Features,
        labels: Labels,
        weights: Features,
        classes: int,
        seed: int,
        effort: int = 1,
    ) -> FittedExpert:
        """Train on weighted rows.

        Parameters
        ----------
        features
            Float32 of shape (n, *feature_shape), n >= 1.
        labels
            Int64 of shape (n,), each in [0, classes). Not every class need occur.
        weights
            Float32 of shape (n,), non-negative, not all zero: how much each row counts.
        classes
            Number of classes C of the task.
        seed
            Fixes every random choice.
        effort
            1 or more; a later attempt of a trade asks for more work than the first.
        """
        ...

    def load(self, data: bytes) -> FittedExpert:
        """Read what ``FittedExpert.to_bytes`` wrote, possibly by a stranger."""
        ...


class AtPrice(Priced):
    """An expert whose owner asks for another price than its kind does."""

    def __init__(self, inner: Expert, price: Price) -> None:
        self.inner = inner
        self.fit = inner.fit
        self.load = inner.load
        self.description = replace(inner.describe(), price=price)

    def describe(self) -> Description:
        """Return the kind's description with the owner's price."""
        return self.description


@runtime_checkable
class TrainsTogether(Protocol):
    """An expert that fits several lessons in less time than one after another."""

    def fit_together(
        self, lessons: Sequence[Lesson], classes: int, effort: int = 1
    ) -> list[FittedExpert]:
        """Train on each lesson apart, and return what :meth:`Expert.fit` would for each."""
        ...
