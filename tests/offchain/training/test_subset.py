import numpy as np
import pytest
from safetensors.numpy import load, save

from marketplace.protocol.errors import (
    LabelOutsideRequest,
    NotFinite,
    UnreadableDataset,
    WrongShape,
)
from offchain.data import Dataset, Task
from offchain.training import Subset, decode_subset, encode_subset

TASK = Task("t", (3,), ("a", "b"), "accuracy")


def _subset() -> Subset:
    rows = Dataset(np.arange(12, dtype=np.float32).reshape(4, 3), np.array([0, 1, 1, 0]))
    return Subset(rows, np.array([0.5, 0.0, 2.0, 1.0], np.float32))


def test_round_trip_is_exact() -> None:
    data = encode_subset(_subset())
    back = decode_subset(data, TASK)
    np.testing.assert_array_equal(back.weights, _subset().weights)
    np.testing.assert_array_equal(back.dataset.features, _subset().dataset.features)
    assert encode_subset(back) == data
    assert len(back) == 4


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"weights": np.zeros(4, np.float32)}, WrongShape),
        ({"weights": -np.ones(4, np.float32)}, WrongShape),
        ({"weights": np.full(4, np.nan, np.float32)}, WrongShape),
        ({"weights": np.ones(3, np.float32)}, WrongShape),
        ({"weights": np.ones(4)}, WrongShape),
        ({"labels": np.array([0, 1, 2, 0])}, LabelOutsideRequest),
        ({"features": np.full((4, 3), np.inf, np.float32)}, NotFinite),
        ({"features": np.zeros((4, 2), np.float32)}, WrongShape),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, error) -> None:
    with pytest.raises(error):
        decode_subset(save(load(encode_subset(_subset())) | change), TASK)


@pytest.mark.parametrize("missing", ["features", "labels", "weights"])
def test_missing_array_is_refused(missing) -> None:
    arrays = load(encode_subset(_subset()))
    del arrays[missing]
    with pytest.raises(UnreadableDataset):
        decode_subset(save(arrays), TASK)


@pytest.mark.parametrize("data", [b"", b"subset", b"\x00" * 50])
def test_other_bytes_are_refused(data) -> None:
    with pytest.raises(UnreadableDataset):
        decode_subset(data, TASK)
