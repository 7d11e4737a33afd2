import numpy as np
import pytest

from marketplace.protocol.errors import ConfigurationError, UnreadableDataset
from offchain.data import Dataset, Task

TASK = Task("t", (2, 3), ("a", "b"), "accuracy")


def test_task_survives_json() -> None:
    assert Task.from_json(TASK.to_json()) == TASK
    assert TASK.width == 6


@pytest.mark.parametrize(
    ("shape", "classes", "metric"),
    [
        ((), ("a", "b"), "accuracy"),
        ((0,), ("a", "b"), "accuracy"),
        ((2_000_000,), ("a", "b"), "accuracy"),
        ((3,), ("a",), "accuracy"),
        ((3,), ("a", "a"), "accuracy"),
        ((3,), ("a", "b"), "f1"),
    ],
)
def test_task_that_describes_no_classifier_is_refused(shape, classes, metric) -> None:
    with pytest.raises(ConfigurationError):
        Task("t", shape, classes, metric)


@pytest.mark.parametrize(
    "change",
    [
        {"feature_shape": "23"},
        {"feature_shape": [2, True]},
        {"classes": ["a", 1]},
        {"metric": None},
        {"extra": 1},
    ],
)
def test_task_from_a_stranger_is_checked(change) -> None:
    with pytest.raises(UnreadableDataset):
        Task.from_json(TASK.to_json() | change)


@pytest.mark.parametrize("value", [None, [], {}, "task"])
def test_task_from_json_needs_an_object(value) -> None:
    with pytest.raises(UnreadableDataset):
        Task.from_json(value)


def test_take_keeps_the_given_order() -> None:
    rows = Dataset(np.arange(8, dtype=np.float32).reshape(4, 2), np.arange(4))
    taken = rows.take(np.array([3, 1]))
    assert taken.labels.tolist() == [3, 1]
    assert taken.features.tolist() == [[6, 7], [2, 3]]
