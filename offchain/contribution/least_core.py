"""The least core: the division against which no coalition has much to say.

``min e  with  x(all) = v(all)  and  x(S) >= v(S) - e  for all S`` (Maschler, Peleg and Shapley
1979; for data, Yan and Procaccia 2021). A linear programme over 2^k coalitions, of which only
those are written down that the last solution wronged most. Among its many solutions one is
returned whose largest distance from equal shares is least. Floating point: it says who could
complain, it does not pay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 1e-9
_BATCH = 64


@dataclass(frozen=True, eq=False)
class LeastCore:
    """Solution of a game.

    Attributes
    ----------
    values
        Float64 (k,): what each player gets; they sum to v(all).
    excess
        e: what the coalition with most reason to complain misses.
    """

    values: NDArray[np.float64]
    excess: float


def least_core(values: NDArray[np.float64]) -> LeastCore:
    """Solve a game given by its value at every bit mask, float64 (2^k,).

    Raises
    ------
    ValueError
        If the length is not a power of two of at least two, or the solver fails.
    """
    players = len(values).bit_length() - 1
    if players < 1 or len(values) != 1 << players:
        raise ValueError(f"{len(values)} values are not those of all coalitions")
    if players == 1:
        return LeastCore(values[1:].astype(np.float64), 0.0)
    alone = 1 << np.arange(players)
    listed = np.union1d(alone, len(values) - 1 - alone)
    shares, excess, listed = _until_nobody_complains(values, listed, None)
    shares, _, _ = _until_nobody_complains(values, listed, excess)
    return LeastCore(shares, excess)


def _until_nobody_complains(
    values: NDArray[np.float64], listed: NDArray[np.int64], excess: float | None
) -> tuple[NDArray[np.float64], float, NDArray[np.int64]]:
    """Solve with the listed coalitions, list those that the solution wrongs, and so on."""
    while True:
        shares, bound = _solve(values, listed, excess)
        missing = values - _sums(shares) - bound
        missing[[0, -1]] = -np.inf
        worst = np.argsort(-missing, kind="stable")[:_BATCH]
        wronged = np.setdiff1d(worst[missing[worst] > TOLERANCE], listed)
        if not len(wronged):
            return shares, bound, listed
        listed = np.union1d(listed, wronged)


def _solve(
    values: NDArray[np.float64], listed: NDArray[np.int64], excess: float | None
) -> tuple[NDArray[np.float64], float]:
    """Minimise e; or, where e is given, the largest distance from equal shares."""
    from scipy.optimize import linprog  # an audit installs without scipy

    players = len(values).bit_length() - 1
    inside = ((listed[:, None] >> np.arange(players)) & 1).astype(np.float64)
    everybody = np.append(np.ones(players), 0.0)[None, :]
    if excess is None:
        above = np.hstack([-inside, -np.ones((len(listed), 1))])
        limits = -values[listed]
    else:
        mean = values[-1] / players
        distance = np.hstack([np.eye(players), -np.ones((players, 1))])
        above = np.vstack([np.hstack([-inside, np.zeros((len(listed), 1))]), distance, -distance])
        above[len(listed) + players :, -1] = -1.0
        slack = excess + TOLERANCE - values[listed]
        limits = np.concatenate([slack, np.full(players, mean), np.full(players, -mean)])
    found = linprog(
        np.append(np.zeros(players), 1.0),
        above,
        limits,
        everybody,
        values[-1:],
        bounds=(None, None),
        method="highs",
    )
    if not found.success:
        raise ValueError(f"the least core has no solution: {found.message}")
    return found.x[:-1], float(found.x[-1] if excess is None else excess)


def _sums(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what every coalition gets, (2^k,)."""
    sums = np.zeros(1)
    for share in shares:
        sums = np.concatenate([sums, sums + share])
    return sums
