"""What each expert contributed to the composite's score, exactly."""

from offchain.contribution.coalition import coalition_score
from offchain.contribution.game import MAX_EXPERTS
from offchain.contribution.shapley import payout_weights, shapley
from offchain.contribution.skill import skill

__all__ = ["MAX_EXPERTS", "coalition_score", "payout_weights", "shapley", "skill"]
