"""CARv1: blocks and the roots that they hang under, in one file or stream.

A header in DAG-CBOR, ``{"roots": [CID, ...], "version": 1}``, then one section per block,
CID and bytes; a varint before each says how long it is. Nothing in a CAR is believed: every
block is hashed when it is read, and no declared length is trusted with memory.

Specification: https://ipld.io/specs/transport/car/carv1/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, NoReturn

from marketplace.protocol.errors import CorruptContent, StorageError
from offchain.storage.block import MAX_BLOCK, Cid
from offchain.storage.varint import varint

MAX_HEADER = 2**20  # bytes: 24,000 roots
MAX_CAR = 8 * 2**30  # bytes of a whole CAR unless told otherwise
_CID_BYTES = 36

_VERSION_0 = b"\x12\x20"  # a bare multihash, which CIDs of version 0 are
_ROOTS, _VERSION = b"\x65roots", b"\x67version\x01"  # CBOR: text keys, and the number 1
_CID_TAG = b"\xd8\x2a\x58"  # CBOR: tag 42 before a byte string of one-byte length


class Section(NamedTuple):
    """One block of a CAR.

    Attributes
    ----------
    cid
        Its name, which its bytes hash to.
    block
        Its bytes.
    at
        Where the bytes begin, counted from the CAR's first byte.
    """

    cid: Cid
    block: bytes
    at: int


def header(roots: Iterable[Cid]) -> bytes:
    """Return the beginning of a CAR.

    Raises
    ------
    StorageError
        If there is no root, or more than a reader accepts.
    """
    names = [b"\x00" + root.to_binary() for root in roots]
    if not names:
        raise StorageError("a CAR without a root names nothing", "give one root or more")
    links = b"".join(_CID_TAG + bytes([len(name)]) + name for name in names)
    body = b"\xa2" + _ROOTS + _array(len(names)) + links + _VERSION
    if len(body) > MAX_HEADER:
        raise StorageError(f"{len(names)} roots are too many for one CAR", "write several")
    return varint(len(body)) + body


def section(cid: Cid, block: bytes) -> bytes:
    """Return the part of a CAR that holds one block."""
    name = cid.to_binary()
    return varint(len(name) + len(block)) + name + block


class CarReader:
    """Reads a CAR from front to back and verifies each block.

    Parameters
    ----------
    read
        Returns up to that many bytes, and none at the end: a binary file's ``read``.
    source
        What errors call it.
    limit
        Most bytes to read.

    Attributes
    ----------
    roots
        What the header names.

    Raises
    ------
    StorageError
        If it is no CARv1, or has no root.
    """

    def __init__(self, read: Callable[[int], bytes], source: str, limit: int = MAX_CAR) -> None:
        self._read = read
        self._source = source
        self._limit = limit
        self.at = 0
        length = self._length()
        if length is None:
            self._refuse("it is empty")
        if length > MAX_HEADER:
            self._refuse(f"its header claims {length} bytes")
        try:
            self.roots = _roots(self._exactly(length))
        except (ValueError, IndexError):
            self._refuse("its header is not that of a CARv1")
        if not self.roots:
            self._refuse("its header names no root")

    def sections(self) -> Iterator[Section]:
        """Yield the blocks in their order, verified; a block may come more than once.

        Raises
        ------
        CorruptContent
            If a block doesn't hash to its CID; the error names it.
        StorageError
            If the CAR is cut short, is malformed, or has more than `limit` bytes.
        """
        while (length := self._length()) is not None:
            yield self._section(length)

    def _section(self, length: int) -> Section:
        start = self.at
        if not 0 < length <= MAX_BLOCK + _CID_BYTES:
            self._refuse(f"the block at byte {start} claims {length} bytes")
        data = self._exactly(length)
        size = len(_VERSION_0) + 32 if data.startswith(_VERSION_0) else _CID_BYTES
        try:
            cid = Cid.from_binary(data[:size])
        except ValueError:
            self._refuse(f"the block at byte {start} has no sha2-256 CID of codec raw or dag-pb")
        block = data[size:]
        if not cid.names(block):
            raise CorruptContent(
                f"the block at byte {start} of {self._source} does not hash to its CID {cid}",
                "ask for the CAR again, or for this block from elsewhere",
            )
        return Section(cid, block, start + size)

    def _length(self) -> int | None:
        """Read a varint; None where the CAR ends."""
        value = 0
        shift = 0
        while byte := self._some(1):
            value |= (byte[0] & 0x7F) << shift
            if byte[0] == 0 and shift:
                self._refuse(f"the varint before byte {self.at} is longer than it need be")
            if byte[0] < 0x80:
                return value
            shift += 7
            if shift == 63:
                self._refuse(f"the varint before byte {self.at} overflows")
        if shift:
            self._refuse(f"it is cut short at byte {self.at}")
        return None

    def _exactly(self, length: int) -> bytes:
        parts = []
        while length:
            part = self._some(length)
            if not part:
                self._refuse(f"it is cut short at byte {self.at}")
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def _some(self, length: int) -> bytes:
        part = self._read(length)
        self.at += len(part)
        if self.at > self._limit:
            raise StorageError(
                f"{self._source} has more than the {self._limit} bytes that are allowed",
                "refuse it, or allow more if that size is expected",
            )
        return part

    def _refuse(self, why: str) -> NoReturn:
        raise StorageError(
            f"{self._source} is not a CAR that can be read: {why}",
            "ask whoever made it for a whole CARv1",
        )


def _array(length: int) -> bytes:
    """Encode the head of a CBOR array in its shortest form, as DAG-CBOR asks."""
    if length < 24:
        return bytes([0x80 | length])
    return bytes([0x98, length]) if length < 256 else b"\x99" + length.to_bytes(2, "big")


def _roots(body: bytes) -> tuple[Cid, ...]:
    """Read the one shape that a header has; its keys come in the order of DAG-CBOR."""
    if not body.startswith(b"\xa2" + _ROOTS):
        raise ValueError("not a map of two with roots first")
    at = 1 + len(_ROOTS)
    head = body[at]
    width = {0x98: 1, 0x99: 2}.get(head, 0)
    count = int.from_bytes(body[at + 1 : at + 1 + width], "big") if width else head - 0x80
    at += 1 + width
    if not width and not 0 <= count < 24:
        raise ValueError("not an array")
    roots = []
    for _ in range(count):
        length = body[at + 3]
        link = body[at + 4 : at + 4 + length]
        if body[at : at + 3] != _CID_TAG or not link.startswith(b"\x00"):
            raise ValueError("not a link")
        roots.append(Cid.from_binary(link[1:]))
        at += 4 + length
    if body[at:] != _VERSION:
        raise ValueError("another version, or more than a header has")
    return tuple(roots)
