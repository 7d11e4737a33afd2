"""Ids and commitments: every part of the content decides, and nothing else does."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.ids import dataset_commitment, score_seal, trade_id
from marketplace.protocol.terms import NATIVE, Request, Windows

MARKET = "0x00000000219ab540356cBB839Cbe05303d7705Fa"
SIGNER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
WINDOWS = Windows(1, 2, 3, 4, 5, 6, 7)
REQUEST = Request(
    *(MARKET, SIGNER, NATIVE, NATIVE),
    *(10**18, 900_000, 3, 600, 250),
    *(b"\x01" * 32, b"\x02" * 32, b"\x04" * 32, 1, False),
    *(b"\x05" * 32, b"\x06" * 32, 250, SIGNER),
    *(WINDOWS, b"\x03" * 32),
)
OTHER_VALUES: dict[str, Any] = {
    "buyer": SIGNER,
    "broker": MARKET,
    "auditor": MARKET,
    "currency": MARKET,
    "budget": 1,
    "threshold": 1,
    "max_attempts": 1,
    "min_rows": 1,
    "validation_rows": 1,
    "validation_root": bytes(32),
    "spec": bytes(32),
    "licence": bytes(32),
    "transfer_rule": 2,
    "approval_required": True,
    "committee": bytes(32),
    "panel": bytes(32),
    "fee_bps": 251,
    "treasury": MARKET,
    "windows": replace(WINDOWS, settlement=8),
    "salt": bytes(32),
}


def test_a_known_request_has_a_known_id() -> None:
    assert trade_id(31337, MARKET, REQUEST).hex() == (
        "20e9824aafdb58301d0abae2b027e0fbc69eb3802bbd8a545d4073bb8d91cf09"
    )


def test_chain_and_market_are_part_of_the_id() -> None:
    here = trade_id(31337, MARKET, REQUEST)
    assert trade_id(1, MARKET, REQUEST) != here
    assert trade_id(31337, SIGNER, REQUEST) != here


@pytest.mark.parametrize("field", OTHER_VALUES)
def test_each_field_of_the_request_is_part_of_the_id(field: str) -> None:
    changed = replace(REQUEST, **{field: OTHER_VALUES[field]})
    assert trade_id(31337, MARKET, changed) != trade_id(31337, MARKET, REQUEST)


def test_no_field_was_forgotten() -> None:
    assert set(OTHER_VALUES) == {field.name for field in fields(Request)}


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=99))
def test_a_dataset_is_committed_to_under_its_salt(salt: bytes, plaintext: bytes) -> None:
    commitment = dataset_commitment(plaintext, salt)
    assert commitment == keccak(salt + plaintext)
    assert commitment != dataset_commitment(plaintext + b"\0", salt)


def test_the_salt_keeps_equal_datasets_apart() -> None:
    assert dataset_commitment(b"iris", bytes(32)) != dataset_commitment(b"iris", b"\x01" * 32)


@pytest.mark.parametrize(
    "other",
    [
        (b"\x02" * 32, 1, SIGNER, 900_000, bytes(32)),
        (b"\x01" * 32, 2, SIGNER, 900_000, bytes(32)),
        (b"\x01" * 32, 1, MARKET, 900_000, bytes(32)),
        (b"\x01" * 32, 1, SIGNER, 900_001, bytes(32)),
        (b"\x01" * 32, 1, SIGNER, 900_000, b"\x01" * 32),
    ],
)
def test_a_seal_binds_all_that_it_is_about(other: tuple[bytes, int, str, int, bytes]) -> None:
    assert score_seal(*other) != score_seal(b"\x01" * 32, 1, SIGNER, 900_000, bytes(32))
