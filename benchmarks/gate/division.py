"""Who holds which rows of a task: owners with unlike data, a buyer, and rows for testing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled rows.

    Parameters
    ----------
    features
        Float32 (n, d).
    labels
        Int64 (n,).
    domain
        Int64 (n,): where a row comes from. No method sees it, except the one so named.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    domain: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> Rows:
        """Return some rows in the given order."""
        return Rows(self.features[rows], self.labels[rows], self.domain[rows])


@dataclass(frozen=True, eq=False)
class Owner:
    """An owner of an expert: what kind it trains, and on which rows."""

    name: str
    kind: str
    rows: Rows


@dataclass(frozen=True, eq=False)
class Division:
    """A task, divided by seed.

    Parameters
    ----------
    classes
        Number of classes C.
    owners
        The experts' owners.
    buyer, test
        Rows that no owner has.
    pooled_kind
        What to train on all owners' rows at once, as if nobody owned them.
    """

    classes: int
    owners: tuple[Owner, ...]
    buyer: Rows
    test: Rows
    pooled_kind: str


@dataclass(frozen=True)
class Sizes:
    """How many rows the owners have: per side of a domain, per domain, and over all."""

    side: int
    whole: int
    star: int
    pair: int
    noisy: int


def owners_of(
    rows: Rows,
    side: NDArray[np.bool_],
    kinds: Sequence[tuple[str, str, str]],
    general: tuple[str, str, str, str],
    sizes: Sizes,
    classes: int,
    generator: np.random.Generator,
) -> tuple[Owner, ...]:
    """Give each domain two one-sided owners and a small all-round one, and add four general ones.

    Parameters
    ----------
    rows
        Rows that owners may have; several may have the same.
    side
        Bool (n,): which of the two sides of its domain a row is on (classes, or a column).
    kinds
        Kinds of the three owners of each domain.
    general
        Kinds of the star (all domains), of those who hold the first and the last half of
        the domains, and of the one half of whose labels are drawn at random.
    """
    owners: list[Owner] = []

    def add(name: str, kind: str, among: NDArray[np.bool_], count: int) -> Rows:
        found = np.flatnonzero(among)
        held = rows.take(generator.choice(found, min(count, len(found)), replace=False))
        owners.append(Owner(name, kind, held))
        return held

    domains = len(kinds)
    for domain, (one, other, small) in enumerate(kinds):
        here = rows.domain == domain
        add(f"{domain}-one-side", one, here & side, sizes.side)
        add(f"{domain}-other-side", other, here & ~side, sizes.side)
        add(f"{domain}-whole", small, here, sizes.whole)
    everywhere = np.ones(len(side), bool)
    add("star", general[0], everywhere, sizes.star)
    add("first-half", general[1], rows.domain < (domains + 1) // 2, sizes.pair)
    add("last-half", general[2], rows.domain >= domains // 2, sizes.pair)
    held = add("noisy", general[3], everywhere, sizes.noisy)
    wrong = generator.random(len(held.labels)) < 0.5
    labels = np.where(wrong, generator.integers(0, classes, len(wrong)), held.labels)
    owners[-1] = Owner("noisy", general[3], Rows(held.features, labels, held.domain))
    return tuple(owners)
