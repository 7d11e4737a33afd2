"""Which experts take part: names of their owners' offers, and the kind of each."""

from __future__ import annotations

from offchain.data.dataset import Task
from offchain.experts import kinds


def default_roster(task: Task) -> dict[str, str]:
    """Return one expert of every kind that suits the task, named after its kind."""
    return {kind: kind for kind in kinds(task.feature_shape)}
