"""Which deliveries repeat another one's rows: a copy adds nothing, and is not paid twice.

Rows are compared by features alone, so that a copy with other labels is one, too. A row
repeats another if it is equal to it, or far closer to it than the other's own neighbours
are: so rows that are alike by nature, as in a table of few categories, are no copies, and a
little noise doesn't hide one. Shifted images, and rows that are mixed anew, are not found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offchain.data.dataset import Dataset
from offchain.projection import LEAST_DEVIATION, flat_rows

COPIED = 0.5
"""Share of rows that repeat another's, from which on a delivery is one."""

NEAR = 0.1
"""Of the distance from a row to its own nearest neighbour."""

DIRECTIONS = 48
SAMPLE = 1_000
"""Rows of a delivery that are looked for among those of another, drawn at random."""

MOST_AROUND = 5
"""More rows than this around one are where many rows lie, and no copies of it: else few rows,
strewn wide, would make copies of everybody's."""

_CELLS = 1 << 24


@dataclass(frozen=True)
class Copy:
    """One delivery that repeats another.

    Parameters
    ----------
    original
        Name of the other.
    equal, near
        How many of its distinct rows are equal to one of the other's, or nearly so.
    rows
        How many were looked at.
    """

    original: str
    equal: int
    near: int
    rows: int

    @property
    def share(self) -> float:
        """Share of rows that repeat the other's."""
        return (self.equal + self.near) / self.rows


@dataclass(frozen=True, eq=False)
class _Rows:
    """Distinct rows of one delivery, shuffled: as bytes and on random directions.

    ``single`` tells which occur there only once: of the others nobody can say that they
    were copied.
    """

    exact: list[bytes]
    points: Tensor
    single: Tensor


def find_copies(
    datasets: Mapping[str, Dataset], row_prices: Mapping[str, Fraction], seed: int
) -> dict[str, Copy]:
    """Return the deliveries to leave out, by name, each with the one that it repeats.

    Rows don't tell who had them first. Of two that share them stays the one with more rows
    that the other has not; of two with as many, the one that asks less for a row.

    Parameters
    ----------
    row_prices
        What each asks for a row, in wei.
    seed
        Fixes directions and sample.
    """
    if len(datasets) < 2:
        return {}
    rows = _prepared(datasets, seed)
    repeats = {
        (name, other): _compared(rows[name], other, rows[other])
        for name in rows
        for other in rows
        if name != other
    }

    def own_rows(name: str) -> float:
        shared = max(found.share for (one, _), found in repeats.items() if one == name)
        return len(rows[name].exact) * (1.0 - shared)

    kept: list[str] = []
    copies: dict[str, Copy] = {}
    for name in sorted(rows, key=lambda name: (-own_rows(name), row_prices[name], name)):
        found = max((repeats[name, other] for other in kept), key=lambda c: c.share, default=None)
        if found is not None and found.share > COPIED:
            copies[name] = found
        else:
            kept.append(name)
    return copies


def _prepared(datasets: Mapping[str, Dataset], seed: int) -> dict[str, _Rows]:
    """Lay all deliveries out on the same random directions, which keep distances nearly."""
    flat = {name: flat_rows(data.features) for name, data in sorted(datasets.items())}
    generator = np.random.default_rng([seed, 3])
    shuffled = {name: rows[generator.permutation(len(rows))] for name, rows in flat.items()}
    looked_at = np.concatenate([rows[:SAMPLE] for rows in shuffled.values()])
    width = looked_at.shape[1]
    directions = np.eye(width, dtype=np.float32)
    if width > DIRECTIONS:
        directions = generator.standard_normal((width, DIRECTIONS), np.float32)
    scale = 1.0 / np.maximum(looked_at.std(axis=0, dtype=np.float64), LEAST_DEVIATION)
    directions = (directions * scale[:, None]).astype(np.float32)
    return {name: _laid_out(rows, directions) for name, rows in shuffled.items()}


def _laid_out(rows: NDArray[np.float32], directions: NDArray[np.float32]) -> _Rows:
    times: dict[bytes, int] = {}
    first: list[int] = []
    for number, row in enumerate(rows):
        content = row.tobytes()
        if content not in times:
            first.append(number)
        times[content] = times.get(content, 0) + 1
    single = torch.tensor([count == 1 for count in times.values()])
    return _Rows(list(times), torch.from_numpy(rows[first] @ directions), single)


def _compared(ours: _Rows, name: str, theirs: _Rows) -> Copy:
    """Count which of our sampled rows repeat theirs."""
    distance, number = _nearest(ours.points[:SAMPLE], theirs.points)
    spacing, _ = _nearest(theirs.points[number], theirs.points, besides=number)
    repeats = (distance < NEAR * spacing) & theirs.single[number]
    known = set(theirs.exact)
    equal = sum(
        hit and row in known for row, hit in zip(ours.exact[:SAMPLE], repeats.tolist(), strict=True)
    )
    around = torch.bincount(number[repeats], minlength=1)
    total = max(equal, int(around.clamp(max=MOST_AROUND).sum()))
    return Copy(name, equal, total - equal, len(repeats))


def _nearest(
    points: Tensor, others: Tensor, besides: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return the distance of each point to the nearest other one, (n,), and its number.

    The distance is zero if there is no other.

    Parameters
    ----------
    besides
        Number of the other point that doesn't count, for each point.
    """
    distances, numbers = [], []
    step = max(1, _CELLS // len(others))
    for start in range(0, len(points), step):
        batch = points[start : start + step]
        between = torch.cdist(batch, others)
        if besides is not None:
            between.scatter_(1, besides[start : start + step, None], torch.inf)
        found = between.min(dim=1)
        # The matrix comes of inner products, which lose what little lies between near points.
        apart = (batch - others[found.indices]).norm(dim=1)
        distances.append(apart.masked_fill(found.values.isinf(), 0.0))
        numbers.append(found.indices)
    return torch.cat(distances), torch.cat(numbers)
