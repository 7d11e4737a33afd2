"""What stores that can only be read have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NoReturn

from marketplace.protocol.errors import MissingContent, StorageError
from offchain.storage import dag
from offchain.storage.block import Cid


class ReadOnlyStore(ABC):
    """Content by its CID, from one block after another; see `Store`."""

    @abstractmethod
    def block(self, cid: Cid) -> bytes:
        """Return one block, verified; see `Store.block`."""

    def get(self, cid: str, *, limit: int = dag.DEFAULT_LIMIT) -> bytes:
        """Return the content that `cid` names, verified; see `Store.get`."""
        return b"".join(self.stream(cid, limit=limit))

    def stream(self, cid: str, *, limit: int = dag.DEFAULT_LIMIT) -> Iterator[bytes]:
        """Yield the content that `cid` names in verified pieces; see `Store.stream`."""
        return dag.read(Cid.parse(cid), self.block, limit)

    def has(self, cid: str) -> bool:
        """Tell whether every block of the content is there; see `Store.has`."""
        try:
            return all(map(self._has_block, dag.blocks(Cid.parse(cid), self.block)))
        except MissingContent:
            return False

    def _has_block(self, cid: Cid) -> bool:
        self.block(cid)
        return True

    def put(self, content: bytes | BinaryIO, layout: dag.Layout = "balanced") -> str:
        """Refuse."""
        self._refuse()

    def put_blocks(self, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Refuse."""
        self._refuse()

    def pin(self, cid: str) -> None:
        """Refuse."""
        self._refuse()

    def unpin(self, cid: str) -> None:
        """Refuse."""
        self._refuse()

    def pins(self) -> list[str]:
        """Return nothing: whoever keeps this store decides what stays."""
        return []

    def _refuse(self) -> NoReturn:
        raise StorageError(f"{self!r} can only be read", "name a folder or an IPFS daemon")
