"""The audit's own arithmetic of who contributed what, from votes, gate weights and labels.

It shares no line with the oracle's, nor its method: votes of every coalition are added up and
decided one by one, ranks are summed, skill is computed over Python's integers. It is slower:
16 experts in every one of 4,000 rows take it some ten seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.documents import Division
from marketplace.protocol.units import largest_remainder
from offchain.data.dataset import Metric

SCALE = 2047
MAX_EXPERTS = 20
_CELLS = 1 << 22

Integers = NDArray[np.int64]
Values = tuple[Fraction, ...]


def contributions(
    division: Division,
    predictions: NDArray[np.integer],
    gates: NDArray[np.integer],
    labels: Integers,
    metric: Metric,
) -> Values:
    """Return what each expert contributed under the rule that the request froze.

    Where nobody has a positive skill, Shapley values divide.

    Parameters
    ----------
    division
        The rule (`docs/protocol.md`, numbers that pay, 4).
    predictions, gates, labels
        Integers of shapes (E, n, C), (n, E) and (n,).
    metric
        What the score is.

    Raises
    ------
    ValueError
        If a row, or a ranking, is made by more experts than can be listed.
    """
    votes = predictions.astype(np.int64), gates.astype(np.int64), labels, metric
    values = _RULES[division](*votes)
    return values if max(values) > 0 else shapley_values(*votes)


def amounts_due(pool: int, values: Values) -> list[int]:
    """Divide the pool by the positive values, to the last unit; none if nothing is positive."""
    positive = [max(value, Fraction(0)) for value in values]
    common = math.lcm(*(value.denominator for value in positive))
    weights = [int(value * common) for value in positive]
    return largest_remainder(pool, weights) if any(weights) else []


def shapley_values(
    predictions: Integers, gates: Integers, labels: Integers, metric: Metric
) -> Values:
    """Return Shapley values of the score with the experts outside a coalition masked."""
    values = [Fraction(0)] * len(predictions)
    if metric == "gini":
        called = np.flatnonzero(gates.any(axis=0))
        worth = _ranked(predictions[called], gates[:, called], labels)
        for expert, value in zip(called, _means(worth), strict=True):
            values[expert] = value
        return tuple(values)
    points = _points(labels, metric)
    for pattern in np.unique(gates > 0, axis=0):
        called = np.flatnonzero(pattern)
        here = np.flatnonzero(((gates > 0) == pattern).all(axis=1))
        for label in np.unique(labels[here]) if called.size else ():
            rows = here[labels[here] == label]
            right = _right(predictions[np.ix_(called, rows)], gates[np.ix_(rows, called)], label)
            for expert, value in zip(called, _means(right), strict=True):
                values[expert] += points[int(label)] * value
    return tuple(values)


def skill_values(
    predictions: Integers, gates: Integers, labels: Integers, metric: Metric
) -> Values:
    """Return ``mean of g <p - u, 2 (y - u) - (p_N - u)>``, each factor as a whole number."""
    points = _points(labels, metric)
    classes = predictions.shape[2]
    u = [points.get(c, Fraction(0)) * int((labels == c).sum()) for c in range(classes)]
    unit = math.lcm(*(part.denominator for part in u))
    base = np.array([int(part * unit) for part in u], object)
    spoken = predictions.astype(object) * unit - SCALE * base
    spoken = spoken * gates.T.astype(object)[:, :, None]
    truth = np.zeros((len(labels), classes), object)
    truth[np.arange(len(labels)), labels] = unit
    goal = 2 * SCALE**2 * (truth - base) - spoken.sum(axis=0)
    earned = (spoken * goal).sum(axis=2)
    scale = (SCALE**2 * unit) ** 2
    return tuple(
        sum(
            (point * int(row[labels == label].sum()) / scale for label, point in points.items()),
            Fraction(0),
        )
        for row in earned
    )


_RULES: Mapping[Division, Callable[[Integers, Integers, Integers, Metric], Values]] = (
    MappingProxyType({"shapley": shapley_values, "skill": skill_values})
)


def _points(labels: Integers, metric: Metric) -> dict[int, Fraction]:
    """Return what one right row of each class adds to the score."""
    found, counts = np.unique(labels, return_counts=True)
    if metric == "accuracy":
        return {int(label): Fraction(1, len(labels)) for label in found}
    return {
        int(label): Fraction(1, len(found) * int(count))
        for label, count in zip(found, counts, strict=True)
    }


def _right(predictions: Integers, gates: Integers, label: int) -> list[Fraction]:
    """Count the rows that each coalition decides rightly, adding the votes of all of them up."""
    experts, rows, classes = predictions.shape
    _require(experts)
    count = np.zeros(1 << experts, np.int64)
    step = max(1, _CELLS // ((1 << experts) * classes))
    for start in range(0, rows, step):
        some = slice(start, start + step)
        ballots = predictions[:, some] * gates[some].T[:, :, None]
        votes = np.zeros((1, *ballots.shape[1:]), np.int64)
        for ballot in ballots:
            votes = np.concatenate([votes, votes + ballot])
        decided = (votes.argmax(axis=2) == label) & (votes.max(axis=2) > 0)
        count += decided.sum(axis=1)
    return [Fraction(int(rows_right)) for rows_right in count]


def _ranked(predictions: Integers, gates: Integers, labels: Integers) -> list[Fraction]:
    """Return each coalition's Gini coefficient, from the sum of class 1's doubled midranks."""
    _require(len(predictions))
    leads = (predictions[:, :, 1] - predictions[:, :, 0]) * gates.T
    positive = int((labels == 1).sum())
    pairs = positive * (len(labels) - positive)
    worth = []
    for mask in range(1 << len(leads)):
        inside = [expert for expert in range(len(leads)) if mask >> expert & 1]
        _, place, ties = np.unique(
            leads[inside].sum(axis=0), return_inverse=True, return_counts=True
        )
        doubled = 2 * np.cumsum(ties) - ties + 1
        better = int(doubled[place][labels == 1].sum()) - positive * (positive + 1)
        worth.append(Fraction(better - pairs, pairs))
    return worth


def _means(worth: list[Fraction]) -> list[Fraction]:
    """Return Shapley values: for each size, how much better coalitions with a player are."""
    experts = len(worth).bit_length() - 1
    whole = math.lcm(*(value.denominator for value in worth))
    totals = [[[0] * (experts + 1) for _ in range(2)] for _ in range(experts)]
    numbers = np.array([int(value * whole) for value in worth], object)
    masks = np.arange(len(worth))
    sizes = np.bitwise_count(masks)
    for expert in range(experts):
        for inside in range(2):
            for size in range(experts + 1):
                chosen = ((masks >> expert) & 1 == inside) & (sizes == size)
                totals[expert][inside][size] = int(numbers[chosen].sum()) if chosen.any() else 0
    return [
        sum(
            (
                Fraction(present[size + 1] - absent[size], math.comb(experts - 1, size))
                for size in range(experts)
            ),
            Fraction(0),
        )
        / (experts * whole)
        for absent, present in totals
    ]


def _require(experts: int) -> None:
    if experts > MAX_EXPERTS:
        raise ValueError(f"{experts} experts together are over {MAX_EXPERTS}")
