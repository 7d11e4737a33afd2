"""Step 8: each expert's exact contribution, and its part of the expert pool to the last wei."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.documents import SettlementEvidence, Share
from marketplace.protocol.units import largest_remainder
from offchain.contribution import payout_weights, shapley
from offchain.data.dataset import Metric
from offchain.validation import Evidence


def allocate(
    trade: str,
    attempt: int,
    attempt_evidence: str,
    votes: Evidence,
    labels: NDArray[np.int64],
    metric: Metric,
    experts: Sequence[str],
    expert_pool: int,
) -> SettlementEvidence:
    """Divide the expert pool by Shapley value.

    Parameters
    ----------
    trade
        Trade id as 0x-hex.
    attempt, attempt_evidence
        The passing attempt and the CID of its evidence document.
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
    return SettlementEvidence(
        trade=trade,
        attempt=attempt,
        attempt_evidence=attempt_evidence,
        expert_pool=expert_pool,
        shares=tuple(
            Share(expert=expert, shapley=str(value), weight=weight, amount=amount)
            for expert, value, weight, amount in zip(
                experts, contributions, weights, amounts, strict=True
            )
        ),
    )
