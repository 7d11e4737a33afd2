"""The one interface to content-addressed storage, and the way to open either kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

from marketplace.protocol.errors import ConfigurationError
from offchain.storage.block import Cid
from offchain.storage.car_store import CarStore
from offchain.storage.dag import DEFAULT_LIMIT, Layout
from offchain.storage.disk import DiskStore
from offchain.storage.gateway import GatewayStore
from offchain.storage.ipfs import IpfsStore


class Store(Protocol):
    """Content by its CID. Stores keep it available; readers check that it is intact.

    A CAR and a gateway can be read only: what would write there is a `StorageError`.
    """

    def put(self, content: bytes | BinaryIO, layout: Layout = "balanced") -> str:
        """Store `content` and return its CID. Storing it again changes nothing.

        Parameters
        ----------
        content
            Bytes, or a binary file: read once from where it stands to its end, and never
            held in memory as a whole.
        layout
            How its blocks hang together, which decides its CID.

        Raises
        ------
        StorageError
            If the store can't take it. What was stored before stays intact.
        """
        ...

    def get(self, cid: str, *, limit: int = DEFAULT_LIMIT) -> bytes:
        """Return the content that `cid` names, every block of it verified.

        Raises
        ------
        InvalidCid
            If `cid` is malformed or doesn't name a file.
        MissingContent
            If a block of it isn't in the store; the error names the block.
        CorruptContent
            If a block of it doesn't hash to its CID; the error names the block.
        StorageError
            If it has more than `limit` bytes.
        """
        ...

    def stream(self, cid: str, *, limit: int = DEFAULT_LIMIT) -> Iterator[bytes]:
        """Yield what `get` returns in pieces, so that it needn't fit into memory."""
        ...

    def has(self, cid: str) -> bool:
        """Tell whether every block of the content is there; only `get` verifies them all."""
        ...

    def block(self, cid: Cid) -> bytes:
        """Return the bytes of one block, verified.

        Raises
        ------
        MissingContent, CorruptContent
            If it isn't there, or doesn't hash to `cid`.
        """
        ...

    def put_blocks(self, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Store blocks as they are, each of them verified first.

        Raises
        ------
        CorruptContent
            If one doesn't hash to its CID; those before it are stored.
        """
        ...

    def pin(self, cid: str) -> None:
        """Keep the content that `cid` names, every block of it, until it is unpinned.

        Raises
        ------
        MissingContent, CorruptContent
            If a block of it isn't there or is damaged.
        """
        ...

    def unpin(self, cid: str) -> None:
        """Take a pin back; `MissingContent` if there is none."""
        ...

    def pins(self) -> list[str]:
        """Return the CIDs that were pinned, sorted, without the blocks below them."""
        ...


def open_store(location: str) -> Store:
    """Open the store at `location`.

    Parameters
    ----------
    location
        A folder, made when something is put there; an IPFS daemon's RPC address as
        ``ipfs:/ip4/127.0.0.1/tcp/5001`` or ``http://127.0.0.1:5001``; to read only, a CAR,
        whose name ends in ``.car``, or a gateway as ``gateway:https://ipfs.example``.

    Raises
    ------
    ConfigurationError
        If it is none of these.
    """
    if location.startswith("gateway:"):
        return GatewayStore(location.removeprefix("gateway:"))
    if location.startswith(("ipfs:", "http://", "https://")):
        return IpfsStore(location)
    if not location or "://" in location:
        raise ConfigurationError(
            f"{location!r} is no place to store content",
            "give a folder, ipfs:/ip4/127.0.0.1/tcp/5001 or http://127.0.0.1:5001",
        )
    return CarStore(location) if location.endswith(".car") else DiskStore(location)
