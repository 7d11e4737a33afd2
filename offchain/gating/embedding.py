"""What the gate sees of a row: standardised columns on few principal axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offchain.compute import device

LIMIT = 4.0


@dataclass(frozen=True, eq=False)
class Embedding:
    """Affine map of flattened features, cut at four deviations.

    Parameters
    ----------
    mean
        Float32 (d,).
    axes
        Float32 (d, k): columns scale the result to deviation one.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]

    @classmethod
    def fit(cls, features: NDArray[np.float32], components: int) -> Embedding:
        """Measure the map on rows (n, *feature_shape); columns of a table are scaled first."""
        flat = torch.from_numpy(np.ascontiguousarray(features.reshape(len(features), -1)))
        flat = flat.to(device())
        mean = flat.mean(dim=0)
        units = torch.ones(flat.shape[1], device=device())
        if features.ndim == 2:
            units = 1.0 / flat.std(dim=0, unbiased=False).clamp(min=0.05)
        axes = torch.diag(units)
        centred = (flat - mean) * units
        if flat.shape[1] > components:
            _, vectors = torch.linalg.eigh(centred.T @ centred)
            axes = units[:, None] * vectors[:, -components:].flip(1)
        deviation = ((flat - mean) @ axes).std(dim=0, unbiased=False).clamp(min=1e-3)
        return cls(mean.cpu().numpy(), (axes / deviation).cpu().numpy())

    def apply(self, features: NDArray[np.float32]) -> Tensor:
        """Map features (n, *feature_shape) to a tensor (n, k) on the device."""
        flat = np.ascontiguousarray(features.reshape(len(features), -1))
        inputs = torch.from_numpy(flat).to(device())
        mean = torch.from_numpy(self.mean).to(device())
        axes = torch.from_numpy(self.axes).to(device())
        return ((inputs - mean) @ axes).clamp(-LIMIT, LIMIT)
