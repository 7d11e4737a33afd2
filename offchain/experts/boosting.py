"""Gradient boosted trees, grown by LightGBM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from offchain.data.dataset import MAX_CLASSES
from offchain.experts.protocol import Description, Features, Labels, Priced, Probabilities
from offchain.experts.reduction import MANY_COLUMNS, coarse
from offchain.experts.trees import Trees, join
from offchain.packing import pack, unpack, unreadable

KIND = "boosted-trees"
SETTINGS: dict[str, Any] = {
    "min_data_in_leaf": 10,
    "lambda_l2": 5.0,
    "max_bin": 63,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
FEW_COLUMNS = {"num_leaves": 5, "learning_rate": 0.04, "feature_fraction": 0.5}
FEW_ROUNDS = 200
PIXELS = {"num_leaves": 15, "learning_rate": 0.16, "feature_fraction": 0.15}
PIXEL_ROUNDS = 50


@dataclass(frozen=True)
class BoostedTrees(Priced):
    """An expert that boosts shallow trees."""

    def describe(self) -> Description:
        """Return the description."""
        return Description(KIND, "Gradient boosted trees.", "any")

    def fit(
        self,
        features: Features,
        labels: Labels,
        weights: Features,
        classes: int,
        seed: int,
        effort: int = 1,
    ) -> FittedTrees:
        """Train; see :meth:`offchain.experts.protocol.Expert.fit`.

        More effort means as many times the rounds at a learning rate so many times lower.
        """
        kept = weights > 0
        seen, targets = np.unique(labels[kept], return_inverse=True)
        columns = coarse(features[kept])
        if len(seen) == 1:
            return FittedTrees(columns.shape[1], classes, seen, _nothing())
        many = columns.shape[1] > MANY_COLUMNS
        settings = SETTINGS | (PIXELS if many else FEW_COLUMNS)
        settings["learning_rate"] /= effort
        settings["seed"] = seed % 2**31
        settings["objective"] = "multiclass" if len(seen) > 2 else "binary"
        if len(seen) > 2:
            settings["num_class"] = len(seen)
        scaled = weights[kept] / weights[kept].mean()
        rows = lightgbm.Dataset(columns, targets.reshape(-1), weight=scaled, params=settings)
        rounds = (PIXEL_ROUNDS if many else FEW_ROUNDS) * effort
        booster = lightgbm.train(settings, rows, num_boost_round=rounds)
        return FittedTrees(columns.shape[1], classes, seen, from_lightgbm(booster))

    def load(self, data: bytes) -> FittedTrees:
        """Read a fitted model."""
        header, arrays = unpack(data)
        columns, classes, seen = header.get("columns"), header.get("classes"), arrays.get("seen")
        if (
            type(columns) is not int
            or type(classes) is not int
            or not 2 <= classes <= MAX_CLASSES
            or seen is None
            or seen.dtype != np.int64
            or seen.ndim != 1
            or not 1 <= len(seen) <= classes
            or np.any(np.diff(seen) <= 0)
            or seen[0] < 0
            or seen[-1] >= classes
        ):
            raise unreadable("it does not say which columns and classes it knows")
        trees = Trees.read(arrays, columns)
        if trees.value.shape[1] != len(seen):
            raise unreadable("its trees are for another number of classes")
        return FittedTrees(columns, classes, seen, trees)


@dataclass(frozen=True, eq=False)
class FittedTrees:
    """Trees whose leaves add to the logits of the classes that were seen."""

    columns: int
    classes: int
    seen: NDArray[np.int64]
    trees: Trees

    @property
    def kind(self) -> str:
        """Kind of the expert that made it."""
        return KIND

    def predict_proba(self, features: Features) -> Probabilities:
        """Return class probabilities (n, C); classes that were not seen get zero."""
        rows = coarse(features)
        if rows.shape[1] != self.columns:
            raise unreadable(f"its trees look at {self.columns} columns, not {rows.shape[1]}")
        logits = self.trees.total(rows)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        result = np.zeros((len(rows), self.classes), np.float32)
        result[:, self.seen] = odds / odds.sum(axis=1, keepdims=True)
        return result

    def to_bytes(self) -> bytes:
        """Serialise the trees; :meth:`BoostedTrees.load` is the inverse."""
        header = {"kind": KIND, "columns": self.columns, "classes": self.classes}
        return pack(header, {"seen": self.seen, **self.trees.arrays()})


def from_lightgbm(booster: lightgbm.Booster) -> Trees:
    """Copy the trees of a booster, one output per class also if there are two.

    Trees of a multiclass booster take turns over the classes; those of a binary one add to
    the logit of the second class.
    """
    turns = booster.num_model_per_iteration()
    outputs = max(2, turns)
    tables = []
    for index, tree in enumerate(booster.dump_model()["tree_info"]):
        table = _table(tree["tree_structure"])
        value = np.zeros((len(table["left"]), outputs))
        value[:, index % turns if turns > 1 else 1] = table["value"]
        tables.append(table | {"value": value})
    return join(tables)


def _table(root: dict[str, Any]) -> dict[str, NDArray[Any]]:
    """Lay the nodes of one tree out as a table, root first."""
    nodes, left, right = [root], [0], [0]
    for place, node in enumerate(nodes):
        left[place] = right[place] = place
        if "split_index" in node:
            left[place], right[place] = len(nodes), len(nodes) + 1
            nodes += [node["left_child"], node["right_child"]]
            left += [0, 0]
            right += [0, 0]
    return {
        "left": np.array(left),
        "right": np.array(right),
        "column": np.array([node.get("split_feature", 0) for node in nodes]),
        "threshold": np.array([node.get("threshold", 0.0) for node in nodes], np.float64),
        "value": np.array([node.get("leaf_value", 0.0) for node in nodes], np.float64),
    }


def _nothing() -> Trees:
    """Return one leaf that adds zero to one class: all there is to say about a single class."""
    leaf = {name: np.zeros(1, np.int64) for name in ("left", "right", "column")}
    return join([leaf | {"threshold": np.zeros(1), "value": np.zeros((1, 1))}])
