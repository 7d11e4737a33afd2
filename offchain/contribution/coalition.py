"""The game: what a coalition of experts is worth.

v(S) is the score, on the validation rows, of the composite whose experts outside S are
masked: their gate weights become zero and all else stays. Scaling a row's weights does not
change which class wins, so for accuracies renormalising the same gate over S gives the same v(S).
A row whose experts are all masked has no votes: it counts as wrong, or for the Gini
coefficient as tied with every other such row, so v(empty) = 0.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from offchain.data.dataset import Metric
from offchain.validation.score import Score, score_votes


def coalition_score(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    labels: NDArray[np.int64],
    metric: Metric,
    members: Iterable[int],
) -> Score:
    """Return v(S) of the experts numbered in ``members``.

    Parameters
    ----------
    predictions
        Quantised probabilities, shape (E, n, C).
    gates
        Quantised gate weights, shape (n, E).
    labels
        True classes, shape (n,).
    """
    inside = np.zeros(gates.shape[1], bool)
    inside[list(members)] = True
    return score_votes(predictions, np.where(inside, gates, 0), labels, metric)
