"""Shapley values of a score in which every expert's home counts: pay for insurance.

An expert's home are the rows in which the gate gives it more weight than anybody else. Half of
the score is the one that was agreed, the other half the mean over homes of the share of rows
that are right there: ``v = score / 2 + mean over homes of accuracy(home) / 2``. An expert that
is seldom called, but without which those rows are lost, is paid as for a home of usual size:
what it would be worth if such rows became more frequent. Homes with few rows are one
home together, so that a handful of lucky rows is no insurance.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from offchain.contribution.game import Game, check_votes, divide, row_parts
from offchain.contribution.shapley import shapley_value
from offchain.contribution.wins import count_wins
from offchain.data.dataset import Metric
from offchain.validation.score import class_weights

LEAST_HOME = 30


def inclusive(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    labels: NDArray[np.int64],
    metric: Metric,
) -> tuple[Fraction, ...]:
    """Return each expert's value; they sum to the payoff above exactly.

    Parameters and refusals are those of :func:`offchain.contribution.game.games`; a ranking
    is refused too, for it is no sum over rows.
    """
    check_votes(predictions, gates, labels)
    if metric == "gini":
        raise ValueError("a ranking has no rows of its own to insure; use Shapley values")
    return divide(_games(predictions, gates, labels, metric), len(predictions), shapley_value)


def homes(gates: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return each row's home (n,): an expert's number, E for small homes, -1 without votes."""
    experts = gates.shape[1]
    home = np.where(gates.any(axis=1), gates.argmax(axis=1), -1)
    sizes = np.bincount(home[home >= 0], minlength=experts)
    home[(home >= 0) & (sizes[home] < LEAST_HOME)] = experts
    return home


def _games(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    labels: NDArray[np.int64],
    metric: Metric,
) -> Iterator[Game]:
    points, total = class_weights(labels, metric)
    home = homes(gates)
    found = np.unique(home[home >= 0])
    for name in found:
        rows = np.flatnonzero(home == name)
        for players, some, label in row_parts(gates[rows], labels[rows]):
            chosen = rows[some]
            worth = Fraction(points[label], total) + Fraction(1, len(found) * len(rows))
            table = count_wins(
                predictions[np.ix_(players, chosen)], gates[np.ix_(chosen, players)], label
            )
            yield Game(tuple(players.tolist()), table, worth / 2)
