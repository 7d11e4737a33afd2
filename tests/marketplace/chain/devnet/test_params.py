from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.chain.devnet.encoding import data, quantity, word
from marketplace.chain.devnet.params import (
    TAGS,
    BlockId,
    address_of,
    block_id_of,
    bytes_of,
    hash_of,
    quantity_of,
)
from marketplace.chain.devnet.rpc_errors import INVALID_PARAMS, RpcError


@given(st.integers(min_value=0, max_value=2**256 - 1))
def test_quantities_are_read_as_they_are_written(number: int) -> None:
    assert quantity_of(quantity(number), "n") == quantity_of(number, "n") == number
    assert int.from_bytes(bytes_of(word(number), "n"), "big") == number


@given(st.binary(max_size=100))
def test_bytes_are_read_as_they_are_written(raw: bytes) -> None:
    assert bytes_of(data(raw), "b") == bytes_of(data(raw).upper().replace("X", "x"), "b") == raw


@given(st.binary(min_size=32, max_size=32))
def test_a_block_is_named_by_its_hash(raw: bytes) -> None:
    assert block_id_of(data(raw)) == block_id_of({"blockHash": data(raw)}) == BlockId(hash=raw)


@pytest.mark.parametrize("tag", TAGS)
def test_a_block_is_named_by_a_tag(tag: str) -> None:
    assert block_id_of(tag) == block_id_of({"blockNumber": tag}) == BlockId(tag=tag)


def test_a_block_is_named_by_its_number() -> None:
    assert block_id_of("0x10") == block_id_of({"blockNumber": "0x10"}) == BlockId(number=16)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (quantity_of, "12"),
        (quantity_of, "0x"),
        (quantity_of, "0xg"),
        (quantity_of, -1),
        (quantity_of, 2**256),
        (quantity_of, "0x" + "f" * 65),
        (quantity_of, True),
        (quantity_of, 1.5),
        (quantity_of, None),
        (bytes_of, "0x123"),
        (bytes_of, "1234"),
        (bytes_of, "0x12\n"),
        (bytes_of, 12),
        (address_of, "0x1234"),
        (address_of, "0x" + "11" * 21),
        (hash_of, "0x" + "11" * 31),
        (block_id_of, "newest"),
        (block_id_of, None),
        (block_id_of, {}),
        (block_id_of, {"blockHash": "0x" + "11" * 32, "blockNumber": "0x1"}),
        (block_id_of, "0x" + "f" * 17),
    ],
)
def test_malformed_parameters_are_named(
    read: Callable[[object, str], object], value: object
) -> None:
    with pytest.raises(RpcError, match="given: ") as refusal:
        read(value, "given")
    assert refusal.value.code == INVALID_PARAMS


def test_long_values_are_cut_in_messages() -> None:
    with pytest.raises(RpcError) as refusal:
        quantity_of("x" * 10_000, "n")
    assert len(refusal.value.message) < 200
