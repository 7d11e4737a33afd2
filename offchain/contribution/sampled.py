"""Shapley values by sampling, for more experts than can be listed.

The mean gain over random orders of arrival, each order followed by its reverse (Castro, Gomez
and Tejada 2009; antithetic pairs: Mitchell, Cooper, Frank and Holmes 2022). The values still
sum to the score; each carries a standard error. They say what is likely, they do not pay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offchain.contribution.game import check_votes
from offchain.data.dataset import Metric
from offchain.validation.quantise import decide
from offchain.validation.score import gini, score_decisions


@dataclass(frozen=True, eq=False)
class Estimate:
    """Estimated values.

    Attributes
    ----------
    values
        Float64 (E,).
    errors
        Float64 (E,): standard errors of the sampling, not of the rows.
    """

    values: NDArray[np.float64]
    errors: NDArray[np.float64]


def sampled_shapley(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    labels: NDArray[np.int64],
    metric: Metric,
    pairs: int,
    seed: int,
) -> Estimate:
    """Estimate every expert's Shapley value from ``2 * pairs`` orders of arrival.

    Raises
    ------
    ValueError
        If the arrays do not fit each other, are not quantised, or ``pairs`` is below two.
    """
    check_votes(predictions, gates, labels)
    if pairs < 2:
        raise ValueError(f"{pairs} pairs of orders have no spread; take at least two")
    generator = np.random.default_rng(seed)
    gains = np.zeros((pairs, len(predictions)))
    for pair in gains:
        order = generator.permutation(len(predictions))
        for way in (order, order[::-1]):
            before = 0.0
            votes = np.zeros(predictions.shape[1:], np.int64)
            for player in way:
                votes += predictions[player].astype(np.int64) * gates[:, player, None]
                after = _score(votes, labels, metric)
                pair[player] += (after - before) / 2
                before = after
    return Estimate(gains.mean(axis=0), gains.std(axis=0, ddof=1) / np.sqrt(pairs))


def _score(votes: NDArray[np.int64], labels: NDArray[np.int64], metric: Metric) -> float:
    if metric == "gini":
        return float(gini(votes[:, 1] - votes[:, 0], labels).fraction)
    return float(score_decisions(decide(votes), labels, metric).fraction)
