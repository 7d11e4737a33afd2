"""Fewer columns for experts that would waste time on every pixel."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from offchain.experts.protocol import Features
from offchain.projection import flat_rows

MANY_COLUMNS = 128


def coarse(features: Features) -> NDArray[np.float32]:
    """Return one row of columns per row: images with many pixels averaged two by two.

    Parameters
    ----------
    features
        Shape (n, d) or (n, height, width).

    Returns
    -------
    NDArray[np.float32]
        Shape (n, columns).
    """
    if features.ndim == 3 and math.prod(features.shape[1:]) > MANY_COLUMNS:
        rows, height, width = features.shape
        even = features[:, : height - height % 2, : width - width % 2]
        features = even.reshape(rows, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    return flat_rows(features)
