"""How far shares may lie from those on all rows that the buyer could have brought.

A value is a mean over rows: of a row's own Shapley value, or of its part of the skill. Its
standard error is exact and cheap. For balanced accuracy classes are sampled apart. The Gini
coefficient is a mean over pairs, whose variance follows from each row's mean over its pairs
(DeLong, DeLong and Clarke-Pearson 1988), the same for every coalition and therefore for any
sum over them. Shares are ratios of values: first-order errors (delta method).
These are floating-point numbers beside the payment; they change no integer of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.documents import Division
from offchain.contribution.game import check_votes, ranking_leads, row_parts
from offchain.contribution.shapley import shapley_weights
from offchain.contribution.skill import frequencies, skill
from offchain.contribution.wins import won_rows
from offchain.data.dataset import Metric
from offchain.validation.quantise import SCALE

Z = 1.959964  # 95 %

RowValues = NDArray[np.float64]
Stratum = tuple[float, NDArray[np.int64]]


@dataclass(frozen=True)
class Interval:
    """A share of the pool and its 95 % interval, each between 0 and 1."""

    share: float
    low: float
    high: float


def share_intervals(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    labels: NDArray[np.int64],
    metric: Metric,
    division: Division,
) -> tuple[Interval, ...]:
    """Return every expert's share under a rule, and how far it is known.

    As in a payment, Shapley values divide where nobody has a positive skill.

    Parameters and refusals are those of the rule: :func:`offchain.contribution.game.games` or
    :func:`offchain.contribution.skill.skill`, whose frequencies are taken as they are.
    """
    check_votes(predictions, gates, labels)
    if division == "skill" and max(skill(predictions, gates, labels, metric)) > 0:
        rows = _skill_values(predictions, gates, labels, metric)
        counted: Metric = "accuracy" if metric == "accuracy" else "balanced_accuracy"
        return _intervals(rows, _strata(labels, counted))
    find = _ranked_values if metric == "gini" else _right_values
    return _intervals(find(predictions, gates, labels), _strata(labels, metric))


def _intervals(rows: RowValues, strata: Sequence[Stratum]) -> tuple[Interval, ...]:
    """Return each expert's share of all positive values, and its interval.

    Parameters
    ----------
    rows
        What each row says each value is, float64 (E, n).
    strata
        Rows that were drawn together, and the weight of their mean in the value.
    """
    values = sum(
        (weight * rows[:, some].mean(axis=1) for weight, some in strata), np.zeros(len(rows))
    )
    paid = values > 0
    total = float(values[paid].sum())
    if not total:
        return (Interval(0.0, 0.0, 1.0),) * len(rows)
    ratios = values / total
    moved = (rows - ratios[:, None] * rows[paid].sum(axis=0)) / total
    variance = np.zeros(len(rows))
    for weight, some in strata:
        spread = moved[:, some].var(axis=1, ddof=1) if len(some) > 1 else np.inf
        variance += weight**2 * spread / len(some)
    return tuple(
        Interval(max(0.0, ratio), min(1.0, max(0.0, ratio - far)), min(1.0, max(0.0, ratio + far)))
        for ratio, far in zip(ratios.tolist(), (Z * np.sqrt(variance)).tolist(), strict=True)
    )


def _strata(labels: NDArray[np.int64], metric: Metric) -> list[Stratum]:
    """Return which rows a metric averages first, and the weights of those means."""
    if metric == "accuracy":
        return [(1.0, np.arange(len(labels)))]
    found = np.unique(labels)
    weight = 1.0 if metric == "gini" else 1.0 / len(found)
    return [(weight, np.flatnonzero(labels == label)) for label in found]


def _skill_values(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    labels: NDArray[np.int64],
    metric: Metric,
) -> RowValues:
    """Return each row's part of the skill values, (E, n)."""
    classes = predictions.shape[2]
    u = frequencies(labels, metric, classes)
    weighted = (gates.T / SCALE)[:, :, None] * (predictions / SCALE - u)
    goal = 2.0 * (np.eye(classes)[labels] - u) - weighted.sum(axis=0)
    values: RowValues = (weighted * goal).sum(axis=2)
    return values


def _right_values(
    predictions: NDArray[np.int16], gates: NDArray[np.int16], labels: NDArray[np.int64]
) -> RowValues:
    """Return the Shapley values (E, n) of the game of each row."""
    values = np.zeros(predictions.shape[:2])
    for players, rows, label in row_parts(gates, labels):
        weights = shapley_weights(len(players)).astype(np.float32)
        votes = predictions[np.ix_(players, rows)], gates[np.ix_(rows, players)]
        found = [won.astype(np.float32) @ weights for won in won_rows(*votes, label)]
        values[np.ix_(players, rows)] = np.concatenate(found).T
    return values


def _ranked_values(
    predictions: NDArray[np.int16], gates: NDArray[np.int16], labels: NDArray[np.int64]
) -> RowValues:
    """Return what each row says of each expert's part of the Gini coefficient, (E, n).

    Rows of a class have the mean over their pairs, less half the value, so that the means of
    both classes add up to it.
    """
    players = np.flatnonzero(gates.any(axis=0))
    leads = ranking_leads(predictions, gates)[players]
    weights = shapley_weights(len(players))
    values: RowValues = np.zeros(predictions.shape[:2])
    for mask in range(1, len(weights)):
        inside = (mask >> np.arange(len(players))) & 1 == 1
        values[players] += np.outer(weights[mask], _placements(leads[inside].sum(axis=0), labels))
    values -= values[:, labels == 1].mean(axis=1, keepdims=True) / 2
    return values


def _placements(ranks: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return, for each row, the share of its pairs ranked right less those ranked wrong."""
    placed = np.empty(len(ranks))
    for label, sign in ((1, 1.0), (0, -1.0)):
        own, other = ranks[labels == label], np.sort(ranks[labels != label])
        below = np.searchsorted(other, own, "left") + np.searchsorted(other, own, "right")
        placed[labels == label] = sign * (below / len(other) - 1.0)
    return placed
