"""Scenario ``credit``: which applications for credit turn out bad, across three lenders.

A bank with two branches, a lending platform and a mortgage lender each sell their book
(`offchain.data.lenders`). The products differ, and so do the answers that applicants gave:
each lender fills its own block of the features and leaves the others' zero. The buyer
insures credit of all three kinds; its rows are a stratified sample of all books.

The score is the Gini coefficient of the ranking, the usual measure of a scorecard, since a
threshold for "bad" is the insurer's own business.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offchain.data.dataset import Dataset, Task
from offchain.data.lenders import Book, bank, mortgage, platform

VALIDATION_SHARE = 0.3
MOST_ROWS = 4_500
"""Of one book: the largest would outweigh the others, and the demo take longer."""


def divide(generator: np.random.Generator) -> tuple[Task, dict[str, Dataset], Dataset]:
    """Return the task, each provider's rows and the buyer's rows."""
    books = (bank(), platform(), mortgage())
    width = sum(book.features.shape[1] for book in books) + len(books)
    sold: dict[str, Dataset] = {}
    held: list[Dataset] = []
    start = 0
    for product, (book, names) in enumerate(
        zip(books, (("bank-owners", "bank-tenants"), ("platform",), ("mortgage",)), strict=True)
    ):
        features = np.zeros((len(book.labels), width), np.float32)
        features[:, start : start + book.features.shape[1]] = book.features
        features[:, product - len(books)] = 1.0
        start += book.features.shape[1]
        rows = generator.permutation(len(book.labels))[:MOST_ROWS]
        validation = _stratified(book, rows)
        held.append(Dataset(features[validation], book.labels[validation]))
        free = np.setdiff1d(rows, validation)
        for segment, name in enumerate(names):
            own = generator.permutation(free[book.segment[free] == segment])
            sold[name] = Dataset(features[own], book.labels[own])
    return (
        Task("credit", (width,), ("good", "bad"), "gini"),
        sold,
        _shuffled(held, generator),
    )


def _stratified(book: Book, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the validation share of each label's rows, from shuffled `rows`."""
    of_label = (rows[book.labels[rows] == label] for label in range(2))
    return np.concatenate([part[: round(VALIDATION_SHARE * len(part))] for part in of_label])


def _shuffled(parts: list[Dataset], generator: np.random.Generator) -> Dataset:
    features = np.concatenate([part.features for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    order = generator.permutation(len(labels))
    return Dataset(features[order], labels[order])
