"""Two small tasks, a table with two classes and images with ten, and composites of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from offchain.compute import work_on_one_core
from offchain.data import Dataset, Task
from offchain.data.scenarios import Scenario
from offchain.training import Trained, run_local

work_on_one_core()


def _divided(task: Task, features, labels, rows: int) -> Scenario:
    order = np.random.default_rng(0).permutation(len(labels))
    data = Dataset(features[order].astype(np.float32), labels[order].astype(np.int64))
    parts = {name: data.take(np.arange(at * rows, (at + 1) * rows)) for at, name in enumerate("ab")}
    return Scenario(task, parts, data.take(np.arange(2 * rows, min(len(data), 2 * rows + 400))))


@pytest.fixture(scope="session")
def tumours() -> Scenario:
    """569 tumours, 30 columns."""
    task = Task("tumours", (30,), ("malignant", "benign"), "balanced_accuracy")
    return _divided(task, *load_breast_cancer(return_X_y=True), 120)


@pytest.fixture(scope="session")
def digits() -> Scenario:
    """Digits of 8 by 8 pixels, each pixel doubled, then one column cut off."""
    pixels, labels = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8) / 16.0
    images = np.repeat(np.repeat(images, 2, axis=1), 2, axis=2)[:, :, :15]
    return _divided(Task("digits", (16, 15), tuple("0123456789"), "accuracy"), images, labels, 120)


@pytest.fixture(scope="session")
def table_model(tumours: Scenario) -> Trained:
    """Every kind for tables is on offer."""
    return run_local(tumours, seed=100)


@pytest.fixture(scope="session")
def image_model(digits: Scenario) -> Trained:
    """Four kinds, among them one that no row calls much."""
    roster = ("cnn", "random-features", "boosted-trees", "nearest-neighbours", "logistic")
    return run_local(digits, seed=100, roster={kind: kind for kind in roster})
