"""UnixFS file nodes in dag-pb: the blocks that link the chunks of a file together.

Each is a protobuf message of links (CID, empty name, cumulative size) and of one UnixFS
message (type, size of the file, size under each link). The two messages are so small
that they are written here by hand: no maintained package encodes both.

Specifications: https://ipld.io/specs/codecs/dag-pb/ and https://specs.ipfs.tech/unixfs/.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from marketplace.protocol.errors import InvalidCid
from offchain.storage.block import Cid
from offchain.storage.varint import varint

_RAW, _FILE = 0, 2  # UnixFS types; the others are directories, symlinks and metadata
_VARINT, _LENGTH_DELIMITED = 0, 2  # protobuf wire types


class Link(NamedTuple):
    """An edge of the DAG.

    Attributes
    ----------
    target
        Binary CID of the block linked to.
    size
        Bytes of content under it (UnixFS ``blocksizes``).
    total
        Bytes of all blocks under it, nodes included (dag-pb ``Tsize``).
    """

    target: bytes
    size: int
    total: int


class Node(NamedTuple):
    """One block of a file: content of its own, then the content of its links."""

    data: bytes
    links: tuple[Link, ...]

    @property
    def size(self) -> int:
        """Bytes of content at and under this node."""
        return len(self.data) + sum(link.size for link in self.links)


def encode(links: Sequence[Link]) -> bytes:
    """Encode a file node without content of its own, byte for byte as go-ipfs does."""
    file = _number(1, _FILE) + _number(3, sum(link.size for link in links))
    file += b"".join(_number(4, link.size) for link in links)
    # dag-pb puts links before data. The empty names are not needed, but always written.
    edges = [_string(1, to.target) + _string(2, b"") + _number(3, to.total) for to in links]
    return b"".join(_string(2, edge) for edge in edges) + _string(1, file)


def decode(cid: Cid, block: bytes) -> Node:
    """Read one block of a file, whose hash has been verified.

    Raises
    ------
    InvalidCid
        If it is no part of a file: a directory, say, or sizes that don't add up.
    """
    if cid.codec == "raw":
        return Node(block, ())
    try:
        return _decode_dag_pb(block)
    except (ValueError, IndexError):
        raise not_a_file(cid, "its block is another thing, or malformed") from None


def not_a_file(cid: Cid, reason: str) -> InvalidCid:
    """Return the error for a CID whose blocks are intact, but don't make a file."""
    return InvalidCid(
        f"{cid} does not name a file: {reason}",
        "give the CID of a file, as `ipfs add --cid-version=1` prints it",
    )


def _decode_dag_pb(block: bytes) -> Node:
    _, strings = _fields(block)
    (message,) = strings[1]
    file_numbers, file_strings = _fields(message)
    sizes = file_numbers[4]
    edges = [_fields(edge) for edge in strings[2]]
    links = tuple(
        Link(Cid.from_binary(edge_strings[1][0]).to_binary(), size, edge_numbers[3][0])
        for (edge_numbers, edge_strings), size in zip(edges, sizes, strict=True)
    )
    node = Node(b"".join(file_strings[2]), links)
    if file_numbers[1] not in ([_RAW], [_FILE]) or file_numbers[3] not in ([], [node.size]):
        raise ValueError("not a file, or sizes that do not add up")
    if 0 in sizes:  # a DAG of nothing but empty links could be walked for ever
        raise ValueError("a link to nothing")
    return node


def _fields(message: bytes) -> tuple[dict[int, list[int]], dict[int, list[bytes]]]:
    """Split a protobuf message into its numbers and its strings, by field."""
    numbers: dict[int, list[int]] = defaultdict(list)
    strings: dict[int, list[bytes]] = defaultdict(list)
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        value, at = _read_varint(message, at)
        field, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            numbers[field].append(value)
        elif wire_type == _LENGTH_DELIMITED and at + value <= len(message):
            strings[field].append(message[at : at + value])
            at += value
        else:
            raise ValueError("malformed protobuf")
    return numbers, strings


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise ValueError("malformed protobuf")


def _number(field: int, value: int) -> bytes:
    return varint(field << 3 | _VARINT) + varint(value)


def _string(field: int, value: bytes) -> bytes:
    return varint(field << 3 | _LENGTH_DELIMITED) + varint(len(value)) + value
