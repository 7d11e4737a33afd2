"""Gates: from a row's features, and the answers so far, to sparse weights over experts."""

from offchain.gating.caps import CapCost, cap_costs, capped
from offchain.gating.gate import Gate
from offchain.gating.sequential import Decision, SequentialGate

__all__ = ["CapCost", "Decision", "Gate", "SequentialGate", "cap_costs", "capped"]
