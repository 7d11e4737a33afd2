"""The name of a block: its CID, as text and as the bytes that links carry.

The marketplace resolves exactly the CIDs that ``ipfs add --cid-version=1`` prints:
version 1, codec raw or dag-pb, sha2-256, lower-case base32. Anything else is refused
before it reaches a store. Specification: https://github.com/multiformats/cid.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Literal, NamedTuple

from marketplace.protocol.errors import InvalidCid

Codec = Literal["raw", "dag-pb"]

CODECS: dict[Codec, int] = {"raw": 0x55, "dag-pb": 0x70}
MAX_BLOCK = 2 * 2**20  # bytes; what IPFS peers exchange at most, and eight times what we write
_CODEC_NAMES: dict[int, Codec] = {code: name for name, code in CODECS.items()}
_SHA2_256 = b"\x12\x20"  # multihash prefix: the function's code and its 32 bytes of digest
_BINARY_SIZE = 36


class Cid(NamedTuple):
    """The name of one block.

    Attributes
    ----------
    codec
        How the block is read: ``raw`` is content, ``dag-pb`` a node that links to others.
    digest
        sha2-256 of the block, 32 bytes.
    """

    codec: Codec
    digest: bytes

    @classmethod
    def of(cls, codec: Codec, block: bytes) -> Cid:
        """Name `block` by its hash."""
        return cls(codec, hashlib.sha256(block).digest())

    @classmethod
    def parse(cls, text: str) -> Cid:
        """Read a CID as a person or a contract gives it.

        Raises
        ------
        InvalidCid
            If `text` is anything but a base32 CIDv1, raw or dag-pb, sha2-256.
        """
        try:
            binary = base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))
            cid = cls.from_binary(binary)
        except ValueError:
            raise _invalid(text) from None
        # base32 leaves two spare bits at the end, and upper case decodes too: only one
        # spelling of each CID is let through, so that equal content has equal names.
        if str(cid) != text:
            raise _invalid(text)
        return cid

    @classmethod
    def from_binary(cls, binary: bytes) -> Cid:
        """Read the binary form that dag-pb links carry, of version 0 or 1.

        Raises
        ------
        ValueError
            If `binary` is no sha2-256 CID of codec raw or dag-pb.
        """
        if len(binary) == _BINARY_SIZE - 2:  # version 0 is a bare multihash of a dag-pb node
            binary = bytes([1, CODECS["dag-pb"]]) + binary
        well_formed = len(binary) == _BINARY_SIZE and binary[0] == 1 and binary[2:4] == _SHA2_256
        if not well_formed or binary[1] not in _CODEC_NAMES:
            raise ValueError("not a sha2-256 CID of codec raw or dag-pb")
        return cls(_CODEC_NAMES[binary[1]], binary[4:])

    def names(self, block: bytes) -> bool:
        """Tell whether `block` is the one that this CID names."""
        return hashlib.sha256(block).digest() == self.digest

    def to_binary(self) -> bytes:
        """Return the 36 bytes of the CIDv1."""
        return bytes([1, CODECS[self.codec]]) + _SHA2_256 + self.digest

    def __str__(self) -> str:
        return "b" + base64.b32encode(self.to_binary()).decode().rstrip("=").lower()


def _invalid(text: str) -> InvalidCid:
    shown = repr(text if len(text) <= 80 else text[:77] + "...")
    return InvalidCid(
        f"{shown} is not a base32 CIDv1 of a raw or dag-pb block with sha2-256",
        "give a CID as `ipfs add --cid-version=1` prints it (`ipfs cid base32` converts others)",
    )
