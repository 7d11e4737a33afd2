"""Small real tasks: 8 by 8 digits as images and as columns."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from offchain.compute import work_on_one_core
from offchain.data import Dataset

work_on_one_core()


@pytest.fixture(scope="session")
def table() -> Dataset:
    """1,797 rows of 64 columns, 10 classes."""
    columns, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    return Dataset(columns[order].astype(np.float32), labels[order].astype(np.int64))


@pytest.fixture(scope="session")
def images(table: Dataset) -> Dataset:
    """The same rows as images of 16 by 16 pixels, each pixel doubled."""
    small = table.features.reshape(-1, 8, 8) / np.float32(16.0)
    return Dataset(np.repeat(np.repeat(small, 2, axis=1), 2, axis=2), table.labels)
