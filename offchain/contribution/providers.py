"""What providers' rows are worth to a model: information, for providers are paid their price.

Nearest neighbours stand in for the model. Their Shapley value is known in closed form, row by
row, without training (Jia et al. 2019, theorem 1): with the training rows in order of their
distance from a test row, ``s_N = [y_N = y] min(K, N) / (K N)`` and
``s_i = s_(i+1) + ([y_i = y] - [y_(i+1) = y]) / K * min(K, i) / i``. A provider's value is the sum
over its rows, so splitting a provider changes nothing. Where a cheap model can be trained for every
coalition of providers, their Shapley values follow from those scores directly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offchain.contribution.shapley import shapley_weights

MAX_PROVIDERS = 6
NEIGHBOURS = 5
_CHUNK = 256

Features = NDArray[np.float32]
Labels = NDArray[np.int64]


def knn_shapley(
    features: Features,
    labels: Labels,
    judged: Features,
    judged_labels: Labels,
    neighbours: int = NEIGHBOURS,
) -> NDArray[np.float64]:
    """Return the value of every training row, float64 (n,).

    They sum to the mean share of the K nearest rows that have a test row's label. Equal
    distances are ordered by the rows' numbers: of two equal rows the first counts as nearer.

    Parameters
    ----------
    features, labels
        Training rows: float32 (n, *feature_shape), int64 (n,).
    judged, judged_labels
        Test rows: float32 (m, *feature_shape), int64 (m,).
    neighbours
        K.

    Raises
    ------
    ValueError
        If there are no rows, shapes do not fit, or K is below one.
    """
    _check(features, labels, judged, judged_labels)
    if neighbours < 1:
        raise ValueError(f"{neighbours} neighbours cannot vote; take at least one")
    rows = len(labels)
    known = features.reshape(rows, -1).astype(np.float64)
    squares = (known**2).sum(axis=1)
    place = np.arange(1, rows + 1)
    steps = np.minimum(neighbours, place) / (neighbours * place)
    values = np.zeros(rows)
    for start in range(0, len(judged), _CHUNK):
        part = slice(start, start + _CHUNK)
        asked = judged[part].reshape(len(judged[part]), -1).astype(np.float64)
        order = np.argsort(squares - 2.0 * asked @ known.T, axis=1, kind="stable")
        right = (labels[order] == judged_labels[part, None]).astype(np.float64)
        gains = np.append(right[:, :-1] - right[:, 1:], right[:, -1:], axis=1) * steps
        found = np.cumsum(gains[:, ::-1], axis=1)[:, ::-1]
        np.add.at(values, order, found)
    return values / len(judged)


def by_provider(
    values: NDArray[np.float64], provider: Labels, providers: int
) -> NDArray[np.float64]:
    """Sum the values of rows over the providers that they come from, float64 (providers,)."""
    sums: NDArray[np.float64] = np.zeros(providers)
    np.add.at(sums, provider, values)
    return sums


def retrained_shapley(
    providers: int, score: Callable[[tuple[int, ...]], float]
) -> NDArray[np.float64]:
    """Return the providers' Shapley values, float64 (providers,), training for every coalition.

    Parameters
    ----------
    providers
        At most ``MAX_PROVIDERS``.
    score
        Trains on the rows of some providers and returns what the model scores; it is asked
        once for each of the 2^P coalitions.

    Raises
    ------
    ValueError
        If there are more.
    """
    if not 1 <= providers <= MAX_PROVIDERS:
        raise ValueError(
            f"{providers} providers have too many coalitions to train for;"
            f" take 1 to {MAX_PROVIDERS}, or the values of nearest neighbours"
        )
    members = [
        tuple(p for p in range(providers) if mask >> p & 1) for mask in range(1 << providers)
    ]
    scores = np.array([score(some) for some in members])
    values: NDArray[np.float64] = shapley_weights(providers).T @ scores
    return values


def _check(features: Features, labels: Labels, judged: Features, judged_labels: Labels) -> None:
    pairs: list[tuple[str, NDArray[Any], NDArray[Any]]] = [
        ("training", features, labels),
        ("test", judged, judged_labels),
    ]
    for name, rows, truth in pairs:
        if not len(truth) or len(rows) != len(truth):
            raise ValueError(f"{len(rows)} {name} rows have {len(truth)} labels")
    if features.shape[1:] != judged.shape[1:]:
        raise ValueError(
            f"rows of shape {features.shape[1:]} and {judged.shape[1:]} do not compare"
        )
