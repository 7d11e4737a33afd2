"""A block store in a folder: one file per block, named by the block's CID."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from marketplace.protocol.errors import (
    ConfigurationError,
    CorruptContent,
    MissingContent,
    StorageError,
)
from offchain.storage import dag
from offchain.storage.block import MAX_BLOCK, Cid


class DiskStore:
    """Content in ``<path>/blocks``, shared safely by threads and processes.

    A block appears under its name only when it is whole and on disk, and a root only
    after all that it links to. A writer that dies leaves at most one file in
    ``<path>/partial``, which nobody reads and a sweep deletes. Pins are empty files in
    ``<path>/pins``. Writers share the lock ``<path>/lock``, a sweep has it alone: so what
    a writer found to be there already stays there until its root is written.

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
        self._pins = self.path / "pins"
        if self.path.exists() and not self.path.is_dir():
            raise ConfigurationError(f"{self.path} is not a folder", "name a folder for the store")

    def __repr__(self) -> str:
        return f"DiskStore({str(self.path)!r})"

    def put(self, content: bytes | BinaryIO, layout: dag.Layout = "balanced") -> str:
        """Store `content` and return its CID; see `Store.put`."""
        with self._writing():
            root = dag.lay_out(dag.chunks(content), self._write, layout)
        return str(root)

    def put_blocks(self, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Store blocks that others made; see `Store.put_blocks`."""
        with self._writing():
            for cid, block in blocks:
                require_named(cid, block)
                self._write(cid, block)

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

    def block(self, cid: Cid) -> bytes:
        """Return one block, verified; see `Store.block`."""
        return self._read(cid)

    def pin(self, cid: str) -> None:
        """Keep content from sweeps; see `Store.pin`."""
        if not self._blocks.exists():  # and nothing is to be made by looking
            self._read(Cid.parse(cid))
        with self.lock(alone=False), self._refusals("write"):
            for block in dag.blocks(Cid.parse(cid), self._read):
                self._read(block)
            self._pins.mkdir(exist_ok=True)
            (self._pins / cid).touch()
            sync_folder(self._pins)

    def unpin(self, cid: str) -> None:
        """Take a pin back; see `Store.unpin`."""
        with self._refusals("write"):
            try:
                (self._pins / str(Cid.parse(cid))).unlink()
            except FileNotFoundError:
                raise not_pinned(cid, repr(self)) from None

    def pins(self) -> list[str]:
        """Return what is pinned, sorted; see `Store.pins`."""
        with self._refusals("read"):
            return sorted(file.name for file in self._pins.glob("*"))

    def block_files(self) -> list[Path]:
        """Return the file of each block, sorted by name."""
        return sorted(self._blocks.glob("*"))

    def partial_files(self) -> list[Path]:
        """Return what writers are writing, or left behind when they died."""
        return sorted(self._partial.glob("*"))

    @contextmanager
    def lock(self, *, alone: bool) -> Iterator[None]:
        """Hold the store's lock: alone to sweep, with other writers to write."""
        with self._refusals("write"):
            self.path.mkdir(parents=True, exist_ok=True)
            file = (self.path / "lock").open("ab")
        with file:
            with self._refusals("lock"):
                fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self.lock(alone=False):
            yield
            with self._refusals("write"):
                if self._blocks.exists():
                    sync_folder(self._blocks)

    def _file(self, cid: Cid) -> Path:
        return self._blocks / str(cid)

    def _read(self, cid: Cid) -> bytes:
        with self._refusals("read"):
            try:
                with self._file(cid).open("rb") as file:
                    block = file.read(MAX_BLOCK + 1)
            except FileNotFoundError:
                raise MissingContent(
                    f"block {cid} is not in the store {self.path}",
                    "check the CID and the store, or ask its publisher to put it there again",
                ) from None
        if len(block) > MAX_BLOCK:
            raise CorruptContent(
                f"{self._file(cid)} has more than the {MAX_BLOCK} bytes of a block",
                "put the content again: that replaces the damaged block",
            )
        if not cid.names(block):
            raise CorruptContent(
                f"the bytes in {self._file(cid)} do not hash to the CID that names them",
                "put the content again: that replaces the damaged block",
            )
        return block

    def _write(self, cid: Cid, block: bytes) -> None:
        with self._refusals("write"):
            try:
                self._read(cid)
                os.utime(self._file(cid))  # it is in use again: a sweep spares what is young
            except (MissingContent, CorruptContent):
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


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` as durable as the blocks are: POSIX asks for both."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a place for a file that takes its own when the with statement ends well.

    Raises
    ------
    StorageError
        If it can't be written; what was there before is left as it was.
    """
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}", "name a file in a folder with room"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def require_named(cid: Cid, block: bytes) -> None:
    """Require that a block is the one that its CID names, and no larger than any may be."""
    if len(block) > MAX_BLOCK:
        raise CorruptContent(
            f"{len(block)} bytes were given as block {cid}, and a block has at most {MAX_BLOCK}",
            "put the content, which is cut into blocks, instead of the block",
        )
    if not cid.names(block):
        raise CorruptContent(
            f"{len(block)} bytes given as block {cid} do not hash to it",
            "ask whoever gave them for the block again",
        )


def not_pinned(cid: str, where: str) -> MissingContent:
    """Return the error for a pin that is to be taken back, and isn't there."""
    return MissingContent(f"{cid} is not pinned in {where}", "list the pins, and name one of them")
