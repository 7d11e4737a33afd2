"""Shares of the composite's Brier skill: what an expert's votes did for its probabilities.

Let ``p_N`` be the composite's probabilities in a row, ``p_e`` an expert's, ``g_e`` its part of
the row's gate weight, ``y`` one for the true class and zero elsewhere, and ``u`` the classes'
frequencies in the rows, which need no model to state. In the composite of S, the weight of who
is masked says ``u``: ``p_S = u + sum over e in S of g_e (p_e - u)``. The payoff is the decrease
of the squared error (Brier 1950), ``v(S) = mean of |y - u|^2 - |y - p_S|^2``, with v(empty) = 0.

This game is a polynomial of degree two in who is present, so that each pair of experts shares
its interaction evenly, in the Shapley value as in the Banzhaf and the Owen value:

``phi_e = mean of g_e <p_e - u, 2 (y - u) - (p_N - u)>``

for any number of experts, in one pass over the rows. They sum to v(all). Who says ``u`` gets
nothing; who splits its weight among copies gets as much as before.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from offchain.contribution.game import check_votes
from offchain.data.dataset import Metric
from offchain.validation.quantise import SCALE
from offchain.validation.score import class_weights


def skill(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    labels: NDArray[np.int64],
    metric: Metric,
) -> tuple[Fraction, ...]:
    """Return each expert's share of the composite's Brier skill, exactly.

    Parameters
    ----------
    predictions
        Quantised probabilities, int16 of shape (E, n, C), 0 to 2047, for any E.
    gates
        Quantised gate weights, int16 of shape (n, E), 0 to 2047.
    labels
        True classes, integers of shape (n,).
    metric
        How rows count, as in training: for accuracy each the same, else each class in all.

    Raises
    ------
    ValueError
        If the arrays do not fit each other or are not quantised.
    """
    check_votes(predictions, gates, labels)
    points, total = class_weights(labels, metric)
    classes = predictions.shape[2]
    rare = [Fraction(points.get(c, 0) * int((labels == c).sum()), total) for c in range(classes)]
    values = np.full(len(predictions), Fraction(0), object)
    for label, point in points.items():
        rows = np.flatnonzero(labels == label)
        earned = _earned(predictions[:, rows], gates[rows], np.array(rare, object), label)
        values += Fraction(point, total) * earned
    return tuple(values)


def frequencies(labels: NDArray[np.int64], metric: Metric, classes: int) -> NDArray[np.float64]:
    """Return u, the share of all points that rows of each class have, float64 (C,)."""
    points, total = class_weights(labels, metric)
    return np.array([points.get(c, 0) * int((labels == c).sum()) / total for c in range(classes)])


def _earned(
    predictions: NDArray[np.int16], gates: NDArray[np.int16], u: NDArray[np.object_], label: int
) -> NDArray[np.object_]:
    """Return what each expert earned in the rows of one class, Fractions of shape (E,).

    The formula of the module over integers: a = g q are an expert's votes, V all votes, G the
    row's total weight.
    """
    a, av, ag, gv, g, gg = _sums(predictions, gates)
    g, gg = g[:, None], gg[:, None]
    goal = -2 * SCALE**2 * u
    goal[label] += 2 * SCALE**2
    earned = a * goal - av + SCALE * u * (ag - g * goal + gv - SCALE * u * gg)
    result: NDArray[np.object_] = earned.sum(axis=1) / Fraction(SCALE**4)
    return result


def _sums(
    predictions: NDArray[np.int16], gates: NDArray[np.int16]
) -> tuple[NDArray[np.object_], ...]:
    """Sum over rows, for each expert: a, a V, a G and g V of each class, g and g G.

    So many rows at a time that int64 can't overflow; the sums are Python's integers.
    """
    votes = predictions.astype(np.int64) * gates.T.astype(np.int64)[:, :, None]
    weights = gates.astype(np.int64)
    together, whole = votes.sum(axis=0), weights.sum(axis=1)
    largest = SCALE * max(int(together.max()), SCALE * int(whole.max()), 1)
    step = max(1, (1 << 62) // (SCALE * largest))
    chunks = []
    for start in range(0, len(gates), step):
        part = slice(start, start + step)
        a, v, g, total = votes[:, part], together[part], weights[part].T, whole[part]
        columns = a.sum(axis=1), (a * v).sum(axis=1), (a * total[:, None]).sum(axis=1), g @ v
        chunks.append([sums.astype(object) for sums in (*columns, g.sum(axis=1), g @ total)])
    return tuple(sum(sums[1:], sums[0]) for sums in zip(*chunks, strict=True))
