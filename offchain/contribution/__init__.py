"""What each expert contributed to the composite's score, exactly."""

from offchain.contribution.coalition import coalition_score
from offchain.contribution.shapley import MAX_EXPERTS, payout_weights, shapley

__all__ = ["MAX_EXPERTS", "coalition_score", "payout_weights", "shapley"]
