"""What the gate sees of a row: standardised columns on few principal axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from marketplace.protocol.errors import WrongShape
from offchain.compute import device
from offchain.projection import LEAST_DEVIATION, flat_rows, principal_axes

LIMIT = 4.0
MANY_COLUMNS = 200


@dataclass(frozen=True, eq=False)
class Embedding:
    """Affine map of flattened features, cut at four deviations.

    Parameters
    ----------
    mean
        (d,).
    axes
        (d, k); they scale each result to deviation one.
    """

    mean: Tensor
    axes: Tensor

    @classmethod
    def fit(cls, features: NDArray[np.float32], components: int, level: bool = True) -> Embedding:
        """Measure the map on rows (n, *feature_shape); columns of a table are scaled first.

        Parameters
        ----------
        level
            Whether every axis is brought to deviation one. If not, the longest is, and the
            others keep their proportion to it, which distances between rows need; then columns
            are not scaled first either where there are so many that they are pixels or words.
        """
        flat = _flat(features)
        scaled = features.ndim == 2 and (level or flat.shape[1] <= MANY_COLUMNS)
        mean, axes = principal_axes(flat, components, standardise=scaled)
        deviation = ((flat - mean) @ axes).std(dim=0, unbiased=False)
        if not level:
            deviation = deviation.max()
        return cls(mean, axes / deviation.clamp(min=LEAST_DEVIATION))

    def apply(self, features: NDArray[np.float32]) -> Tensor:
        """Map features (n, *feature_shape) to (n, k).

        Raises
        ------
        WrongShape
            If the rows have another size than those it was measured on.
        """
        flat = _flat(features)
        if flat.shape[1] != len(self.mean):
            raise WrongShape(
                f"the gate was fitted to {len(self.mean)} values per row, not {flat.shape[1]}",
                "give it rows of the task it was made for",
            )
        return ((flat - self.mean) @ self.axes).clamp(-LIMIT, LIMIT)


def _flat(features: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(flat_rows(features)).to(device())
