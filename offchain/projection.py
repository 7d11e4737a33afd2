"""Rows as vectors, and their principal axes for whoever wants fewer columns."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LEAST_DEVIATION = 0.05
_SLOPE = 1e-9


def flat_rows(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay features (n, *feature_shape) out as contiguous (n, d), also for n = 0."""
    width = math.prod(features.shape[1:])
    return np.ascontiguousarray(features.reshape(len(features), width), np.float32)


def principal_axes(flat: Tensor, components: int, standardise: bool) -> tuple[Tensor, Tensor]:
    """Return the rows' mean (d,) and axes (d, k) with k at most ``components``.

    ``(rows - mean) @ axes`` projects. With no more columns than components every column is
    an axis of its own.

    Parameters
    ----------
    flat
        Rows (n, d).
    standardise
        Whether columns are first brought to deviation one, as those of a table should be;
        deviations below 0.05 count as 0.05.
    """
    mean = flat.mean(dim=0)
    width = flat.shape[1]
    units = torch.ones(width, device=flat.device)
    if standardise:
        units = 1.0 / flat.std(dim=0, unbiased=False).clamp(min=LEAST_DEVIATION)
    if width <= components:
        return mean, torch.diag(units)
    centred = ((flat - mean) * units).double()
    scatter = centred.T @ centred
    # Few rows leave most eigenvalues at zero, where the solver may not converge: a slope on
    # the diagonal, far below what rounding leaves of the axes, keeps them apart.
    slope = torch.linspace(1.0, 2.0, width, device=flat.device, dtype=torch.float64)
    scatter += torch.diag(slope * _SLOPE * scatter.diagonal().mean().clamp(min=1.0))
    _, vectors = torch.linalg.eigh(scatter)
    axes = units[:, None] * vectors[:, -components:].flip(1).float()
    # As they are stored and read back: a product with the other layout rounds otherwise.
    return mean, axes.contiguous()
