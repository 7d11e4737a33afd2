"""Step 8: each expert's exact contribution, and its part of the expert pool to the last wei."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.documents import Division
from marketplace.protocol.units import largest_remainder
from offchain.contribution import payout_weights, shapley, skill
from offchain.data.dataset import Metric
from offchain.validation import Evidence

Votes = NDArray[np.int16]
_RULES: Mapping[
    Division, Callable[[Votes, Votes, NDArray[np.int64], Metric], tuple[Fraction, ...]]
] = MappingProxyType({"shapley": shapley, "skill": skill})


@dataclass(frozen=True)
class Share:
    """One expert's part.

    Attributes
    ----------
    expert
        Checksummed address.
    contribution
        Its exact value under the rule that the request names.
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
    division: Division,
) -> tuple[Share, ...]:
    """Divide the expert pool by contribution; returns one share for each expert, in their order.

    A model may pass although its probabilities are worse than the classes' frequencies. Where
    nobody has a positive skill, Shapley values divide.

    Parameters
    ----------
    votes, labels, metric
        What the score was computed from.
    experts
        The gate's experts, checksummed and ascending; one that delivered no model is
        not in `votes` and gets nothing.
    expert_pool
        Wei.
    division
        The rule that the request froze.
    """
    arrays = votes.predictions, votes.gates, labels, metric
    found = _RULES[division](*arrays)
    if max(found) <= 0:
        found = shapley(*arrays)
    values = dict(zip(votes.experts, found, strict=True))
    contributions = [values.get(expert.lower(), Fraction(0)) for expert in experts]
    weights = payout_weights(contributions)
    amounts = largest_remainder(expert_pool, weights)
    return tuple(
        Share(*parts) for parts in zip(experts, contributions, weights, amounts, strict=True)
    )
