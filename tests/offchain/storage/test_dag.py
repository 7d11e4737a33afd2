"""Reading DAGs that strangers wrote: other layouts, malformed nodes, and traps."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.errors import InvalidCid, MissingContent, StorageError
from offchain.storage import dag, node
from offchain.storage.block import Cid
from offchain.storage.node import Link
from offchain.storage.varint import varint


class Blocks(dict[Cid, bytes]):
    """Blocks in memory, to be read back as they were made."""

    def add(self, codec: str, block: bytes) -> Cid:
        cid = Cid.of(codec, block)
        self[cid] = block
        return cid

    def fetch(self, cid: Cid) -> bytes:
        if cid not in self:
            raise MissingContent(f"no {cid}", "none")
        return self[cid]

    def read(self, root: Cid, limit: int = 1000) -> bytes:
        return b"".join(dag.read(root, self.fetch, limit))


def link(target: Cid, size: int) -> Link:
    return Link(target.to_binary(), size, size)


def field(number: int, value: int | bytes) -> bytes:
    """Encode a protobuf field whose number and length are below 16 and 128."""
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value)
    return bytes([number << 3 | 2, len(value)]) + value


def file_node(*fields: bytes, links: bytes = b"") -> bytes:
    return links + field(1, b"".join(fields))


@given(st.binary(max_size=2000), st.integers(1, 5))
def test_what_is_laid_out_reads_back(data: bytes, size: int) -> None:
    blocks = Blocks()
    root = dag.lay_out(dag.chunks(data, size), blocks.__setitem__)
    assert blocks.read(root, limit=2000) == data
    assert set(dag.blocks(root, blocks.fetch)) == set(blocks)


def test_children_are_stored_before_their_parents() -> None:
    stored: set[Cid] = set()

    def emit(cid: Cid, block: bytes) -> None:
        assert all(Cid.from_binary(link.target) in stored for link in node.decode(cid, block).links)
        stored.add(cid)

    root = dag.lay_out(dag.chunks(bytes(range(256)), 1), emit)
    assert root in stored


@given(st.lists(st.builds(Link, st.just(Cid.of("raw", b"x").to_binary()), st.integers(1, 2**60),
                          st.integers(1, 2**60)), max_size=5))  # fmt: skip
def test_nodes_decode_to_what_was_encoded(links: list[Link]) -> None:
    block = node.encode(links)
    assert node.decode(Cid.of("dag-pb", block), block) == node.Node(b"", tuple(links))


def test_chunks_wrapped_in_nodes_are_read_too() -> None:
    """`ipfs add --raw-leaves=false` and every CIDv0 lay files out so."""
    blocks = Blocks()
    leaves = [
        blocks.add("dag-pb", file_node(field(1, 2), field(2, part), field(3, len(part))))
        for part in (b"abc", b"de")
    ]
    version_0 = [
        Link(leaf.to_binary()[2:], size, 0) for leaf, size in zip(leaves, (3, 2), strict=True)
    ]
    root = blocks.add("dag-pb", node.encode(version_0))
    assert blocks.read(root) == b"abcde"


CHILD = Cid.of("raw", b"abc")
EDGE = field(2, field(1, CHILD.to_binary()) + field(2, b"") + field(3, 3))

NOT_FILES = {
    "empty": b"",
    "text": b"not protobuf at all",
    "directory": file_node(field(1, 1)),
    "symlink": file_node(field(1, 4), field(2, b"/etc/passwd")),
    "sharded directory": file_node(field(1, 5)),
    "no type": file_node(field(3, 0)),
    "two types": file_node(field(1, 2), field(1, 2)),
    "no UnixFS message": EDGE,
    "link without size": file_node(field(1, 2), field(3, 0), links=EDGE),
    "size without link": file_node(field(1, 2), field(3, 3), field(4, 3)),
    "empty link": file_node(field(1, 2), field(3, 0), field(4, 0), links=EDGE),
    "wrong sum": file_node(field(1, 2), field(3, 4), field(4, 3), links=EDGE),
    "link without target": file_node(field(1, 2), field(4, 3), links=field(2, field(3, 3))),
    "link to another hash": file_node(
        field(1, 2),
        field(4, 3),
        links=field(2, field(1, b"\x01\x55\x1e\x20" + bytes(32)) + field(3, 3)),
    ),
    "cut short": file_node(field(1, 2), field(3, 3), field(4, 3), links=EDGE)[:-1],
    "endless varint": b"\x0a" + b"\xff" * 20,
    "unknown wire type": b"\x0d" + bytes(4),
}


@pytest.mark.parametrize("block", NOT_FILES.values(), ids=NOT_FILES.keys())
def test_blocks_that_make_no_file_are_refused(block: bytes) -> None:
    blocks = Blocks()
    blocks.add("raw", b"abc")
    root = blocks.add("dag-pb", block)
    with pytest.raises(InvalidCid, match=f"{root} does not name a file"):
        blocks.read(root)


def test_the_well_formed_twin_of_those_is_read() -> None:
    blocks = Blocks()
    blocks.add("raw", b"abc")
    root = blocks.add("dag-pb", file_node(field(1, 2), field(3, 3), field(4, 3), links=EDGE))
    assert blocks.read(root) == b"abc"


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(block: bytes) -> None:
    blocks = Blocks()
    root = blocks.add("dag-pb", block)
    with contextlib.suppress(InvalidCid, MissingContent):
        blocks.read(root)


def test_a_block_of_another_size_than_its_parent_says_is_refused() -> None:
    blocks = Blocks()
    root = blocks.add("dag-pb", node.encode([link(blocks.add("raw", b"abc"), 2)]))
    with pytest.raises(InvalidCid, match=r"holds 3 bytes, not 2"):
        blocks.read(root)


def test_a_small_dag_that_claims_exabytes_is_refused_before_it_is_read() -> None:
    blocks = Blocks()
    target, size = blocks.add("raw", b"a"), 1
    for _ in range(8):
        target, size = blocks.add("dag-pb", node.encode([link(target, size)] * 174)), size * 174
    with pytest.raises(StorageError, match=f"has {174**8} bytes where 1000 are allowed"):
        blocks.read(target)
    assert set(dag.blocks(target, blocks.fetch)) == set(blocks)  # each once, not 174**8 times


def test_a_chain_of_nodes_without_end_is_refused() -> None:
    blocks = Blocks()
    target = blocks.add("raw", b"a")
    for _ in range(dag.MAX_DEPTH):
        target = blocks.add("dag-pb", node.encode([link(target, 1)]))
    assert blocks.read(target) == b"a"
    target = blocks.add("dag-pb", node.encode([link(target, 1)]))
    with pytest.raises(InvalidCid, match="below 64 levels"):
        blocks.read(target)


@given(st.binary(max_size=2000), st.integers(1, 5))
def test_the_trickle_layout_reads_back(data: bytes, size: int) -> None:
    blocks = Blocks()
    root = dag.lay_out(dag.chunks(data, size), blocks.__setitem__, "trickle")
    assert blocks.read(root, limit=2000) == data
    assert set(dag.blocks(root, blocks.fetch)) == set(blocks)


def test_content_up_to_the_limit_is_read() -> None:
    blocks = Blocks()
    root = dag.lay_out(dag.chunks(bytes(range(100)), 7), blocks.__setitem__)
    assert blocks.read(root, limit=100) == bytes(range(100))
    with pytest.raises(StorageError, match="99 are allowed"):
        blocks.read(root, limit=99)
    with pytest.raises(StorageError, match="2 are allowed"):
        blocks.read(blocks.add("raw", b"abc"), limit=2)
