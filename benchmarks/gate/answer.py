"""A method's answer for the test rows, and what is measured of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate.problem import Problem

BINS = 15
LEAST = 1e-4
"""Of a probability, before its logarithm is taken: one sure error must not decide a mean."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a method says of the test rows.

    Parameters
    ----------
    probabilities
        Float (n, C), rows summing to one.
    called
        Bool (n, E): whom it asked.
    seconds
        What it needs itself for one row, without the experts; NaN if not measured.
    """

    probabilities: NDArray[np.floating]
    called: NDArray[np.bool_]
    seconds: float = float("nan")


def measures(answer: Answer, problem: Problem) -> dict[str, float]:
    """Return accuracy, log-loss, calibration error, calls, cost and load of one answer.

    ``cost`` is the experts' time for one row, in microseconds; ``top_share`` the largest
    share that one expert has of all calls; ``overhead`` the method's own time over that of
    the experts it calls.
    """
    chances, labels = answer.probabilities, problem.test_labels
    decided = chances.argmax(axis=1)
    right = decided == labels
    told = chances[np.arange(len(labels)), labels]
    cost = (answer.called @ problem.seconds).mean()
    return {
        "accuracy": float(right.mean()),
        "log_loss": float(-np.log(np.clip(told, LEAST, 1.0)).mean()),
        "ece": calibration_error(chances.max(axis=1), right),
        "calls": float(answer.called.sum(axis=1).mean()),
        "cost": float(cost * 1e6),
        "top_share": float(
            answer.called.mean(axis=0).max()
            / max(answer.called.mean(), 1e-9)
            / answer.called.shape[1]
        ),
        "overhead": answer.seconds / cost if cost else float("nan"),
    }


def calibration_error(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over 15 equal bins (Guo et al. 2017, eq. 3)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    apart = np.bincount(bins, right - confidence, BINS)
    return float(np.abs(apart).sum() / len(right))
