"""The gate: from a row's features to sparse weights over experts."""

from offchain.gating.gate import Gate

__all__ = ["Gate"]
