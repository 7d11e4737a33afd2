"""Exact Shapley values of the experts in the game of :mod:`offchain.contribution.coalition`.

Accuracies are weighted sums over rows, so the game is a sum of one game per row, and the
value is the sum of their values (Shapley 1953, additivity). Experts without weight in a
row are null players of its game: a row that the gate sends to k experts needs 2^k
coalitions, not 2^E. The Gini coefficient compares rows, so there every coalition of the
experts that are called at all is ranked. Everything is integers until the last division.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from offchain.data.dataset import Metric
from offchain.validation.score import class_weights, gini

MAX_EXPERTS = 20
MAX_RANKED_EXPERTS = 16
_CELLS = 1 << 20


def shapley(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    labels: NDArray[np.int64],
    metric: Metric,
) -> tuple[Fraction, ...]:
    """Return each expert's Shapley value; they sum to the composite's score exactly.

    Parameters
    ----------
    predictions
        Quantised probabilities, shape (E, n, C), 0 to 2047.
    gates
        Quantised gate weights, shape (n, E), 0 to 2047.
    labels
        True classes, shape (n,).

    Raises
    ------
    ValueError
        If the arrays do not fit each other, or one row has weight on more than
        ``MAX_EXPERTS`` experts, or a ranking on more than ``MAX_RANKED_EXPERTS`` in all.
    """
    experts, rows, _ = predictions.shape
    if gates.shape != (rows, experts) or labels.shape != (rows,):
        raise ValueError(f"shapes {predictions.shape}, {gates.shape} and {labels.shape} do not fit")
    if metric == "gini":
        return _ranking_values(predictions, gates, labels)
    points, total = class_weights(labels, metric)
    values = [Fraction(0)] * experts
    for members, members_rows in _supports(gates):
        if len(members) > MAX_EXPERTS:
            raise ValueError(f"a row gives weight to {len(members)} experts, over {MAX_EXPERTS}")
        for label in np.unique(labels[members_rows]):
            chosen = members_rows[labels[members_rows] == label]
            wins = _wins(
                predictions[np.ix_(members, chosen)], gates[np.ix_(chosen, members)], int(label)
            )
            for member, value in zip(members, _values(wins, len(members)), strict=True):
                values[member] += points[int(label)] * value / total
    return tuple(values)


def _ranking_values(
    predictions: NDArray[np.int16], gates: NDArray[np.int16], labels: NDArray[np.int64]
) -> tuple[Fraction, ...]:
    """Return the values of the game whose payoff is the Gini coefficient."""
    members = np.flatnonzero(gates.any(axis=0))
    if len(members) > MAX_RANKED_EXPERTS:
        raise ValueError(f"the gate calls {len(members)} experts, over {MAX_RANKED_EXPERTS}")
    leads = predictions[members, :, 1].astype(np.int64) - predictions[members, :, 0]
    leads *= gates[:, members].T
    table = np.zeros(1 << len(members), np.int64)
    pairs = 1
    for mask in range(1, len(table)):
        inside = (mask >> np.arange(len(members))) & 1 == 1
        score = gini(leads[inside].sum(axis=0), labels)
        table[mask], pairs = score.numerator, score.denominator
    values = [Fraction(0)] * len(predictions)
    for member, value in zip(members, _values(table, len(members)), strict=True):
        values[member] = value / pairs
    return tuple(values)


def payout_weights(values: Sequence[Fraction]) -> tuple[int, ...]:
    """Bring max(value, 0) to the smallest integers in the same proportion.

    An expert whose value is negative is paid nothing; the others keep their proportions.
    All weights are zero if no value is positive.
    """
    positive = [max(value, Fraction(0)) for value in values]
    scale = math.lcm(*(value.denominator for value in positive))
    integers = [int(value * scale) for value in positive]
    divisor = math.gcd(*integers) or 1
    return tuple(integer // divisor for integer in integers)


def _supports(gates: NDArray[np.int16]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield each set of experts that share weight in some rows, and those rows."""
    patterns, which = np.unique(gates > 0, axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        members = np.flatnonzero(pattern)
        if members.size:
            yield members, np.flatnonzero(which.reshape(-1) == index)


def _wins(
    predictions: NDArray[np.int16], gates: NDArray[np.int16], label: int
) -> NDArray[np.int64]:
    """Count, for every coalition as a bit mask, the rows in which ``label`` wins the vote.

    The label wins against a lower class with one vote more, against a higher class with
    equal votes, and it needs a vote at all. Each of these is one integer per expert and a
    lower bound on their sum over the coalition; sums of the low and of the high half of
    the bits are tabled, and every coalition is one addition away.
    """
    players, rows, classes = predictions.shape
    votes = predictions.astype(np.int32) * gates.T.astype(np.int32)[:, :, None]
    leads = votes[:, :, label : label + 1] - votes
    leads[:, :, label] = votes[:, :, label]
    least = np.where(np.arange(classes) <= label, 1, 0).astype(np.int32)
    low = players // 2
    lower = _subset_sums(leads[:low])
    upper = least - _subset_sums(leads[low:])
    wins = np.zeros((len(upper), len(lower)), np.int64)
    step = max(1, _CELLS >> players)
    for start in range(0, rows, step):
        part = slice(start, min(rows, start + step))
        won = np.ones((part.stop - part.start, len(upper), len(lower)), bool)
        for other in range(classes):
            won &= lower[:, part, other].T[:, None, :] >= upper[:, part, other].T[:, :, None]
        wins += won.sum(axis=0)
    return wins.reshape(-1)


def _subset_sums(terms: NDArray[np.int32]) -> NDArray[np.int32]:
    """Sum ``terms`` (k, ...) over every subset of the k, in the order of bit masks."""
    sums = np.zeros((1, *terms.shape[1:]), np.int32)
    for term in terms:
        sums = np.concatenate([sums, sums + term])
    return sums


def _values(table: NDArray[np.int64], players: int) -> list[Fraction]:
    """Return the Shapley values of a game given by its value at every bit mask."""
    masks = np.arange(len(table))
    sizes = np.bitwise_count(masks)
    weights = [math.factorial(size) * math.factorial(players - size - 1) for size in range(players)]
    values = []
    for player in range(players):
        without = masks[(masks >> player) & 1 == 0]
        gains = table[without | (1 << player)] - table[without]
        by_size = np.zeros(players, np.int64)
        np.add.at(by_size, sizes[without], gains)
        points = sum(weight * int(gain) for weight, gain in zip(weights, by_size, strict=True))
        values.append(Fraction(points, math.factorial(players)))
    return values
