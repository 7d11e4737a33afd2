"""Experts whose skill is known, region by region."""

import numpy as np
import pytest

from offchain.compute import work_on_one_core

work_on_one_core()
EXPERTS, CLASSES = 6, 3


class Market:
    """Rows, and what six experts answer: two know one half of the space each, four know little.

    The last expert has never seen the last class.
    """

    def __init__(self, rows, seed):
        generator = np.random.default_rng(seed)
        self.features = generator.normal(size=(rows, 6)).astype(np.float32)
        self.labels = generator.integers(0, CLASSES, rows)
        left = self.features[:, 0] < 0
        chances = np.full((rows, EXPERTS), 0.45)
        chances[:, 0] = np.where(left, 0.95, 0.35)
        chances[:, 1] = np.where(left, 0.35, 0.95)
        right = generator.random(chances.shape) < chances
        wrong = (self.labels[:, None] + generator.integers(1, CLASSES, right.shape)) % CLASSES
        said = np.where(right, self.labels[:, None], wrong)
        said[:, -1] %= CLASSES - 1
        self.answers = np.full((EXPERTS, rows, CLASSES), 0.1, np.float32)
        self.answers[-1] = 0.2 * (np.arange(CLASSES) < CLASSES - 1)
        for expert in range(EXPERTS):
            self.answers[expert, np.arange(rows), said[:, expert]] = 0.8
        self.weights = np.ones(rows, np.float32)


@pytest.fixture(scope="session")
def known():
    return Market(500, 0)


@pytest.fixture(scope="session")
def fresh():
    return Market(500, 1)
