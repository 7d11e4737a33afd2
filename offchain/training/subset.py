"""A weighted subset: what an expert's owner receives, and the model that comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from marketplace.protocol.errors import UnreadableDataset, WrongShape
from offchain.data.codec import MAX_BYTES, checked
from offchain.data.dataset import Dataset, Task
from offchain.experts import Expert, expert


@dataclass(frozen=True, eq=False)
class Subset:
    """Rows and how much each counts.

    Parameters
    ----------
    dataset
        n rows.
    weights
        Float32 (n,), finite, non-negative, not all zero.
    """

    dataset: Dataset
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.weights)


def encode_subset(subset: Subset) -> bytes:
    """Serialise as safetensors; equal arrays give equal bytes."""
    return save(
        {
            "features": np.ascontiguousarray(subset.dataset.features, np.float32),
            "labels": np.ascontiguousarray(subset.dataset.labels, np.int64),
            "weights": np.ascontiguousarray(subset.weights, np.float32),
        }
    )


def decode_subset(data: bytes, task: Task) -> Subset:
    """Read a subset that an oracle sent.

    Raises
    ------
    DataError
        If the bytes are not a weighted subset for this task; see :func:`offchain.data.decode`.
    """
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"{len(data)} bytes are more than the {MAX_BYTES} allowed")
        return checked_subset(load(data), task)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise UnreadableDataset(
            f"the bytes are not a weighted subset ({error})", "ask the oracle to send it again"
        ) from error


def checked_subset(arrays: Mapping[str, NDArray[Any]], task: Task) -> Subset:
    """Return ``features``, ``labels`` and ``weights`` as a subset if they fit the task.

    Raises
    ------
    KeyError
        If one of them is missing.
    DataError
        See :func:`decode_subset`.
    """
    weights, dataset = arrays["weights"], checked(arrays, task)
    if (
        weights.dtype != np.float32
        or weights.shape != dataset.labels.shape
        or not np.all(np.isfinite(weights) & (weights >= 0))
        or not weights.any()
    ):
        raise WrongShape(
            "the subset's weights are not one non-negative float32 per row",
            "ask the oracle to send it again",
        )
    return Subset(dataset, weights)


def fit_subset(offered: Expert, subset: Subset, task: Task, seed: int, effort: int = 1) -> bytes:
    """Fit an expert to a subset and return its model: the owner's part of a trade."""
    fitted = offered.fit(
        subset.dataset.features,
        subset.dataset.labels,
        subset.weights,
        len(task.classes),
        seed,
        effort,
    )
    return fitted.to_bytes()


def train_expert(kind: str, subset: Subset, task: Task, seed: int, effort: int = 1) -> bytes:
    """Fit an expert of one kind; see :func:`fit_subset`."""
    return fit_subset(expert(kind), subset, task, seed, effort)
