"""Which parts of its input a model's answers depend on, by Captum's feature ablation."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offchain.product.card import Influence
from offchain.product.export import INPUT, PROBABILITIES
from offchain.product.running import session

MOST_ROWS, MOST_PARTS, CELLS = 200, 12, 4


def influences(model: bytes, features: NDArray[np.float32]) -> tuple[Influence, ...]:
    """Return the parts of the input that count most, the strongest first.

    A part, a column of a table or one of 4 by 4 cells of an image, is replaced by its mean over
    the rows; what the chance of the class decided before then loses, on average over at most
    200 rows, is its influence. The whole composite is asked, gate and all, so that trees and
    networks are judged alike.

    Parameters
    ----------
    model
        As :func:`offchain.product.export.export` returns it.
    features
        Float32 (n, *feature_shape), n >= 1.
    """
    from captum.attr import FeatureAblation

    rows = np.ascontiguousarray(features[:MOST_ROWS])
    running = session(model)

    def ask(inputs: Tensor) -> NDArray[np.float32]:
        answer: NDArray[np.float32] = running.run([PROBABILITIES], {INPUT: inputs.numpy()})[0]
        return answer

    decided = ask(torch.from_numpy(rows)).argmax(axis=1)

    def chance(inputs: Tensor) -> Tensor:
        return torch.from_numpy(ask(inputs)[np.arange(len(decided)), decided])

    mask, names = _parts(features.shape[1:])
    baseline = torch.from_numpy(features.mean(axis=0, keepdims=True))
    found = FeatureAblation(chance).attribute(
        torch.from_numpy(rows), baselines=baseline, feature_mask=torch.from_numpy(mask[None])
    )
    mean = found.mean(dim=0).numpy()
    falls = [float(mean[mask == at].mean()) for at in range(len(names))]
    order = sorted(range(len(names)), key=lambda at: (-abs(falls[at]), at))[:MOST_PARTS]
    return tuple(Influence(part=names[at], fall=falls[at]) for at in order)


def _parts(shape: tuple[int, ...]) -> tuple[NDArray[np.int64], list[str]]:
    """Return the part that each value of a row belongs to, and the parts' names."""
    if len(shape) != 2:
        size = math.prod(shape)
        return np.arange(size).reshape(shape), [f"column {at}" for at in range(size)]
    cells = [min(CELLS, side) for side in shape]
    down, across = (np.arange(side) * cell // side for side, cell in zip(shape, cells, strict=True))
    names = [f"cell {r + 1}, {c + 1}" for r in range(cells[0]) for c in range(cells[1])]
    return down[:, None] * cells[1] + across, names
