from dataclasses import replace

import numpy as np
import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.errors import UnreadableDataset
from offchain.data import Dataset
from offchain.validation import (
    Opening,
    commit,
    decode_openings,
    encode_openings,
    opened_labels,
    opens,
    root_of,
)

SECRET = bytes(range(32))


def _dataset(rows: int) -> Dataset:
    features = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)
    return Dataset(features, np.arange(rows) % 3)


@given(st.integers(1, 33))
def test_every_row_is_provable_and_labels_reopen(rows) -> None:
    sealed = commit(_dataset(rows), SECRET)
    assert root_of(sealed.openings) == sealed.root
    assert all(opens(sealed.root, o, sealed.proof(o.index)) for o in sealed.openings)
    labels = opened_labels(sealed.root, decode_openings(encode_openings(sealed.openings)))
    assert labels is not None
    assert labels.tolist() == _dataset(rows).labels.tolist()


def test_root_is_that_of_openzeppelin() -> None:
    """Root by @openzeppelin/merkle-tree 1.0.8, StandardMerkleTree.of(values, types).root."""
    openings = [
        Opening(i, label, bytes([i + 1]) * 32, bytes([i + 17]) * 32)
        for i, label in enumerate([2, 0, 1, 1, 0])
    ]
    assert root_of(openings).hex() == (
        "a4db513af6def4ee98d25823121e05caca595b6d23c39a6a57375ca95ed94f59"
    )


@pytest.mark.parametrize("field", ["label", "salt", "digest"])
def test_a_changed_opening_does_not_open(field) -> None:
    sealed = commit(_dataset(6), SECRET)
    true = sealed.openings[4]
    lie = replace(true, **{field: true.label + 1 if field == "label" else keccak(b"other")})
    assert not opens(sealed.root, lie, sealed.proof(4))
    assert opened_labels(sealed.root, [*sealed.openings[:4], lie, sealed.openings[5]]) is None


def test_missing_repeated_and_reordered_rows_do_not_open() -> None:
    sealed = commit(_dataset(6), SECRET)
    rows = sealed.openings
    assert opened_labels(sealed.root, rows[:-1]) is None
    assert opened_labels(sealed.root, [*rows, rows[-1]]) is None
    assert opened_labels(sealed.root, rows[::-1]) is None
    assert opened_labels(sealed.root, []) is None


def test_an_inner_node_is_not_taken_for_a_row() -> None:
    sealed = commit(_dataset(4), SECRET)
    proof = sealed.proof(0)
    assert not opens(sealed.root, sealed.openings[0], proof[:-1])
    assert not opens(sealed.root, sealed.openings[1], proof)


def test_features_and_secret_are_bound() -> None:
    rows = _dataset(4)
    root = commit(rows, SECRET).root
    changed = Dataset(rows.features + np.float32(1e-3), rows.labels)
    assert commit(changed, SECRET).root != root
    assert commit(rows, SECRET[::-1]).root != root
    assert commit(rows, SECRET).root == root


def test_equal_rows_have_different_openings() -> None:
    twins = Dataset(np.ones((2, 3), np.float32), np.zeros(2, np.int64))
    first, second = commit(twins, SECRET).openings
    assert first.salt != second.salt
    assert first.digest != second.digest


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33)])
def test_secret_has_32_bytes(secret) -> None:
    with pytest.raises(ValueError, match="not 32"):
        commit(_dataset(2), secret)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"5",
        b"[1]",
        b'[[0,"zz","00"]]',
        b'[[-1,"' + b"00" * 32 + b'","' + b"00" * 32 + b'"]]',
        b'[[true,"' + b"00" * 32 + b'","' + b"00" * 32 + b'"]]',
        b"\xff\xfe",
    ],
)
def test_openings_of_a_stranger_are_checked(data) -> None:
    with pytest.raises(UnreadableDataset):
        decode_openings(data)
