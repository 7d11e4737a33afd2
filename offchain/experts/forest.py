"""Extremely randomised trees, grown by scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from offchain.experts.protocol import Description, Features, Labels, Priced, Probabilities
from offchain.experts.reduction import MANY_COLUMNS, coarse
from offchain.experts.trees import Trees, join
from offchain.packing import pack, unpack, unreadable

KIND = "extra-trees"
TREES = 80
MAX_DEPTH = 30
FEW_COLUMNS = {"min_samples_leaf": 6, "max_features": None}
PIXELS = {"min_samples_leaf": 1, "max_features": "sqrt"}


@dataclass(frozen=True)
class ExtraTrees(Priced):
    """An expert that averages trees with random cuts (Geurts, Ernst and Wehenkel 2006)."""

    def describe(self) -> Description:
        """Return the description."""
        return Description(KIND, "Average of extremely randomised trees.", "any")

    def fit(
        self,
        features: Features,
        labels: Labels,
        weights: Features,
        classes: int,
        seed: int,
        effort: int = 1,
    ) -> FittedForest:
        """Train; see :meth:`offchain.experts.protocol.Expert.fit`."""
        kept = weights > 0
        columns = coarse(features[kept])
        forest = ExtraTreesClassifier(
            n_estimators=TREES * effort,
            max_depth=MAX_DEPTH,
            **(PIXELS if columns.shape[1] > MANY_COLUMNS else FEW_COLUMNS),
            random_state=seed % 2**31,
            n_jobs=1,
        )
        forest.fit(columns, labels[kept], sample_weight=weights[kept].astype(np.float64))
        return from_sklearn(forest, classes)

    def load(self, data: bytes) -> FittedForest:
        """Read a fitted model."""
        header, arrays = unpack(data)
        columns = header.get("columns")
        if type(columns) is not int:
            raise unreadable("it does not say how many columns it looks at")
        trees = Trees.read(arrays, columns)
        if trees.value.shape[1] < 2 or trees.value.min() < 0:
            raise unreadable("its leaves do not hold probabilities")
        return FittedForest(columns, trees)


@dataclass(frozen=True, eq=False)
class FittedForest:
    """Trees whose leaves hold class probabilities."""

    columns: int
    trees: Trees

    @property
    def kind(self) -> str:
        """Kind of the expert that made it."""
        return KIND

    def predict_proba(self, features: Features) -> Probabilities:
        """Return the trees' mean class probabilities (n, C)."""
        rows = coarse(features)
        if rows.shape[1] != self.columns:
            raise unreadable(f"its trees look at {self.columns} columns, not {rows.shape[1]}")
        return (self.trees.total(rows) / len(self.trees.roots)).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Serialise the trees; :meth:`ExtraTrees.load` is the inverse."""
        return pack({"kind": KIND, "columns": self.columns}, self.trees.arrays())


def from_sklearn(forest: Any, classes: int) -> FittedForest:
    """Copy the trees of a fitted scikit-learn forest."""
    tables = [_table(estimator.tree_, forest.classes_, classes) for estimator in forest.estimators_]
    return FittedForest(int(forest.n_features_in_), join(tables))


def _table(tree: Any, seen: NDArray[Any], classes: int) -> dict[str, NDArray[Any]]:
    own = np.arange(tree.node_count)
    leaf = tree.children_left < 0
    value = np.zeros((tree.node_count, classes))
    value[:, seen.astype(np.int64)] = tree.value[:, 0, :]
    return {
        "left": np.where(leaf, own, tree.children_left),
        "right": np.where(leaf, own, tree.children_right),
        "column": np.where(leaf, 0, tree.feature),
        "threshold": np.where(leaf, 0.0, tree.threshold),
        "value": value / value.sum(axis=1, keepdims=True),
    }
