"""An outsider's expert at arm's length: its failures are refusals, and its input a copy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from marketplace.protocol.errors import MarketError, UnreadableModel, UnusableData
from offchain.data.names import shown
from offchain.experts.protocol import (
    Description,
    Expert,
    Features,
    FittedExpert,
    Labels,
    Probabilities,
)


class Guarded:
    """An expert of which any exception becomes one that the market knows.

    The routines of those that ship fail in few, known ways. An outsider's may do anything,
    and must not end the trade of the others.
    """

    def __init__(self, inner: Expert) -> None:
        self.inner = inner
        self.description = inner.describe()

    def describe(self) -> Description:
        """Return what the outsider said when it was loaded."""
        return self.description

    def quote(self, rows: int, effort: int = 1) -> int:
        """Return its price in wei.

        Raises
        ------
        UnusableData
            If it asks for something else than whole, non-negative wei.
        """
        with self._fitting():
            price = self.inner.quote(rows, effort)
            if type(price) is not int or price < 0:
                raise ValueError(f"it quotes {price!r} wei")
        return price

    def fit(
        self,
        features: Features,
        labels: Labels,
        weights: Features,
        classes: int,
        seed: int,
        effort: int = 1,
    ) -> FittedExpert:
        """Train on copies of the rows, which others train on, too.

        Raises
        ------
        UnusableData
            If it fails.
        """
        with self._fitting():
            rows = np.array(features), np.array(labels), np.array(weights)
            return GuardedModel(self.inner.fit(*rows, classes, seed, effort), self.description.kind)

    def load(self, data: bytes) -> FittedExpert:
        """Read a model.

        Raises
        ------
        UnreadableModel
            If it fails.
        """
        with _answering(self.description.kind):
            return GuardedModel(self.inner.load(data), self.description.kind)

    @contextmanager
    def _fitting(self) -> Iterator[None]:
        try:
            yield
        except MarketError:
            raise
        except Exception as error:
            raise UnusableData(
                f"{self.description.kind} fails on these rows ({_said(error)})",
                "go on without this expert",
            ) from error


class GuardedModel:
    """A model of which any exception becomes `UnreadableModel`."""

    def __init__(self, inner: FittedExpert, kind: str) -> None:
        self.inner = inner
        self.kind = kind

    def predict_proba(self, features: Features) -> Probabilities:
        """Answer for copies of the rows; see `offchain.training.predictions` for the checks."""
        with _answering(self.kind):
            return self.inner.predict_proba(np.array(features))

    def to_bytes(self) -> bytes:
        """Serialise; what is no bytes is refused."""
        with _answering(self.kind):
            data = self.inner.to_bytes()
            if not isinstance(data, bytes):
                raise TypeError(f"its model is {type(data).__name__}, not bytes")
            return data


@contextmanager
def _answering(kind: str) -> Iterator[None]:
    try:
        yield
    except MarketError:
        raise
    except Exception as error:
        raise UnreadableModel(
            f"the model of {kind} fails ({_said(error)})", "go on without this expert"
        ) from error


def _said(error: Exception) -> str:
    return shown(f"{type(error).__name__}: {error}", 150)
