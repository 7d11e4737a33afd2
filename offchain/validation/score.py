"""Scores as exact fractions, so that pass or fail never hangs on a rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from offchain.data.dataset import Metric
from offchain.validation.quantise import decide, vote

PPM = 1_000_000


@dataclass(frozen=True)
class Score:
    """A score as integers: ``numerator`` of ``denominator`` attainable points."""

    numerator: int
    denominator: int

    @property
    def ppm(self) -> int:
        """The score in parts per million, rounded down; a score below zero counts as zero."""
        return max(0, self.numerator * PPM // self.denominator)

    @property
    def fraction(self) -> Fraction:
        """The score as an exact fraction; only a Gini coefficient can be below zero."""
        return Fraction(self.numerator, self.denominator)


def class_weights(labels: NDArray[np.int64], metric: Metric) -> tuple[dict[int, int], int]:
    """Return the points that one correct row of each class earns, and the points in all.

    Accuracy gives every row one point. Balanced accuracy, the mean recall of the classes
    that occur, gives a row of class c ``L / n_c`` points, where n_c is the number of its
    rows and L the least common multiple of these numbers: integers, and no rounding.

    Raises
    ------
    ValueError
        If there are no labels.
    """
    found, counts = np.unique(labels, return_counts=True)
    if not found.size:
        raise ValueError("a score needs at least one labelled row")
    sizes = {int(label): int(count) for label, count in zip(found, counts, strict=True)}
    if metric == "accuracy":
        return dict.fromkeys(sizes, 1), len(labels)
    multiple = math.lcm(*sizes.values())
    return {label: multiple // size for label, size in sizes.items()}, multiple * len(sizes)


def score_decisions(
    decisions: NDArray[np.int64], labels: NDArray[np.int64], metric: Metric
) -> Score:
    """Score decided classes against the true ones, both of shape (n,)."""
    points, total = class_weights(labels, metric)
    right = labels[decisions == labels]
    found, counts = np.unique(right, return_counts=True)
    earned = sum(
        points[int(label)] * int(count) for label, count in zip(found, counts, strict=True)
    )
    return Score(earned, total)


def score_votes(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    labels: NDArray[np.int64],
    metric: Metric,
) -> Score:
    """Score the composite whose experts predicted (E, n, C) and were weighted (n, E)."""
    votes = vote(predictions, gates)
    if metric == "gini":
        return gini(votes[:, 1] - votes[:, 0], labels)
    return score_decisions(decide(votes), labels, metric)


def gini(ranks: NDArray[np.int64], labels: NDArray[np.int64]) -> Score:
    """Return the Gini coefficient (accuracy ratio) of a ranking of two classes.

    Of all pairs of a row of class 1 and a row of class 0, the share that is ranked right
    minus the share that is ranked wrong; ties count as neither. It equals 2 AUC - 1 (Hand
    and Till 2001, section 2), zero for a ranking that says nothing.

    Parameters
    ----------
    ranks
        Int64 (n,): higher means more likely class 1.
    labels
        Int64 (n,), each 0 or 1.

    Raises
    ------
    ValueError
        If one of the two classes does not occur.
    """
    positive, negative = ranks[labels == 1], np.sort(ranks[labels == 0])
    if not positive.size or not negative.size:
        raise ValueError("the Gini coefficient needs rows of both classes")
    below = int(np.searchsorted(negative, positive, "left").sum())
    not_above = int(np.searchsorted(negative, positive, "right").sum())
    pairs = len(positive) * len(negative)
    return Score(below + not_above - pairs, pairs)
