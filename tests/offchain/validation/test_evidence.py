import numpy as np
import pytest
from safetensors.numpy import load, save

from marketplace.protocol.errors import UnreadableDataset
from offchain.validation import Evidence, decode_evidence, encode_evidence


def _evidence() -> Evidence:
    generator = np.random.default_rng(0)
    return Evidence(
        ("b", "a"),
        generator.integers(0, 2048, (2, 5, 3), dtype=np.int16),
        generator.integers(0, 2048, (5, 2), dtype=np.int16),
    )


def test_round_trip_keeps_names_arrays_and_bytes() -> None:
    data = encode_evidence(_evidence())
    back = decode_evidence(data)
    assert back.experts == ("b", "a")
    np.testing.assert_array_equal(back.predictions, _evidence().predictions)
    np.testing.assert_array_equal(back.gates, _evidence().gates)
    assert encode_evidence(back) == data


@pytest.mark.parametrize(
    "change",
    [
        {"predictions": np.zeros((2, 5, 3), np.int32)},
        {"predictions": np.full((2, 5, 3), 2048, np.int16)},
        {"predictions": np.full((2, 5, 3), -1, np.int16)},
        {"predictions": np.zeros((3, 5, 3), np.int16)},
        {"predictions": np.zeros((2, 5), np.int16)},
        {"gates": np.zeros((4, 2), np.int16)},
        {"gates": np.full((5, 2), -1, np.int16)},
        {"experts": np.frombuffer(b'["a","a"]', np.uint8)},
        {"experts": np.frombuffer(b'["a",1]', np.uint8)},
        {"experts": np.frombuffer(b"{}", np.uint8)},
        {"experts": np.frombuffer(b"\xff", np.uint8)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(change) -> None:
    arrays = load(encode_evidence(_evidence()))
    with pytest.raises(UnreadableDataset, match="evidence"):
        decode_evidence(save(arrays | change))


@pytest.mark.parametrize("data", [b"", b"evidence", b"\x00" * 32])
def test_other_bytes_are_refused(data) -> None:
    with pytest.raises(UnreadableDataset):
        decode_evidence(data)


def test_missing_array_is_refused() -> None:
    arrays = load(encode_evidence(_evidence()))
    del arrays["gates"]
    with pytest.raises(UnreadableDataset):
        decode_evidence(save(arrays))
