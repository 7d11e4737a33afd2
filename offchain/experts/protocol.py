"""What an expert is to the market: something that fits weighted rows and predicts probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]
Labels = NDArray[np.int64]
Probabilities = NDArray[np.float32]


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
        ``table``, ``image`` or ``any``.
    keeps_rows
        Whether the fitted model contains (reduced) training rows, so that delivering it
        gives them away.
    """

    kind: str
    summary: str
    inputs: str
    keeps_rows: bool = False

    def suits(self, feature_shape: tuple[int, ...]) -> bool:
        """Whether the expert can learn from rows of this shape."""
        return self.inputs in ("any", "image" if len(feature_shape) > 1 else "table")


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
        """Say what this expert is and can do."""
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
