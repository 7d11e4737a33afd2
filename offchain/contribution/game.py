"""The game v(S) as a table of integers: computed once, read by every rule.

Accuracies are sums over rows, so the game is a sum of one game per row. Experts without
weight in a row are null players of its game: rows that the gate sends to the same k experts
share a table of 2^k coalitions, not 2^E. The Gini coefficient compares rows, so there every
coalition of the experts that are called at all is ranked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from offchain.contribution.wins import Progress, count_wins
from offchain.data.dataset import Metric
from offchain.validation.score import class_weights, gini

MAX_EXPERTS = 20
MAX_RANKED_EXPERTS = 16

Table = NDArray[np.int64]
Rule = Callable[[Table], Sequence[Fraction]]


@dataclass(frozen=True, eq=False)
class Game:
    """A part of v: what coalitions earn in some of the rows.

    Attributes
    ----------
    players
        Numbers of the k experts that matter there, ascending.
    table
        Int64 (2^k,): points of every coalition; bit j stands for ``players[j]``.
    worth
        What one point adds to the score.
    """

    players: tuple[int, ...]
    table: Table
    worth: Fraction


def games(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    labels: NDArray[np.int64],
    metric: Metric,
    progress: Progress | None = None,
) -> Iterator[Game]:
    """Yield games whose sum is v, one for each class and each set of experts called together.

    Parameters
    ----------
    predictions
        Quantised probabilities, int16 of shape (E, n, C), 0 to 2047.
    gates
        Quantised gate weights, int16 of shape (n, E), 0 to 2047.
    labels
        True classes, integers of shape (n,).
    metric
        What the score is.
    progress
        Told how many rows are done, whenever some are.

    Raises
    ------
    ValueError
        If the arrays do not fit each other or are not quantised, or one row has weight on
        more than ``MAX_EXPERTS`` experts, or a ranking on more than ``MAX_RANKED_EXPERTS``
        in all.
    """
    check_votes(predictions, gates, labels)
    if metric == "gini":
        yield _ranking(predictions, gates, labels)
        return
    points, total = class_weights(labels, metric)
    for players, rows, label in row_parts(gates, labels):
        table = count_wins(
            predictions[np.ix_(players, rows)], gates[np.ix_(rows, players)], label, progress
        )
        yield Game(tuple(players.tolist()), table, Fraction(points[label], total))


def whole_game(parts: Iterable[Game], experts: int) -> NDArray[np.float64]:
    """Return v of all 2^E coalitions, for rules that are not linear in v.

    Raises
    ------
    ValueError
        If there are more than ``MAX_EXPERTS`` experts.
    """
    if experts > MAX_EXPERTS:
        raise ValueError(f"{experts} experts have too many coalitions; {MAX_EXPERTS} can be listed")
    together: dict[tuple[int, ...], NDArray[np.float64]] = {}
    for part in parts:
        earned = part.table.astype(np.float64) * float(part.worth)
        known = together.get(part.players)
        together[part.players] = earned if known is None else known + earned
    masks = np.arange(1 << experts)
    values = np.zeros(len(masks))
    for players, earned in together.items():
        seen = np.zeros_like(masks)
        for bit, player in enumerate(players):
            seen |= ((masks >> player) & 1) << bit
        values += earned[seen]
    return values


def divide(parts: Iterable[Game], experts: int, rule: Rule) -> tuple[Fraction, ...]:
    """Sum a rule's values over the parts of a game.

    Right for rules that are linear in v and give null players nothing, whose absence
    changes nothing for the others.
    """
    values = [Fraction(0)] * experts
    for part in merged(parts):
        for player, value in zip(part.players, rule(part.table), strict=True):
            values[player] += part.worth * value
    return tuple(values)


def merged(parts: Iterable[Game]) -> Iterator[Game]:
    """Yield the same game in fewer parts: those of the same players and worth as one."""
    together: dict[tuple[tuple[int, ...], Fraction], Table] = {}
    for part in parts:
        key = part.players, part.worth
        together[key] = together[key] + part.table if key in together else part.table
    for (players, worth), table in together.items():
        yield Game(players, table, worth)


def check_votes(
    predictions: NDArray[np.int16], gates: NDArray[np.int16], labels: NDArray[np.int64]
) -> None:
    """Raise ValueError if arrays do not fit each other or are not quantised."""
    experts, rows, _ = predictions.shape
    if gates.shape != (rows, experts) or labels.shape != (rows,):
        raise ValueError(f"shapes {predictions.shape}, {gates.shape} and {labels.shape} do not fit")
    for name, array in (("predictions", predictions), ("gate weights", gates)):
        if array.dtype != np.int16:
            raise ValueError(f"{name} are {array.dtype}, not int16; quantise them first")


def row_parts(
    gates: NDArray[np.int16], labels: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], int]]:
    """Yield players, rows and label of each part of a game that is a sum over rows.

    Raises
    ------
    ValueError
        If a row gives weight to more than ``MAX_EXPERTS`` experts.
    """
    patterns, which = np.unique(gates > 0, axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        players = np.flatnonzero(pattern)
        if len(players) > MAX_EXPERTS:
            raise ValueError(f"a row gives weight to {len(players)} experts, over {MAX_EXPERTS}")
        rows = np.flatnonzero(which.reshape(-1) == index)
        for label in np.unique(labels[rows]) if players.size else ():
            yield players, rows[labels[rows] == label], int(label)


def _ranking(
    predictions: NDArray[np.int16], gates: NDArray[np.int16], labels: NDArray[np.int64]
) -> Game:
    """Return the game whose payoff is the Gini coefficient."""
    players = np.flatnonzero(gates.any(axis=0))
    if len(players) > MAX_RANKED_EXPERTS:
        raise ValueError(f"the gate calls {len(players)} experts, over {MAX_RANKED_EXPERTS}")
    leads = ranking_leads(predictions, gates)[players]
    table = np.zeros(1 << len(players), np.int64)
    pairs = 1
    for mask in range(1, len(table)):
        inside = (mask >> np.arange(len(players))) & 1 == 1
        score = gini(leads[inside].sum(axis=0), labels)
        table[mask], pairs = score.numerator, score.denominator
    return Game(tuple(players.tolist()), table, Fraction(1, pairs))


def ranking_leads(predictions: NDArray[np.int16], gates: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return each expert's votes for class 1 less those for class 0, (E, n)."""
    leads: NDArray[np.int64] = predictions[:, :, 1].astype(np.int64) - predictions[:, :, 0]
    leads *= gates.T
    return leads
