"""What exams showed of each expert near a row, shrunk by how little they showed; in integers.

Rows near a new one are those within a radius. There an expert's right answers are counted, and

    competence = (right nearby + S prior) / (rows nearby + S)
    odds of the prior = odds of all experts nearby * odds of its own overall / odds of all overall

the posterior mean of a share under a beta prior worth ``S`` rows (Gelman et al., Bayesian Data
Analysis, 3rd edition, section 2.4); all three shares of the prior are shrunk alike, towards
what all experts together showed. An expert that was never examined is what experts are on
average there; one with many rows nearby is its own score. UniRoute (Jitkrittum et al. 2025,
arXiv 2502.08773) routes to unseen models by errors on such rows, without shrinking.

Features are rounded to 1/256, squared distances are whole numbers below 2^53, and shares are
in 2^-16: every machine finds the same, in whatever order it sums.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.errors import ConfigurationError

UNIT = 1 << 16
"""One, as a share."""
GRID = 256
NEIGHBOURS = 10
STRENGTH, OVERALL_STRENGTH, NEARBY_STRENGTH = 2, 20, 10
CELLS, LLOYD_STEPS = 40, 10
_EXACT = 2.0**53


@dataclass(frozen=True, eq=False)
class Marks:
    """Exams of E experts.

    Parameters
    ----------
    rows
        Float64 (n, d), whole numbers: features on the grid.
    sat
        Bool (n, E): who was examined on which row.
    right
        Bool (n, E): who was right; False where not examined.
    radius
        Largest squared distance, in grid units, that is near.
    strength
        Rows that the prior of a local score is worth.
    overall
        Rows that the prior of an expert's share overall is worth.
    centres
        Float64 (G, d), whole numbers: each row belongs to the cell of the nearest.
    """

    rows: NDArray[np.float64]
    sat: NDArray[np.bool_]
    right: NDArray[np.bool_]
    radius: int
    centres: NDArray[np.float64]
    strength: int = STRENGTH
    overall: int = OVERALL_STRENGTH

    @classmethod
    def of(cls, features: NDArray[np.float32], right: NDArray[np.bool_]) -> Marks:
        """Start with experts that were all examined on the same rows.

        Parameters
        ----------
        features
            Float32 (n, *feature_shape), n at least 2, columns in comparable units.
        right
            Bool (n, E).

        Raises
        ------
        ConfigurationError
            If the features are too large for exact distances.
        """
        rows = _grid(features)
        among = _squared_distances(rows, rows)
        neighbours = min(NEIGHBOURS, len(rows) - 1)
        radius = np.sort(np.partition(among, neighbours, axis=1)[:, neighbours])[len(rows) // 2]
        return cls(rows, np.ones_like(right), right, int(radius), _centres(rows))

    def joined(self, features: NDArray[np.float32], right: NDArray[np.bool_]) -> Marks:
        """Add one newcomer, examined on rows of its own; it becomes the last expert.

        Parameters
        ----------
        features, right
            Float32 (m, *feature_shape) and bool (m,); m may be 0.
        """
        rows, experts = self.sat.shape
        sat = np.zeros((rows + len(right), experts + 1), bool)
        known = np.zeros_like(sat)
        sat[:rows, :experts], known[:rows, :experts] = self.sat, self.right
        sat[rows:, experts], known[rows:, experts] = True, right
        both = np.concatenate([self.rows, _grid(features)])
        return replace(self, rows=both, sat=sat, right=known)

    def competence(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return each expert's shrunk share of right answers near each row, in 1 / UNIT.

        Parameters
        ----------
        features
            Float32 (m, *feature_shape).

        Returns
        -------
        NDArray[np.int64]
            (m, E), from 0 to UNIT.
        """
        near = (_squared_distances(_grid(features), self.rows) <= self.radius).astype(np.float64)
        tried = (near @ self.sat).astype(np.int64)
        hits = (near @ self.right).astype(np.int64)
        all_tried, all_hits = self.sat.sum(axis=0), self.right.sum(axis=0)
        level = int(all_hits.sum()) * UNIT // max(int(all_tried.sum()), 1)
        own = _shrunk(all_hits, all_tried, self.overall, np.full(len(all_hits), level))
        here = _shrunk(hits.sum(axis=1), tried.sum(axis=1), NEARBY_STRENGTH, np.int64(level))
        # Products of three shares, divided once so that UNIT times them stays below 2^63.
        wins = here[:, None] * own // UNIT * (UNIT - level)
        losses = (UNIT - here[:, None]) * (UNIT - own) // UNIT * level
        prior = np.where(wins + losses > 0, wins * UNIT // np.maximum(wins + losses, 1), level)
        return _shrunk(hits, tried, self.strength, prior)

    def cells(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return which cell each row lies in, int64 (m,), the lowest of equally near ones."""
        nearest: NDArray[np.int64] = _squared_distances(_grid(features), self.centres).argmin(
            axis=1
        )
        return nearest


def _shrunk(
    hits: NDArray[np.int64],
    tried: NDArray[np.int64],
    strength: int,
    prior: NDArray[np.int64] | np.int64,
) -> NDArray[np.int64]:
    """Return (hits + strength * prior) / (tried + strength), or the prior if that is 0 / 0."""
    weight = tried + strength
    share: NDArray[np.int64] = (hits * UNIT + strength * prior) // np.maximum(weight, 1)
    return np.where(weight > 0, share, prior)


def _centres(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the centres of CELLS clusters (Lloyd's algorithm from the first rows)."""
    centres = rows[:CELLS]
    for _ in range(LLOYD_STEPS):
        member = np.eye(len(centres))[_squared_distances(rows, centres).argmin(axis=1)]
        size = member.sum(axis=0)[:, None]
        centres = np.where(size > 0, np.floor_divide(member.T @ rows, np.maximum(size, 1)), centres)
    return centres


def _grid(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return features (n, d) as whole multiples of 1 / GRID."""
    columns = math.prod(features.shape[1:])
    flat = np.rint(np.asarray(features, np.float64).reshape(len(features), columns) * GRID)
    # Squares of a distance are at most four times the largest squared length.
    if flat.size and not 4.0 * np.abs(flat).max() ** 2 * flat.shape[1] < _EXACT:
        raise ConfigurationError(
            "features are not finite, or too large for exact distances", "standardise them"
        )
    return flat


def _squared_distances(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return squared distances (n, m) of whole numbers; every partial sum is exact."""
    lengths = np.square(one).sum(axis=1)[:, None] + np.square(other).sum(axis=1)
    distances: NDArray[np.float64] = lengths - 2.0 * (one @ other.T)
    return distances
