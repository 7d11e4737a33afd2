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
        """The score in parts per million, rounded down."""
        return self.numerator * PPM // self.denominator

    @property
    def fraction(self) -> Fraction:
        """The score as an exact fraction in [0, 1]."""
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
    return score_decisions(decide(vote(predictions, gates)), labels, metric)
