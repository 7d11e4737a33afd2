"""Datasets as bytes: safetensors, which holds nothing but arrays, so no stranger's code runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from marketplace.protocol.errors import (
    LabelOutsideRequest,
    NotFinite,
    UnreadableDataset,
    WrongShape,
)
from offchain.data.dataset import Dataset, Task
from offchain.data.text import require_texts

MAX_BYTES = 256 * 1024 * 1024
MAX_ROWS = 1_000_000


def encode(dataset: Dataset) -> bytes:
    """Serialise a dataset; equal arrays give equal bytes on every machine.

    Returns
    -------
    bytes
        A safetensors file with ``features`` (float32) and ``labels`` (int64).
    """
    return save(
        {
            "features": np.ascontiguousarray(dataset.features, dtype=np.float32),
            "labels": np.ascontiguousarray(dataset.labels, dtype=np.int64),
        }
    )


def decode(data: bytes, task: Task) -> Dataset:
    """Read a stranger's dataset and check everything the task says about it.

    Raises
    ------
    UnreadableDataset
        If the bytes are too many, are not safetensors, or hold other arrays.
    WrongShape
        If an array's dtype or shape is not the task's, or the number of rows is not usable.
    LabelOutsideRequest
        If a label is not the index of one of the task's classes.
    NotFinite
        If a feature is NaN or infinite.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableDataset(
            f"the dataset has {len(data)} bytes, more than the {MAX_BYTES} allowed",
            "send fewer rows",
        )
    try:
        arrays = load(data)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise UnreadableDataset(
            f"the {len(data)} bytes are not a safetensors file ({error})",
            "write the dataset with offchain.data.encode",
        ) from error
    if arrays.keys() != {"features", "labels"}:
        raise UnreadableDataset(
            f"the file holds the arrays {[name[:20] for name in sorted(arrays)[:8]]},"
            " not features and labels",
            "write the dataset with offchain.data.encode",
        )
    return checked(arrays, task)


def checked(arrays: Mapping[str, NDArray[Any]], task: Task) -> Dataset:
    """Return the arrays as a dataset once they are seen to fit the task; see :func:`decode`."""
    features, labels = arrays["features"], arrays["labels"]
    _check_shapes(features, labels, task)
    outside = np.flatnonzero((labels < 0) | (labels >= len(task.classes)))
    if outside.size:
        row = int(outside[0])
        raise LabelOutsideRequest(
            f"row {row} has label {int(labels[row])}, outside 0 to {len(task.classes) - 1}"
            f" ({outside.size} such rows)",
            f"use only the {len(task.classes)} classes of task {task.name!r}",
        )
    bad = np.argwhere(~np.isfinite(features))
    if bad.size:
        row, *column = (int(place) for place in bad[0])
        place = column[0] if len(column) == 1 else tuple(column)
        raise NotFinite(
            f"row {row}, column {place} is {features[tuple(bad[0])]} ({len(bad)} such values)",
            "replace or drop missing values before offering the data",
        )
    if task.text:
        require_texts(features)
    return Dataset(features, labels)


def _check_shapes(features: NDArray[Any], labels: NDArray[Any], task: Task) -> None:
    for name, array, dtype in (("features", features, "float32"), ("labels", labels, "int64")):
        if array.dtype != np.dtype(dtype):
            raise WrongShape(f"{name} are {array.dtype}, not {dtype}", f"convert them to {dtype}")
    if features.shape[1:] != task.feature_shape:
        raise WrongShape(
            f"features have shape {features.shape}, not (rows, "
            f"{', '.join(map(str, task.feature_shape))})",
            f"send rows as task {task.name!r} describes them",
        )
    if labels.shape != features.shape[:1]:
        raise WrongShape(
            f"{features.shape[0]} rows of features have labels of shape {labels.shape}",
            "send one label per row",
        )
    if not 1 <= len(labels) <= MAX_ROWS:
        raise WrongShape(
            f"the dataset has {len(labels)} rows", f"send between 1 and {MAX_ROWS} rows"
        )
