import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from marketplace.protocol.errors import (
    DataError,
    LabelOutsideRequest,
    NotFinite,
    UnreadableDataset,
    WrongShape,
)
from offchain.data import Dataset, Task, codec, decode, encode

TASK = Task("t", (3,), ("a", "b"), "accuracy")


def _arrays(**change):
    arrays = {"features": np.zeros((4, 3), np.float32), "labels": np.array([0, 1, 1, 0])}
    return arrays | change


@given(
    hnp.arrays(np.float32, (5, 3), elements=st.floats(-1e6, 1e6, width=32)),
    hnp.arrays(np.int64, 5, elements=st.integers(0, 1)),
)
def test_round_trip_is_exact_and_bytes_are_stable(features, labels) -> None:
    data = encode(Dataset(features, labels))
    back = decode(data, TASK)
    np.testing.assert_array_equal(back.features, features)
    np.testing.assert_array_equal(back.labels, labels)
    assert encode(back) == data


def test_views_encode_like_copies() -> None:
    features = np.arange(12, dtype=np.float32).reshape(3, 4).T
    labels = np.arange(8)[::2] % 2
    copied = Dataset(features.copy(order="C"), labels.copy())
    assert encode(Dataset(features, labels)) == encode(copied)


@pytest.mark.parametrize(
    ("change", "error", "cause"),
    [
        ({"features": np.zeros((4, 2), np.float32)}, WrongShape, r"\(4, 2\)"),
        ({"features": np.zeros((4, 3))}, WrongShape, "float64"),
        ({"features": np.zeros((5, 3), np.float32)}, WrongShape, "5 rows"),
        ({"labels": np.zeros(4, np.int32)}, WrongShape, "int32"),
        ({"labels": np.zeros((4, 1), np.int64)}, WrongShape, r"\(4, 1\)"),
        ({"labels": np.array([0, 1, 2, 0])}, LabelOutsideRequest, "row 2 has label 2"),
        ({"labels": np.array([0, -1, 1, 0])}, LabelOutsideRequest, "row 1 has label -1"),
        ({"more": np.zeros(1)}, UnreadableDataset, "more"),
    ],
)
def test_what_does_not_fit_the_task_is_named(change, error, cause) -> None:
    with pytest.raises(error, match=cause):
        decode(save(_arrays(**change)), TASK)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_value_that_is_not_finite_is_named_by_place(value) -> None:
    features = np.zeros((4, 3), np.float32)
    features[2, 1] = value
    with pytest.raises(NotFinite, match="row 2, column 1 is"):
        decode(save(_arrays(features=features)), TASK)


def test_no_rows_are_no_dataset() -> None:
    empty = {"features": np.zeros((0, 3), np.float32), "labels": np.zeros(0, np.int64)}
    with pytest.raises(WrongShape, match="0 rows"):
        decode(save(empty), TASK)


@pytest.mark.parametrize("data", [b"", b"\x00" * 64, b"not a dataset", b"\xff" * 16])
def test_other_bytes_are_unreadable(data) -> None:
    with pytest.raises(UnreadableDataset):
        decode(data, TASK)


def test_truncated_bytes_are_unreadable() -> None:
    data = save(_arrays())
    for length in range(0, len(data), 7):
        with pytest.raises(UnreadableDataset):
            decode(data[:length], TASK)


@given(st.data())
def test_a_flipped_byte_is_refused_or_changes_nothing_else(data) -> None:
    good = bytearray(save(_arrays()))
    place = data.draw(st.integers(0, len(good) - 1))
    good[place] ^= data.draw(st.integers(1, 255))
    try:
        rows = decode(bytes(good), TASK)
    except DataError:
        return
    assert rows.features.shape == (4, 3)
    assert set(rows.labels.tolist()) <= {0, 1}
    assert np.isfinite(rows.features).all()


def test_too_many_bytes_are_refused_before_reading(monkeypatch) -> None:
    data = save(_arrays())
    monkeypatch.setattr(codec, "MAX_BYTES", len(data) - 1)
    with pytest.raises(UnreadableDataset, match="more than"):
        decode(data, TASK)


def test_no_file_with_other_dtypes_of_safetensors_crashes_the_reader() -> None:
    header = (
        b'{"features":{"dtype":"BF16","shape":[1,3],"data_offsets":[0,6]},'
        b'"labels":{"dtype":"I64","shape":[1],"data_offsets":[6,14]}}'
    )
    with pytest.raises(DataError):
        decode(len(header).to_bytes(8, "little") + header + bytes(14), TASK)
