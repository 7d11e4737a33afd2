"""Experts of outsiders: packages that name them under the entry-point group `moemarket.experts`.

An outsider's package declares, in its `pyproject.toml`,

    [project.entry-points."moemarket.experts"]
    my-kind = "my_package:MyExpert"

and is found once it is installed. The name is the kind; what it leads to is an expert, or a
class or function that makes one without arguments. Installing a package means trusting its
code as any other's: it runs in this process.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import get_args

from marketplace.protocol.errors import ConfigurationError
from offchain.data.names import MAX_SENTENCE, require_plain, shown
from offchain.experts.guard import Guarded
from offchain.experts.protocol import Description, Expert, Inputs, Price

GROUP = "moemarket.experts"
_KIND = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MAX_KIND = 40
_PARTS = ("describe", "quote", "fit", "load")


@dataclass(frozen=True)
class Offer:
    """An expert of an outsider and the package, with version, that it comes from."""

    expert: Expert
    origin: str


@dataclass(frozen=True)
class Fault:
    """An expert of an outsider that can't be used, and why."""

    kind: str
    origin: str
    reason: str


@dataclass(frozen=True)
class Found:
    """All that installed packages offer: what can be used, by kind, and what can't."""

    offers: dict[str, Offer]
    faults: tuple[Fault, ...]


def discover(shipped: Collection[str]) -> Found:
    """Load what installed packages offer; one that is broken harms no other.

    A name that this project ships is never loaded from elsewhere. Of two packages that offer
    the same name neither is used, since nobody can tell which one a trade would mean.
    """
    named: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for point in entry_points(group=GROUP):
        # A folder that is twice on the path shows its packages twice.
        named.setdefault(point.name, {})[point.value, _origin(point)] = point
    offers: dict[str, Offer] = {}
    faults: list[Fault] = []
    for name, points in sorted(named.items()):
        for point in points.values():
            try:
                _require_free(name, shipped, points.values(), point)
                offers[name] = Offer(_loaded(point), _origin(point))
            except ConfigurationError as error:
                faults.append(Fault(shown(name, MAX_KIND), _origin(point), error.cause))
    return Found(offers, tuple(faults))


def require_description(kind: str, said: object) -> None:
    """Require that a stranger's expert describes itself fully, as the kind that it is named.

    Raises
    ------
    ConfigurationError
        Saying what is missing or wrong.
    """
    if not isinstance(said, Description) or not isinstance(said.price, Price):
        raise _unusable("describe() returns no Description", "return offchain.experts.Description")
    if said.kind != kind:
        raise _unusable(f"it describes itself as {said.kind!r}", "name it as it describes itself")
    if said.inputs not in get_args(Inputs):
        raise _unusable(
            f"its inputs are {said.inputs!r}", f"choose one of {', '.join(get_args(Inputs))}"
        )
    require_plain("its summary", said.summary, MAX_SENTENCE)
    asks = said.price.fixed, said.price.per_row
    if not all(type(ask) is int and ask >= 0 for ask in asks):
        raise _unusable(f"its price is {said.price}", "ask for whole, non-negative wei")


def require_kind(name: str) -> None:
    """Require a name that can be typed and stored.

    Raises
    ------
    ConfigurationError
        If it is something else than lowercase words joined by hyphens.
    """
    if len(name) > MAX_KIND or not _KIND.fullmatch(name):
        raise _unusable(
            f"{name[:MAX_KIND]!r} is no name of a kind",
            f"use lowercase letters, digits and hyphens, at most {MAX_KIND}",
        )


def _require_free(
    name: str, shipped: Collection[str], points: Collection[EntryPoint], point: EntryPoint
) -> None:
    require_kind(name)
    if name in shipped:
        raise _unusable(f"the kind {name!r} is one that moemarket ships", "choose another name")
    if len(points) > 1:
        others = sorted({_origin(other) for other in points} - {_origin(point)})
        raise _unusable(
            f"the kind {name!r} is offered by {' and '.join(others) or 'it twice'}, too",
            "uninstall all but one",
        )


def _loaded(point: EntryPoint) -> Expert:
    try:
        target = point.load()
        made = target if not isinstance(target, type) and hasattr(target, "fit") else target()
        missing = [part for part in _PARTS if not callable(getattr(made, part, None))]
        said = None if missing else made.describe()
    except (Exception, SystemExit) as error:  # whatever an outsider's code does
        reason = shown(f"{type(error).__name__}: {error}", MAX_SENTENCE // 2)
        raise _unusable(f"loading it fails ({reason})", "ask its author") from error
    if missing:
        raise _unusable(f"it has no {' and no '.join(missing)}", "follow offchain.experts.Expert")
    require_description(point.name, said)
    return Guarded(made)


def _origin(point: EntryPoint) -> str:
    """Return the package of an entry point and its version."""
    return shown(f"{point.dist.name} {point.dist.version}", 80) if point.dist else "unknown"


def _unusable(cause: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(cause, remedy)
