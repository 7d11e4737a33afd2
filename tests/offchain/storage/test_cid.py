"""CIDs of content, against those that Kubo and jsipfs gave the same content."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.errors import InvalidCid
from offchain.storage import dag, node
from offchain.storage.block import Cid
from offchain.storage.cid import cid_of, cid_of_digest, digest_of
from offchain.storage.node import Link

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

Content = Callable[[int], bytes]


def vectors(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("size", "expected"), [(int(size), cid) for size, cid in VECTORS[name].items()]
    )


@vectors("jsipfs")
def test_content_of_any_size_has_the_cid_that_ipfs_add_gives_it(
    size: int, expected: str, content: Content
) -> None:
    assert cid_of(content(size)) == expected


@vectors("jsipfs_chunks_of_16")
def test_three_levels_of_nodes(size: int, expected: str, content: Content) -> None:
    assert str(dag.lay_out(dag.chunks(content(size), 16))) == expected


@vectors("jsipfs_trickle_chunks_of_16")
def test_the_trickle_layout(size: int, expected: str, content: Content) -> None:
    assert str(dag.lay_out(dag.chunks(content(size), 16), layout="trickle")) == expected


def test_a_file_of_the_specification() -> None:
    file = VECTORS["specification"]
    leaves = [Link(Cid.parse(cid).to_binary(), size, size) for cid, size in file["chunks"]]
    assert str(dag.root_over(leaves)) == file["root"]


# Plain `ipfs add`, which is all that Kubo's library offers, differs from our layout in
# two things only: chunks are wrapped in nodes, and links are of version 0. Written down
# here, they let Kubo itself check the chunks, the tree, and the encoding of nodes.


def version_0_leaf(chunk: bytes) -> Link:
    length = varint(len(chunk))
    data = b"\x12" + length + chunk if chunk else b""
    file = b"\x08\x02" + data + b"\x18" + length
    return version_0_link(b"\x0a" + varint(len(file)) + file, len(chunk), ())


def version_0_join(links: list[Link]) -> Link:
    return version_0_link(node.encode(links), sum(link.size for link in links), links)


def version_0_link(block: bytes, size: int, links: list[Link] | tuple[()]) -> Link:
    multihash = b"\x12\x20" + hashlib.sha256(block).digest()
    return Link(multihash, size, len(block) + sum(link.total for link in links))


def varint(value: int) -> bytes:
    low = bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
    return low + varint(value >> 7) if value > 0x7F else low


def base58_decoded(text: str) -> bytes:
    value = 0
    for letter in text:
        value = value * 58 + BASE58.index(letter)
    return value.to_bytes(34, "big")


@vectors("kubo")
def test_chunks_and_tree_are_those_of_kubo(size: int, expected: str, content: Content) -> None:
    leaves = [version_0_leaf(chunk) for chunk in dag.chunks(content(size))]
    assert dag.balance(leaves, version_0_join).target == base58_decoded(expected)


@vectors("kubo_zeros")
def test_kubo_agrees_on_gigabytes_of_zeros(size: int, expected: str) -> None:
    whole, rest = divmod(size, dag.CHUNK_SIZE)
    leaves = [version_0_leaf(bytes(dag.CHUNK_SIZE))] * whole
    leaves += [version_0_leaf(bytes(rest))] * (rest > 0)
    assert dag.balance(leaves, version_0_join).target == base58_decoded(expected)


class Trickle(io.RawIOBase):
    """A stream that gives fewer bytes than it is asked for, as pipes and sockets do."""

    def __init__(self, data: bytes, steps: list[int]) -> None:
        self._data = io.BytesIO(data)
        self._steps = steps

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        step = self._steps.pop() if self._steps else len(buffer)
        piece = self._data.read(min(step, len(buffer)))
        buffer[: len(piece)] = piece
        return len(piece)


@given(st.binary(max_size=300), st.lists(st.integers(1, 7), max_size=50), st.integers(1, 9))
def test_a_stream_is_cut_where_bytes_are(data: bytes, steps: list[int], size: int) -> None:
    pieces = list(dag.chunks(data, size))
    assert b"".join(pieces) == data
    assert all(len(piece) == size for piece in pieces[:-1])
    assert pieces[-1] or not data
    assert list(dag.chunks(Trickle(data, steps), size)) == pieces


def test_a_file_object_has_the_cid_of_its_bytes(content: Content) -> None:
    data = content(2 * dag.CHUNK_SIZE + 7)
    assert cid_of(io.BytesIO(data)) == cid_of(data)


@given(st.binary(max_size=100))
def test_a_digest_on_a_chain_leads_back_to_the_cid(data: bytes) -> None:
    cid = cid_of(data)
    assert digest_of(cid) == hashlib.sha256(data).digest()
    assert cid_of_digest(digest_of(cid)) == cid


def test_a_digest_of_long_content_needs_its_codec(content: Content) -> None:
    cid = cid_of(content(dag.CHUNK_SIZE + 1))
    assert cid_of_digest(digest_of(cid), "dag-pb") == cid


def test_what_is_no_digest_is_refused() -> None:
    with pytest.raises(InvalidCid, match="31 bytes"):
        cid_of_digest(bytes(31))
    with pytest.raises(InvalidCid, match="dag-cbor"):
        cid_of_digest(bytes(32), "dag-cbor")
    with pytest.raises(InvalidCid):
        digest_of("QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o")
