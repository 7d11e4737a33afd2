"""The shipped scenarios, cut down so that a whole run takes a second or two."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.compute import work_on_one_core
from offchain.data import Dataset
from offchain.data.scenarios import Scenario, load_scenario
from offchain.training import Trained, run_local

work_on_one_core()


def _cut(dataset: Dataset, rows: int) -> Dataset:
    return dataset.take(np.arange(min(rows, len(dataset))))


def _small(name: str, rows: int, validation: int) -> Scenario:
    whole = load_scenario(name, 11)
    providers = {provider: _cut(data, rows) for provider, data in whole.providers.items()}
    return Scenario(whole.task, providers, _cut(whole.validation, validation))


@pytest.fixture(scope="session")
def credit() -> Scenario:
    """300 rows of each of four lenders."""
    return _small("credit", 300, 400)


@pytest.fixture(scope="session")
def digits() -> Scenario:
    """150 images of each of four providers."""
    return _small("digits", 150, 200)


@pytest.fixture(scope="session")
def trained(credit: Scenario) -> Trained:
    """One run on the small credit scenario."""
    return run_local(credit, seed=3)
