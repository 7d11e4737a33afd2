"""Extremely randomised trees: grown by scikit-learn, kept and evaluated as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from offchain.data.dataset import MAX_CLASSES
from offchain.experts.protocol import Description, Features, Labels, Probabilities
from offchain.experts.reduction import MANY_COLUMNS, coarse
from offchain.packing import pack, unpack, unreadable

KIND = "extra-trees"
TREES = 80
MAX_DEPTH = 30
_DTYPES = {
    "roots": np.int32,
    "left": np.int32,
    "right": np.int32,
    "column": np.int32,
    "threshold": np.float32,
    "value": np.float32,
}


@dataclass(frozen=True)
class ExtraTrees:
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
            min_samples_leaf=1 if columns.shape[1] > MANY_COLUMNS else 4,
            random_state=seed % 2**31,
            n_jobs=1,
        )
        forest.fit(columns, labels[kept], sample_weight=weights[kept].astype(np.float64))
        return _from_sklearn(forest, classes)

    def load(self, data: bytes) -> FittedForest:
        """Read a fitted model and check that every path through its trees ends."""
        header, arrays = unpack(data)
        columns = header.get("columns")
        if arrays.keys() != _DTYPES.keys() or any(
            arrays[name].dtype != dtype or arrays[name].ndim != (2 if name == "value" else 1)
            for name, dtype in _DTYPES.items()
        ):
            raise unreadable("its arrays are not those of a forest")
        nodes, classes = arrays["value"].shape
        if (
            type(columns) is not int
            or not 2 <= classes <= MAX_CLASSES
            or nodes < 1
            or any(len(arrays[name]) != nodes for name in ("left", "right", "column", "threshold"))
            or not len(arrays["roots"])
        ):
            raise unreadable("its arrays do not fit each other")
        _check_paths(arrays, nodes, columns)
        return FittedForest(columns, **arrays)


@dataclass(frozen=True, eq=False)
class FittedForest:
    """All trees' nodes in one table; a leaf is its own left and right child.

    Parameters
    ----------
    columns
        Number of columns the trees look at.
    roots
        Int32 (trees,): first node of each tree.
    left, right, column
        Int32 (nodes,): children and the column that decides between them.
    threshold
        Float32 (nodes,): a row goes left if its value is not greater.
    value
        Float32 (nodes, C): class probabilities at the node.
    """

    columns: int
    roots: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    column: NDArray[np.int32]
    threshold: NDArray[np.float32]
    value: NDArray[np.float32]

    @property
    def kind(self) -> str:
        """Kind of the expert that made it."""
        return KIND

    def predict_proba(self, features: Features) -> Probabilities:
        """Return the trees' mean class probabilities (n, C)."""
        rows = coarse(features)
        if rows.shape[1] != self.columns:
            raise unreadable(f"its trees look at {self.columns} columns, not {rows.shape[1]}")
        total = np.zeros((len(rows), self.value.shape[1]), np.float64)
        each = np.arange(len(rows))
        for root in self.roots:
            node = np.full(len(rows), root)
            for _ in range(MAX_DEPTH):
                goes_left = rows[each, self.column[node]] <= self.threshold[node]
                node = np.where(goes_left, self.left[node], self.right[node])
            total += self.value[node]
        return (total / len(self.roots)).astype(np.float32)

    def to_bytes(self) -> bytes:
        """Serialise the tables; :meth:`ExtraTrees.load` is the inverse."""
        arrays = {name: getattr(self, name) for name in _DTYPES}
        return pack({"kind": KIND, "columns": self.columns}, arrays)


def _from_sklearn(forest: Any, classes: int) -> FittedForest:
    """Copy scikit-learn's trees into one table of nodes."""
    tables: dict[str, list[NDArray[Any]]] = {name: [] for name in _DTYPES}
    start = 0
    for estimator in forest.estimators_:
        tree = estimator.tree_
        own = np.arange(tree.node_count)
        leaf = tree.children_left < 0
        value = np.zeros((tree.node_count, classes))
        value[:, forest.classes_.astype(np.int64)] = tree.value[:, 0, :]
        value /= value.sum(axis=1, keepdims=True)
        tables["roots"].append(np.array([start]))
        tables["left"].append(np.where(leaf, own, tree.children_left) + start)
        tables["right"].append(np.where(leaf, own, tree.children_right) + start)
        tables["column"].append(np.where(leaf, 0, tree.feature))
        tables["threshold"].append(_float32_below(np.where(leaf, 0.0, tree.threshold)))
        tables["value"].append(value)
        start += tree.node_count
    arrays = {name: np.concatenate(tables[name]).astype(dtype) for name, dtype in _DTYPES.items()}
    return FittedForest(int(forest.n_features_in_), **arrays)


def _float32_below(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 not above each value: no float32 row changes sides."""
    near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)


def _check_paths(arrays: dict[str, NDArray[Any]], nodes: int, columns: int) -> None:
    """Refuse a table that points outside itself or holds what are no probabilities."""
    for name in ("roots", "left", "right"):
        if arrays[name].min() < 0 or arrays[name].max() >= nodes:
            raise unreadable("a node points outside the table")
    if arrays["column"].min() < 0 or arrays["column"].max() >= columns:
        raise unreadable("a node looks at a column that is not there")
    if not np.all(np.isfinite(arrays["value"])) or arrays["value"].min() < 0:
        raise unreadable("a leaf does not hold probabilities")
