"""The one spelling of a CID that is let through, and all those that are not."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.errors import InvalidCid
from offchain.storage.block import Cid

# hello.txt of the test vectors in https://specs.ipfs.tech/unixfs/
HELLO = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"

cids = st.builds(Cid, st.sampled_from(["raw", "dag-pb"]), st.binary(min_size=32, max_size=32))


def base32(binary: bytes) -> str:
    return "b" + base64.b32encode(binary).decode().rstrip("=").lower()


def test_a_block_is_named_by_its_hash() -> None:
    cid = Cid.of("raw", b"hello world\n")
    assert str(cid) == HELLO
    assert cid.names(b"hello world\n")
    assert not cid.names(b"hello world")


@given(cids)
def test_text_and_binary_forms_name_the_same_block(cid: Cid) -> None:
    assert Cid.parse(str(cid)) == cid
    assert Cid.from_binary(cid.to_binary()) == cid


@given(st.binary(min_size=32, max_size=32))
def test_a_link_of_version_0_is_to_a_dag_pb_node(digest: bytes) -> None:
    assert Cid.from_binary(b"\x12\x20" + digest) == Cid("dag-pb", digest)


REFUSED = {
    "empty": "",
    "prose": "not a cid",
    "version 0": "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
    "base58": "zb2rhi36Gc9GJWijLEL6zW45MBux5FcFv5gJmjXA7VAMozEXY",
    "upper case": HELLO.upper(),
    "cut short": HELLO[:-1],
    "too long": HELLO + "a",
    "padded": HELLO + "======",
    "new line": HELLO + "\n",
    "path": "/ipfs/" + HELLO,
    "not ASCII": HELLO[:-1] + "é",
    # 36 bytes leave two spare bits in the last letter: they are clear in 4, one is set in 5
    "spare bits set": HELLO[:-1] + "5",
    "codec dag-cbor": base32(b"\x01\x71\x12\x20" + bytes(32)),
    "hash sha2-512": base32(b"\x01\x55\x13\x40" + bytes(64)),
    "hash blake3": base32(b"\x01\x55\x1e\x20" + bytes(32)),
    "version 2": base32(b"\x02\x55\x12\x20" + bytes(32)),
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_other_spellings_and_kinds_are_refused(text: str) -> None:
    with pytest.raises(InvalidCid) as refusal:
        Cid.parse(text)
    assert "\n" not in str(refusal.value)
    assert "ipfs add --cid-version=1" in refusal.value.remedy


def test_the_error_shows_no_more_than_a_line_of_what_was_given() -> None:
    with pytest.raises(InvalidCid) as refusal:
        Cid.parse("x" * 10_000)
    assert len(str(refusal.value)) < 300


@given(st.text())
def test_whatever_parses_is_spelled_as_it_was_given(text: str) -> None:
    try:
        cid = Cid.parse(text)
    except InvalidCid:
        return
    assert str(cid) == text
