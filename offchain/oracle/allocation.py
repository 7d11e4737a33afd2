"""Step 8: each expert's exact contribution, and its part of the expert pool to the last wei."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.units import largest_remainder
from offchain.contribution import payout_weights, shapley
from offchain.data.dataset import Metric
from offchain.validation import Evidence


@dataclass(frozen=True)
class Share:
    """One expert's part.

    Attributes
    ----------
    expert
        Checksummed address.
    contribution
        Its exact Shapley value.
    weight
        What the pool is divided by: positive contributions, brought to whole numbers.
    amount
        Wei.
    """

    expert: str
    contribution: Fraction
    weight: int
    amount: int


def allocate(
    votes: Evidence,
    labels: NDArray[np.int64],
    metric: Metric,
    experts: Sequence[str],
    expert_pool: int,
) -> tuple[Share, ...]:
    """Divide the expert pool by Shapley value; returns one share for each expert, in their order.

    Parameters
    ----------
    votes, labels, metric
        What the score was computed from.
    experts
        The gate's experts, checksummed and ascending; one that delivered no model is
        not in `votes` and gets nothing.
    expert_pool
        Wei.
    """
    values = dict(
        zip(
            votes.experts,
            shapley(votes.predictions, votes.gates, labels, metric),
            strict=True,
        )
    )
    contributions = [values.get(expert.lower(), Fraction(0)) for expert in experts]
    weights = payout_weights(contributions)
    amounts = largest_remainder(expert_pool, weights)
    return tuple(
        Share(*parts) for parts in zip(experts, contributions, weights, amounts, strict=True)
    )
