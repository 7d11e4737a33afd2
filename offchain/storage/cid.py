"""CIDs as the rest of the project meets them: of content, and as digests on a chain."""

from __future__ import annotations

from typing import BinaryIO

from marketplace.protocol.errors import InvalidCid
from offchain.storage import dag
from offchain.storage.block import CODECS, Cid, Codec


def cid_of(content: bytes | BinaryIO, layout: dag.Layout = "balanced") -> str:
    """Return the CID that ``ipfs add --cid-version=1`` gives `content`, of any size."""
    return str(dag.lay_out(dag.chunks(content), layout=layout))


def digest_of(cid: str) -> bytes:
    """Return the 32-byte sha2-256 digest inside `cid`, as contracts store it.

    Raises
    ------
    InvalidCid
        If `cid` is not a base32 CIDv1, raw or dag-pb, sha2-256.
    """
    return Cid.parse(cid).digest


def cid_of_digest(digest: bytes, codec: Codec = "raw") -> str:
    """Return the CID of the block whose sha2-256 is `digest`.

    A digest doesn't tell how its block is read: content of up to 262,144 bytes is one
    ``raw`` block, longer content is rooted in a ``dag-pb`` node.

    Raises
    ------
    InvalidCid
        If `digest` hasn't 32 bytes or `codec` is unknown.
    """
    if len(digest) != 32 or codec not in CODECS:
        raise InvalidCid(
            f"a digest of {len(digest)} bytes and the codec {codec!r} make no CID",
            "give a sha2-256 digest, 32 bytes, and the codec raw or dag-pb",
        )
    return str(Cid(codec, bytes(digest)))
