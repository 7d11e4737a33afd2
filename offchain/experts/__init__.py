"""Experts that differ in kind behind one protocol: fit weighted rows, predict probabilities."""

from offchain.experts.protocol import (
    AtPrice,
    Description,
    Expert,
    FittedExpert,
    Lesson,
    Price,
    Priced,
    TrainsTogether,
)
from offchain.experts.registry import expert, faults, kinds, load_fitted, origins

__all__ = [
    "AtPrice",
    "Description",
    "Expert",
    "FittedExpert",
    "Lesson",
    "Price",
    "Priced",
    "TrainsTogether",
    "expert",
    "faults",
    "kinds",
    "load_fitted",
    "origins",
]
