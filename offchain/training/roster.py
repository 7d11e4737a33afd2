"""Which experts take part: names of their owners' offers, and the kind of each."""

from __future__ import annotations

from offchain.data.dataset import Task
from offchain.experts import kinds

USUAL = (
    "logistic",
    "mlp",
    "cnn",
    "additive",
    "random-features",
    "boosted-trees",
    "nearest-neighbours",
    "extra-trees",
    "hashed-text",
)
"""Whoever wants others names them: a kind more is a probe more in every trade."""


def default_roster(task: Task) -> dict[str, str]:
    """Return one expert of every usual kind that suits the task, named after its kind."""
    return {kind: kind for kind in kinds(task.feature_shape, task.text) if kind in USUAL}
