"""The two value types of a trade's data: the task that is asked for and rows that answer it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.errors import ConfigurationError, UnreadableDataset
from offchain.data.names import require_distinct, require_plain

Metric = Literal["accuracy", "balanced_accuracy", "gini"]

MAX_CLASSES = 1_000
MAX_FEATURES = 1_000_000


@dataclass(frozen=True)
class Task:
    """What a buyer asks for: a classifier of arrays of one shape into named classes.

    Parameters
    ----------
    name
        Short name, shown to people.
    feature_shape
        Shape of one row's features: ``(d,)`` for a table, ``(height, width)`` for an image,
        ``(length,)`` for a text.
    classes
        Class names in the order of their integer labels.
    metric
        ``accuracy`` (share of rows), ``balanced_accuracy`` (mean recall of the classes
        that occur), or for two classes ``gini`` (how well the rows are ranked).
    text
        Whether a row is a text, see :mod:`offchain.data.text`.

    Raises
    ------
    ConfigurationError
        If a field could not describe a classification task, or a name is not plain.
    """

    name: str
    feature_shape: tuple[int, ...]
    classes: tuple[str, ...]
    metric: Metric
    text: bool = False

    def __post_init__(self) -> None:
        shape = self.feature_shape
        require_plain("the task name", self.name)
        if not shape or any(side < 1 for side in shape) or self.width > MAX_FEATURES:
            raise ConfigurationError(
                f"feature shape {shape} of task {self.name!r} is not usable",
                f"give one or more positive sides with at most {MAX_FEATURES} values in all",
            )
        if not 2 <= len(self.classes) <= MAX_CLASSES or len(set(self.classes)) < len(self.classes):
            raise ConfigurationError(
                f"task {self.name!r} names {len(self.classes)} classes, or names one twice",
                f"give between 2 and {MAX_CLASSES} different class names",
            )
        for name in self.classes:
            require_plain("the class name", name)
        require_distinct("the class names", self.classes)
        if self.text and len(shape) != 1:
            raise ConfigurationError(
                f"texts of task {self.name!r} have the shape {shape}", "give one length in bytes"
            )
        if self.metric not in get_args(Metric):
            raise ConfigurationError(
                f"metric {self.metric!r} is unknown", f"use one of {', '.join(get_args(Metric))}"
            )
        if self.metric == "gini" and len(self.classes) != 2:
            raise ConfigurationError(
                f"metric 'gini' ranks rows of two classes, task {self.name!r} has"
                f" {len(self.classes)}",
                "use accuracy or balanced_accuracy",
            )

    @property
    def width(self) -> int:
        """Number of values in one row's features."""
        return int(np.prod(self.feature_shape, dtype=np.int64))

    def to_json(self) -> dict[str, Any]:
        """Return the task as JSON-ready values; :meth:`from_json` is its inverse."""
        told = {
            "name": self.name,
            "feature_shape": list(self.feature_shape),
            "classes": list(self.classes),
            "metric": self.metric,
        }
        return told | {"text": True} if self.text else told

    @classmethod
    def from_json(cls, value: Any) -> Task:
        """Read a task written by :meth:`to_json`, possibly by a stranger.

        Raises
        ------
        UnreadableDataset
            If a field is missing, extra or of another type.
        ConfigurationError
            If the fields do not describe a usable task.
        """
        fields = {"name": str, "feature_shape": list, "classes": list, "metric": str}
        if (
            not isinstance(value, dict)
            or value.keys() - {"text"} != fields.keys()
            or value.get("text", True) is not True
            or not all(isinstance(value[key], kind) for key, kind in fields.items())
            or not all(type(side) is int for side in value["feature_shape"])
            or not all(isinstance(name, str) for name in value["classes"])
        ):
            raise UnreadableDataset(
                "the task description does not have the fields of a task",
                f"write exactly {', '.join(fields)} as Task.to_json does",
            )
        return cls(
            value["name"],
            tuple(value["feature_shape"]),
            tuple(value["classes"]),
            value["metric"],
            "text" in value,
        )


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled rows.

    Parameters
    ----------
    features
        Float32 array of shape (n, *feature_shape).
    labels
        Int64 array of shape (n,): index of the row's class in the task's ``classes``.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> Dataset:
        """Return the given rows, in the given order, as a dataset of their own."""
        return Dataset(self.features[rows], self.labels[rows])
