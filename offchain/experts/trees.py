"""Decision trees as plain arrays: what forests and boosted trees are kept and evaluated as.

LightGBM's own text format is not used, since its parser aborts the whole process on text
that a stranger has damaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offchain.data.dataset import MAX_CLASSES
from offchain.packing import unreadable

MAX_DEPTH = 64
_CELLS = 1 << 20
_DTYPES = {
    "roots": np.int32,
    "left": np.int32,
    "right": np.int32,
    "column": np.int32,
    "threshold": np.float32,
    "value": np.float32,
}


@dataclass(frozen=True, eq=False)
class Trees:
    """All nodes of all trees in one table; a leaf is its own left and right child.

    Parameters
    ----------
    roots
        Int32 (trees,): first node of each tree.
    left, right, column
        Int32 (nodes,): children, and the column that decides between them.
    threshold
        Float32 (nodes,): a row goes left if its value is not greater.
    value
        Float32 (nodes, outputs): what a leaf answers.
    """

    roots: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    column: NDArray[np.int32]
    threshold: NDArray[np.float32]
    value: NDArray[np.float32]

    def total(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Sum the answers of all trees: (n, outputs) for rows (n, columns)."""
        sums = np.zeros((len(rows), self.value.shape[1]))
        step = max(1, _CELLS // len(self.roots))
        for start in range(0, len(rows), step):
            leaves = self._leaves(rows[start : start + step])
            for tree in leaves.T:
                sums[start : start + step] += self.value[tree]
        return sums

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the table by name, for packing; :meth:`read` is the inverse."""
        return dict(vars(self))

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]], columns: int) -> Trees:
        """Check a stranger's table over so many columns.

        Raises
        ------
        UnreadableModel
            If an array is missing, has another form, or points outside the table.
        """
        for name, dtype in _DTYPES.items():
            array = arrays.get(name)
            if array is None or array.dtype != dtype or array.ndim != 1 + (name == "value"):
                raise unreadable(f"{name} of its trees is missing or of another form")
        nodes, outputs = arrays["value"].shape
        lengths = {len(arrays[name]) for name in ("left", "right", "column", "threshold")}
        if lengths != {nodes} or nodes < 1 or not 1 <= outputs <= MAX_CLASSES:
            raise unreadable("the arrays of its trees do not fit each other")
        for name, bound in (("roots", nodes), ("left", nodes), ("right", nodes)):
            _check_range(name, arrays[name], bound)
        _check_range("column", arrays["column"], columns)
        if not np.isfinite(arrays["value"]).all() or np.isnan(arrays["threshold"]).any():
            raise unreadable("a number in its trees is not finite")
        return cls(**{name: arrays[name] for name in _DTYPES})

    def _leaves(self, rows: NDArray[np.float32]) -> NDArray[np.int32]:
        """Return the leaf of each row in each tree, (n, trees)."""
        node = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
        for _ in range(MAX_DEPTH):
            values = np.take_along_axis(rows, self.column[node], axis=1)
            following = np.where(values <= self.threshold[node], self.left[node], self.right[node])
            if np.array_equal(following, node):
                break
            node = following
        return node


def join(trees: list[dict[str, NDArray[Any]]]) -> Trees:
    """Put trees, each a table with its root first and its own numbering, into one table."""
    starts = np.cumsum([0, *(len(tree["left"]) for tree in trees[:-1])])
    shifted = [
        tree | {"left": tree["left"] + start, "right": tree["right"] + start}
        for tree, start in zip(trees, starts, strict=True)
    ]
    arrays: dict[str, NDArray[Any]] = {
        name: np.concatenate([tree[name] for tree in shifted]).astype(dtype)
        for name, dtype in _DTYPES.items()
        if name not in ("roots", "threshold")
    }
    thresholds = np.concatenate([tree["threshold"] for tree in shifted])
    return Trees(roots=starts.astype(np.int32), threshold=float32_not_above(thresholds), **arrays)


def float32_not_above(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest float32 not above each value, so that no float32 row changes sides."""
    near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)


def _check_range(name: str, array: NDArray[Any], bound: int) -> None:
    if not array.size or array.min() < 0 or array.max() >= bound:
        raise unreadable(f"{name} of its trees points outside what is there")
