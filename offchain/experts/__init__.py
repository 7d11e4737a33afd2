"""Experts that differ in kind behind one protocol: fit weighted rows, predict probabilities."""

from offchain.experts.protocol import Description, Expert, FittedExpert
from offchain.experts.registry import expert, kinds, load_fitted, register

__all__ = [
    "Description",
    "Expert",
    "FittedExpert",
    "expert",
    "kinds",
    "load_fitted",
    "register",
]
