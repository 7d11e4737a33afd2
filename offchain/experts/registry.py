"""Experts by kind: those that ship, and those of outsiders once one is asked for."""

from __future__ import annotations

from functools import cache

from marketplace.protocol.errors import ConfigurationError
from offchain.experts.boosting import BoostedTrees
from offchain.experts.designs import NEURAL_EXPERTS
from offchain.experts.forest import ExtraTrees
from offchain.experts.neighbours import NearestNeighbours
from offchain.experts.plugins import Fault, Found, discover
from offchain.experts.protocol import Expert, FittedExpert

SHIPPED: dict[str, Expert] = {
    shipped.describe().kind: shipped
    for shipped in (*NEURAL_EXPERTS, BoostedTrees(), NearestNeighbours(), ExtraTrees())
}
OWN = "moemarket"
"""Origin of the kinds that ship."""


def expert(kind: str) -> Expert:
    """Return the expert of a kind; one that ships is never anybody else's.

    Raises
    ------
    ConfigurationError
        If there is none, or the outsider's package that offers it is broken.
    """
    if kind in SHIPPED:
        return SHIPPED[kind]
    found = outsiders()
    if kind in found.offers:
        return found.offers[kind].expert
    for fault in found.faults:
        if fault.kind == kind:
            raise ConfigurationError(
                f"the expert {kind!r} of {fault.origin} can't be used: {fault.reason}",
                "mend or remove that package",
            )
    raise ConfigurationError(
        f"there is no expert of kind {kind!r}",
        f"choose one of {', '.join([*SHIPPED, *found.offers])}, or install the package that"
        " offers it",
    )


def kinds(feature_shape: tuple[int, ...] | None = None, text: bool = False) -> tuple[str, ...]:
    """Return the kinds that ship: all of them, or those that suit rows of the given shape."""
    return tuple(
        kind
        for kind, offered in SHIPPED.items()
        if feature_shape is None or offered.describe().suits(feature_shape, text)
    )


def origins() -> dict[str, str]:
    """Return every kind that can be used with the package that it comes from."""
    return dict.fromkeys(SHIPPED, OWN) | {
        kind: offer.origin for kind, offer in outsiders().offers.items()
    }


def faults() -> tuple[Fault, ...]:
    """Return the outsiders' experts that can't be used."""
    return outsiders().faults


@cache
def outsiders() -> Found:
    """Look for outsiders' experts, once in a process and only if one is asked for."""
    return discover(SHIPPED)


def load_fitted(kind: str, data: bytes) -> FittedExpert:
    """Read a fitted model of a kind from bytes that a stranger may have written.

    Raises
    ------
    ConfigurationError
        If no expert of that kind is registered.
    UnreadableModel
        If the bytes are not such a model.
    """
    return expert(kind).load(data)
