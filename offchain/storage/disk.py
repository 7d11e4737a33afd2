"""A block store in a folder: one file per block, named by the block's CID."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from marketplace.protocol.errors import (
    ConfigurationError,
    CorruptContent,
    MissingContent,
    StorageError,
)
from offchain.storage import dag
from offchain.storage.block import Cid


class DiskStore:
    """Content in ``<path>/blocks``, shared safely by threads and processes.

    A block appears under its name only when it is whole and on disk, and a root only
    after all that it links to. A writer that dies leaves at most one file in
    ``<path>/partial``, which nobody reads and anybody may delete.

    Parameters
    ----------
    path
        The folder. It is made when something is put there: reading never writes.

    Raises
    ------
    ConfigurationError
        If `path` is something else than a folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser()
        self._blocks = self.path / "blocks"
        self._partial = self.path / "partial"
        if self.path.exists() and not self.path.is_dir():
            raise ConfigurationError(f"{self.path} is not a folder", "name a folder for the store")

    def __repr__(self) -> str:
        return f"DiskStore({str(self.path)!r})"

    def put(self, content: bytes | BinaryIO) -> str:
        """Store `content` and return its CID; see `Store.put`."""
        root = dag.lay_out(dag.chunks(content), self._write)
        with self._refusals("write"):
            _sync_folder(self._blocks)
        return str(root)

    def get(self, cid: str, *, limit: int = dag.DEFAULT_LIMIT) -> bytes:
        """Return the content that `cid` names, verified; see `Store.get`."""
        return b"".join(self.stream(cid, limit=limit))

    def stream(self, cid: str, *, limit: int = dag.DEFAULT_LIMIT) -> Iterator[bytes]:
        """Yield the content that `cid` names in verified pieces; see `Store.stream`."""
        return dag.read(Cid.parse(cid), self._read, limit)

    def has(self, cid: str) -> bool:
        """Tell whether every block of the content is there; see `Store.has`."""
        with self._refusals("read"):
            wanted = dag.blocks(Cid.parse(cid), self._read)
            return all(self._file(block).exists() for block in wanted)

    def _file(self, cid: Cid) -> Path:
        return self._blocks / str(cid)

    def _read(self, cid: Cid) -> bytes:
        with self._refusals("read"):
            try:
                block = self._file(cid).read_bytes()
            except FileNotFoundError:
                raise MissingContent(
                    f"block {cid} is not in the store {self.path}",
                    "check the CID and the store, or ask its publisher to put it there again",
                ) from None
        if not cid.names(block):
            raise CorruptContent(
                f"the bytes in {self._file(cid)} do not hash to the CID that names them",
                "put the content again: that replaces the damaged block",
            )
        return block

    def _write(self, cid: Cid, block: bytes) -> None:
        try:
            self._read(cid)
        except (MissingContent, CorruptContent):
            with self._refusals("write"):
                self._replace(self._file(cid), block)

    def _replace(self, target: Path, block: bytes) -> None:
        self._blocks.mkdir(parents=True, exist_ok=True)
        self._partial.mkdir(exist_ok=True)
        partial = self._partial / uuid.uuid4().hex
        try:
            with partial.open("xb") as file:
                file.write(block)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    @contextmanager
    def _refusals(self, action: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"cannot {action} {error.filename or self.path}: {error.strerror}",
                "check the folder's permissions and the space left, or name another folder",
            ) from error


def _sync_folder(folder: Path) -> None:
    """Make the names in `folder` as durable as the blocks are: POSIX asks for both."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
