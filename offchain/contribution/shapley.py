"""Exact Shapley values: what an expert adds, averaged over all orders of arrival.

``phi_i = sum over S without i of |S|! (k - |S| - 1)! / k! * (v(S + i) - v(S))`` (Shapley
1953). Everything is integers until the last division.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from offchain.contribution.game import Table, divide, games
from offchain.contribution.wins import Progress
from offchain.data.dataset import Metric


def shapley(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    labels: NDArray[np.int64],
    metric: Metric,
    progress: Progress | None = None,
) -> tuple[Fraction, ...]:
    """Return each expert's Shapley value; they sum to the composite's score exactly.

    Parameters and refusals are those of :func:`offchain.contribution.game.games`.
    """
    parts = games(predictions, gates, labels, metric, progress)
    return divide(parts, len(predictions), shapley_value)


def shapley_value(table: Table) -> list[Fraction]:
    """Return the Shapley values (k,) of a game given by its value at every bit mask."""
    players = len(table).bit_length() - 1
    weights = [math.factorial(size) * math.factorial(players - size - 1) for size in range(players)]
    return [
        Fraction(
            sum(weight * int(gain) for weight, gain in zip(weights, gains, strict=True)),
            math.factorial(players),
        )
        for gains in gains_by_size(table)
    ]


def gains_by_size(table: Table) -> list[Table]:
    """Sum each player's gains ``v(S + i) - v(S)`` over all S of each size 0 to k - 1."""
    players = len(table).bit_length() - 1
    sizes = np.bitwise_count(np.arange(len(table) // 2))
    by_size = np.argsort(sizes, kind="stable")
    starts = np.searchsorted(sizes[by_size], np.arange(players))
    sums = []
    for player in range(players):
        halves = table.reshape(-1, 2, 1 << player)
        gains = (halves[:, 1] - halves[:, 0]).reshape(-1)
        sums.append(np.add.reduceat(gains[by_size], starts))
    return sums


def shapley_weights(players: int) -> NDArray[np.float64]:
    """Return how often v(S) counts for each player in its Shapley value, (2^k, k)."""
    masks = np.arange(1 << players)
    sizes = np.bitwise_count(masks).astype(np.int64)
    ways = [
        math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
        for size in range(players)
    ]
    gained, lost = np.array([0.0, *ways])[sizes], np.array([*ways, 0.0])[sizes]
    inside = (masks[:, None] >> np.arange(players)) & 1 == 1
    weights: NDArray[np.float64] = np.where(inside, gained[:, None], -lost[:, None])
    return weights


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
