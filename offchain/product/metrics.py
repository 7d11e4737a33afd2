"""Scores with the range in which they may lie, for all rows and for groups of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from offchain.data.dataset import Metric
from offchain.product.card import Measured
from offchain.validation import decide, gini, score_decisions

Z = 1.959964
"""97.5 % of a standard normal lie below: intervals hold 95 %."""

RESAMPLES, SEED = 1_000, 0
LEAST_ROWS = 10


def wilson(right: int, rows: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927, as in Brown, Cai and DasGupta 2001, eq. 4).

    Raises
    ------
    ValueError
        Unless 0 <= right <= rows and rows >= 1.
    """
    if rows < 1 or not 0 <= right <= rows:
        raise ValueError(f"{right} of {rows} rows is no share")
    share, square = right / rows, Z * Z
    middle = (right + square / 2.0) / (rows + square)
    half = Z * math.sqrt(rows) / (rows + square)
    half *= math.sqrt(share * (1.0 - share) + square / (4.0 * rows))
    return max(0.0, middle - half), min(1.0, middle + half)


def measure(
    votes: NDArray[np.int64],
    labels: NDArray[np.int64],
    metric: Metric,
    groups: Sequence[str] | None = None,
) -> tuple[Measured, ...]:
    """Return the accuracy and the task's own metric, of all rows and of each group.

    Accuracy has a Wilson interval; other metrics have the percentiles of 1,000 resamples of the
    rows (Efron 1979), seed 0. A group of fewer than 10 rows has no interval that says anything
    and is given as a count only; so is a Gini coefficient where a class is missing.

    Parameters
    ----------
    votes
        Int64 (n, C).
    labels
        Int64 (n,), n >= 1.
    groups
        Name of each row's group.
    """
    parts = {"": np.ones(len(labels), bool)}
    if groups is not None:
        named = np.array(groups)
        parts |= {str(name): named == name for name in sorted(set(groups))}
    found = []
    for name, members in parts.items():
        found.append(_accuracy(name, votes[members], labels[members]))
        if metric != "accuracy":
            found.append(_resampled(name, votes[members], labels[members], metric))
    return tuple(found)


def _accuracy(group: str, votes: NDArray[np.int64], labels: NDArray[np.int64]) -> Measured:
    rows = len(labels)
    if rows < LEAST_ROWS:
        return _silent("accuracy", group, rows)
    right = int((decide(votes) == labels).sum())
    low, high = wilson(right, rows)
    return Measured(
        metric="accuracy",
        group=group,
        rows=rows,
        estimate=right / rows,
        low=low,
        high=high,
        method="Wilson",
    )


def _resampled(
    group: str, votes: NDArray[np.int64], labels: NDArray[np.int64], metric: Metric
) -> Measured:
    rows = len(labels)
    if rows < LEAST_ROWS or (metric == "gini" and len(set(labels.tolist())) < 2):
        return _silent(metric, group, rows)
    score = _score_of(metric)
    generator = np.random.default_rng(SEED)
    drawn: list[float] = []
    while len(drawn) < RESAMPLES:
        chosen = generator.integers(rows, size=rows)
        if metric != "gini" or len(np.unique(labels[chosen])) == 2:
            drawn.append(score(votes[chosen], labels[chosen]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Measured(
        metric=metric,
        group=group,
        rows=rows,
        estimate=score(votes, labels),
        low=float(low),
        high=float(high),
        method=f"bootstrap, {RESAMPLES} resamples, percentiles, seed {SEED}",
    )


def _score_of(metric: Metric) -> Callable[[NDArray[np.int64], NDArray[np.int64]], float]:
    def score(votes: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
        if metric == "gini":
            return float(gini(votes[:, 1] - votes[:, 0], labels).fraction)
        return float(score_decisions(decide(votes), labels, metric).fraction)

    return score


def _silent(metric: str, group: str, rows: int) -> Measured:
    return Measured(
        metric=metric,
        group=group,
        rows=rows,
        estimate=None,
        low=None,
        high=None,
        method="too few rows, or one class only",
    )
