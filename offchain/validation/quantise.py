"""Where floating point ends: probabilities and gate weights become integers, votes stay exact.

Both scales are 11 bits, so a row's votes need at most ``experts * 2047**2``, far inside
int64, and every machine sums and compares the same integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALE = 2047
NO_VOTE = -1


def quantise_probabilities(probabilities: NDArray[Any]) -> NDArray[np.int16]:
    """Return q = round(2047 p), halves to even.

    Parameters
    ----------
    probabilities
        Floats in [0, 1], any shape.

    Raises
    ------
    ValueError
        If a value is not a finite number in [0, 1].
    """
    values = np.asarray(probabilities, np.float64)
    if not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError("probabilities must be finite and between 0 and 1")
    return np.rint(values * SCALE).astype(np.int16)


def quantise_gate(weights: NDArray[Any]) -> NDArray[np.int16]:
    """Divide 2047 units among the experts of each row in proportion to their weights.

    Largest remainder, the lower index first among equal ones: every row with a positive
    weight then has the same total say, and a weight of zero stays zero. Plain rounding
    would let totals differ between rows.

    Parameters
    ----------
    weights
        Finite, non-negative floats of shape (n, E); rows need not sum to one.

    Returns
    -------
    NDArray[np.int16]
        Shape (n, E); each row sums to 2047, or to 0 if all its weights are zero.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or the array is not two-dimensional.
    """
    values = np.asarray(weights, np.float64)
    if values.ndim != 2 or not np.all(np.isfinite(values) & (values >= 0.0)):
        raise ValueError("gate weights must be finite, non-negative and of shape (n, E)")
    totals = values.sum(axis=1, keepdims=True)
    shares = np.divide(values * SCALE, totals, out=np.zeros_like(values), where=totals > 0.0)
    units = np.floor(shares).astype(np.int64)
    missing = np.where(totals[:, 0] > 0.0, SCALE - units.sum(axis=1), 0)
    remainders = np.where(values > 0.0, shares - units, -1.0)
    order = np.argsort(-remainders, axis=1, kind="stable")
    extra = np.arange(values.shape[1])[None, :] < missing[:, None]
    np.add.at(units, (np.arange(len(values))[:, None], order), extra.astype(np.int64))
    result: NDArray[np.int16] = units.astype(np.int16)
    return result


def vote(predictions: NDArray[np.int16], gates: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return the composite's votes: sum over experts e of gates[row, e] * predictions[e, row, c].

    Parameters
    ----------
    predictions
        Quantised probabilities, shape (E, n, C).
    gates
        Quantised gate weights, shape (n, E).

    Returns
    -------
    NDArray[np.int64]
        Votes of shape (n, C).
    """
    votes: NDArray[np.int64] = np.einsum(
        "enc,ne->nc", predictions.astype(np.int64), gates.astype(np.int64)
    )
    return votes


def decide(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each row's class with the most votes, the lowest among equals; -1 without a vote."""
    return np.where(votes.max(axis=1) > 0, votes.argmax(axis=1), NO_VOTE)
