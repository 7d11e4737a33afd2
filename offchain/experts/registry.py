"""Experts by kind."""

from __future__ import annotations

from marketplace.protocol.errors import ConfigurationError
from offchain.experts.boosting import BoostedTrees
from offchain.experts.designs import NEURAL_EXPERTS
from offchain.experts.forest import ExtraTrees
from offchain.experts.neighbours import NearestNeighbours
from offchain.experts.protocol import Expert, FittedExpert

_REGISTRY: dict[str, Expert] = {}


def register(expert: Expert) -> None:
    """Add an expert under the kind that it describes.

    Raises
    ------
    ConfigurationError
        If the kind is taken.
    """
    kind = expert.describe().kind
    if kind in _REGISTRY:
        raise ConfigurationError(f"expert kind {kind!r} is taken", "choose another name")
    _REGISTRY[kind] = expert


def expert(kind: str) -> Expert:
    """Return the expert of a kind.

    Raises
    ------
    ConfigurationError
        If no expert of that kind is registered.
    """
    if kind not in _REGISTRY:
        raise ConfigurationError(
            f"there is no expert of kind {kind!r}", f"choose one of {', '.join(_REGISTRY)}"
        )
    return _REGISTRY[kind]


def kinds(feature_shape: tuple[int, ...] | None = None) -> tuple[str, ...]:
    """Return all kinds, or those that suit rows of the given shape."""
    return tuple(
        kind
        for kind, offered in _REGISTRY.items()
        if feature_shape is None or offered.describe().suits(feature_shape)
    )


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


for _shipped in (*NEURAL_EXPERTS, BoostedTrees(), NearestNeighbours(), ExtraTrees()):
    register(_shipped)
