"""In what numbers networks learn, decided in one place, and how their results become repeatable.

Sums of floating-point numbers depend on their order, which depends on the processor and on
the number of threads. Computed with 53 bits, results of two machines differ in the last
few; rounded to 16 bits after every step they are equal, unless a value lies within a few
units of the 53rd bit of a border (Srivastava, Arora and Boneh 2024, section 4, round
likewise and log the doubtful cases).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import torch
from torch import Tensor

from marketplace.protocol.errors import ConfigurationError

VARIABLE = "MOEMARKET_ARITHMETIC"
MANTISSA = 53
FLOOR_BITS = 24
FLOAT32_BITS = 24
_FLOOR = 1.5 * 2.0 ** (MANTISSA - 1 - FLOOR_BITS)
_UNIFORMS, _LEVELS = 12, 1 << 16


@dataclass(frozen=True)
class Arithmetic:
    """How networks compute.

    Parameters
    ----------
    name
        What the setting is called.
    dtype
        Of weights, moments and activations while a network learns or predicts.
    bits
        Significant bits that weights and moments keep after each step; None keeps all.
    mixed
        Whether matrix products are taken in bfloat16, with float32 weights.
    """

    name: str
    dtype: torch.dtype
    bits: int | None = None
    mixed: bool = False

    def settle(self, values: Iterable[Tensor], floor: bool = True, bits: int | None = None) -> None:
        """Round float64 tensors in place to the grid, if there is one.

        Parameters
        ----------
        floor
            Whether nothing finer than 2^-24 is kept either: what is left where equal
            numbers cancel is noise, all of whose bits may differ.
        bits
            Significant bits to keep instead of this arithmetic's own.
        """
        if self.bits is None:
            return
        for value in values:
            if floor:
                value.add_(_FLOOR).sub_(_FLOOR)
            significant(value, bits or self.bits)


REPLAYABLE = Arithmetic("replayable", torch.float64, bits=16)
FAST = Arithmetic("fast", torch.float32)
MIXED = Arithmetic("mixed", torch.float32, mixed=True)
CHOICES = {choice.name: choice for choice in (REPLAYABLE, FAST, MIXED)}
_CHOSEN: ContextVar[Arithmetic | None] = ContextVar("arithmetic", default=None)


def arithmetic() -> Arithmetic:
    """Return the arithmetic in force: replayable, unless ``MOEMARKET_ARITHMETIC`` says otherwise.

    Raises
    ------
    ConfigurationError
        If the variable names none.
    """
    chosen = _CHOSEN.get()
    if chosen is not None:
        return chosen
    wish = os.environ.get(VARIABLE, REPLAYABLE.name)
    if wish not in CHOICES:
        raise ConfigurationError(
            f"{VARIABLE} is {wish!r}, which is no arithmetic", f"choose one of {', '.join(CHOICES)}"
        )
    return CHOICES[wish]


@contextmanager
def computing(choice: Arithmetic) -> Iterator[None]:
    """Put an arithmetic in force for a with statement, whatever the environment says."""
    token = _CHOSEN.set(choice)
    try:
        yield
    finally:
        _CHOSEN.reset(token)


def significant(values: Tensor, bits: int) -> Tensor:
    """Round a contiguous float64 tensor in place to so many significant bits, half away from zero.

    Integer operations on the numbers' own bits, so that every machine rounds alike.
    """
    dropped = MANTISSA - bits
    values.view(torch.int64).add_(1 << (dropped - 1)).bitwise_and_(-(1 << dropped))
    return values


def uniforms(shape: Iterable[int], generator: torch.Generator) -> Tensor:
    """Draw float64 numbers from [0, 1), multiples of 2^-16 from an integer generator."""
    return torch.randint(_LEVELS, tuple(shape), generator=generator).double() / _LEVELS


def normals(shape: Iterable[int], generator: torch.Generator) -> Tensor:
    """Draw float64 numbers of mean 0 and deviation 1, sums of twelve uniform ones.

    The Irwin-Hall distribution, within 0.003 of the normal one. It needs integers only, where
    logarithm and cosine of the usual method differ between processors.
    """
    drawn = torch.randint(_LEVELS, (_UNIFORMS, *shape), generator=generator).sum(dim=0)
    centred = (2 * drawn - _UNIFORMS * (_LEVELS - 1)).double() / (2 * _LEVELS)
    return centred / math.sqrt(1.0 - _LEVELS**-2)
