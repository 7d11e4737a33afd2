"""Files as Merkle DAGs, cut and laid out as ``ipfs add --cid-version=1`` does.

Content is cut into chunks of 256 KiB, each a raw block. Up to 174 blocks hang under one
node, up to 174 nodes under one of the next level, and so on until a single root is left:
its CID names the whole. Content of one chunk is its own root. That is the balanced layout;
`offchain.storage.trickle` has the other one. Files of any layout are read.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Literal

from marketplace.protocol.errors import StorageError
from offchain.storage.block import Cid
from offchain.storage.node import Link, decode, encode, not_a_file
from offchain.storage.trickle import trickle

CHUNK_SIZE = 262_144
MAX_LINKS = 174
MAX_DEPTH = 64  # levels of nodes; 174-fold links reach 1 PiB with six
DEFAULT_LIMIT = 2**30  # bytes of content that a reader accepts unless told otherwise

Layout = Literal["balanced", "trickle"]
Emit = Callable[[Cid, bytes], None]


def _ignore(cid: Cid, block: bytes) -> None:
    """Take a block that nobody stores."""


def chunks(content: bytes | BinaryIO, size: int = CHUNK_SIZE) -> Iterator[bytes]:
    """Cut `content` into pieces of `size` bytes; empty content is one empty piece."""
    stream = io.BytesIO(content) if isinstance(content, bytes) else content
    piece = _read_fully(stream, size)
    yield piece
    while len(piece) == size and (piece := _read_fully(stream, size)):
        yield piece


def _read_fully(stream: BinaryIO, size: int) -> bytes:
    piece = stream.read(size)
    # A pipe or an unbuffered file may give less than was asked for before its end.
    while len(piece) < size and (more := stream.read(size - len(piece))):
        piece += more
    return piece


def lay_out(pieces: Iterable[bytes], emit: Emit = _ignore, layout: Layout = "balanced") -> Cid:
    """Build the DAG of a file and return its root.

    Parameters
    ----------
    pieces
        The content, as `chunks` cuts it. Held in memory: one piece, and a link for each.
    emit
        Called with every block, children before their parents: whoever stores them never
        holds a root without its content. Ignores them unless told otherwise.
    layout
        How nodes hang together: as ``ipfs add`` does, or ``ipfs add --trickle``.
    """
    leaves = []
    for piece in pieces:
        leaves.append(leaf(piece))
        if piece or layout == "balanced":  # a trickle node of nothing has no leaf
            emit(Cid.from_binary(leaves[-1].target), piece)
    return root_over(leaves, emit, layout)


def leaf(piece: bytes) -> Link:
    """Link to a chunk, as a raw block."""
    return Link(Cid.of("raw", piece).to_binary(), len(piece), len(piece))


def root_over(leaves: list[Link], emit: Emit = _ignore, layout: Layout = "balanced") -> Cid:
    """Build the nodes over the leaves of a file and return the root; see `lay_out`."""

    def join(links: list[Link]) -> Link:
        block = encode(links)
        cid = Cid.of("dag-pb", block)
        emit(cid, block)
        size = sum(link.size for link in links)
        return Link(cid.to_binary(), size, len(block) + sum(link.total for link in links))

    if layout == "trickle":
        leaves = [link for link in leaves if link.size]
        return Cid.from_binary(trickle(leaves, MAX_LINKS, join).target)
    return Cid.from_binary(balance(leaves, join).target)


def balance(row: list[Link], join: Callable[[list[Link]], Link]) -> Link:
    """Join up to 174 neighbours at a time, level by level, until one link is left."""
    while len(row) > 1:
        row = [join(row[start : start + MAX_LINKS]) for start in range(0, len(row), MAX_LINKS)]
    return row[0]


def read(root: Cid, fetch: Callable[[Cid], bytes], limit: int) -> Iterator[bytes]:
    """Yield the content under `root` in order, block by block.

    Parameters
    ----------
    root
        The file's CID. Any layout is read, not only the one that `lay_out` makes.
    fetch
        Returns a block, with its hash verified.
    limit
        Most bytes of content to accept. Blocks that link to each other many times can
        claim exabytes, so the claim is checked before the first byte is yielded.

    Raises
    ------
    StorageError
        If the content is larger than `limit`.
    InvalidCid
        If a block isn't part of a file, or holds another size than its parent says, or lies
        deeper than any layout puts it: else a few bytes of content could cost any number of
        blocks.
    """
    pending: list[tuple[Cid, int | None, int]] = [(root, None, 0)]
    while pending:
        cid, size, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise not_a_file(root, f"block {cid} lies below {MAX_DEPTH} levels of nodes")
        node = decode(cid, fetch(cid))
        if size is None and node.size > limit:
            raise StorageError(
                f"the content of {cid} has {node.size} bytes where {limit} are allowed",
                "refuse it, or allow more if that size is expected",
            )
        if size is not None and node.size != size:
            raise not_a_file(root, f"block {cid} holds {node.size} bytes, not {size}")
        yield node.data
        below = [(Cid.from_binary(link.target), link.size, depth + 1) for link in node.links]
        pending += reversed(below)


def blocks(root: Cid, fetch: Callable[[Cid], bytes]) -> Iterator[Cid]:
    """Yield every CID of the DAG under `root` once, fetching only blocks that have links."""
    seen = {root}
    pending = [root]
    while pending:
        cid = pending.pop()
        yield cid
        if cid.codec == "dag-pb":
            for target in links(cid, fetch(cid)):
                if target not in seen:
                    seen.add(target)
                    pending.append(target)


def links(cid: Cid, block: bytes) -> list[Cid]:
    """Return what a block of a file links to, in order."""
    return [Cid.from_binary(link.target) for link in decode(cid, block).links]
