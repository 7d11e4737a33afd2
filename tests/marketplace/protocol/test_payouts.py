"""How a quorum's signatures are packed: compact, in the members' order, none of a stranger."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_keys.datatypes import Signature
from eth_typing import Hash32
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.errors import BadSignature, ProtocolError
from marketplace.protocol.payouts import PayoutsDomain, packed
from marketplace.protocol.typed_data import Domain, compact

KEYS = st.integers(1, 2**128).map(lambda key: key.to_bytes(32))
DIGEST = keccak(text="what is signed")
MEMBERS = tuple(
    sorted((Account.from_key(bytes(31) + bytes([n])).address for n in (1, 2, 3)), key=str.lower)
)


def signed(key: bytes) -> bytes:
    return bytes(Account.from_key(key).unsafe_sign_hash(Hash32(DIGEST)).signature)


@given(KEYS)
def test_a_compact_signature_is_the_same_signature(key: bytes) -> None:
    short = compact(signed(key))
    parity, s = short[32] >> 7, bytes([short[32] & 0x7F]) + short[33:]
    found = Signature(short[:32] + s + bytes([parity])).recover_public_key_from_msg_hash(DIGEST)
    assert len(short) == 64
    assert found.to_checksum_address() == Account.from_key(key).address


@pytest.mark.parametrize(
    "signature",
    [b"", b"\x01" * 64, b"\x01" * 64 + b"\x00", b"\x01" * 32 + b"\xff" * 32 + b"\x1b"],
    ids=["empty", "short", "v of zero", "high s"],
)
def test_what_can_not_be_made_compact_is_refused(signature: bytes) -> None:
    with pytest.raises(BadSignature, match="compact"):
        compact(signature)


@given(st.sets(st.integers(0, 2)))
def test_the_bitmap_names_the_signers_in_order(signing: set[int]) -> None:
    signature = {MEMBERS[n]: bytes([n + 1]) * 64 + b"\x1b" for n in sorted(signing, reverse=True)}
    bitmap, together = packed(MEMBERS, signature)
    assert {n for n in range(3) if bitmap >> n & 1} == signing
    assert together == b"".join(bytes([n + 1]) * 64 for n in sorted(signing))


def test_a_stranger_is_not_packed() -> None:
    with pytest.raises(ProtocolError, match="not in the committee"):
        packed(MEMBERS[:2], {MEMBERS[2]: b"\x01" * 65})


def test_a_payout_is_never_signed_for_the_market() -> None:
    market, payouts = Domain(1, MEMBERS[0]), PayoutsDomain(1, MEMBERS[0])
    assert market.separated()["name"] != payouts.separated()["name"]
