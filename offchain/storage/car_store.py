"""A CAR as a store to read from, and a CAR made from a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from marketplace.protocol.errors import ConfigurationError, MissingContent, StorageError
from offchain.storage.block import Cid
from offchain.storage.car import MAX_CAR, CarReader, header, section
from offchain.storage.disk import replacing
from offchain.storage.reading import ReadOnlyStore
from offchain.storage.walk import Visit, walk

if TYPE_CHECKING:
    from offchain.storage.store import Store


class CarStore(ReadOnlyStore):
    """The content of a CAR.

    Parameters
    ----------
    path
        The file. All of it is read and verified at once; later, each block once more.
    limit
        Most bytes to read.

    Attributes
    ----------
    roots
        What its header names; which of them are whole, `absent` says.
    repeated
        How many blocks came more than once.

    Raises
    ------
    ConfigurationError
        If the file can't be read.
    StorageError
        If it is no CARv1, is cut short, has no root, or has more than `limit` bytes.
    CorruptContent
        If a block of it doesn't hash to its CID.
    """

    def __init__(self, path: str | os.PathLike[str], limit: int = MAX_CAR) -> None:
        self.path = Path(path).expanduser()
        self.repeated = 0
        self._places: dict[Cid, tuple[int, int]] = {}
        try:
            with self.path.open("rb") as file:
                reader = CarReader(file.read, str(self.path), limit)
                self.roots = reader.roots
                for cid, block, at in reader.sections():
                    self.repeated += cid in self._places
                    self._places[cid] = (at, len(block))
        except OSError as error:
            raise ConfigurationError(
                f"{self.path} can't be read: {error.strerror}", "name a CAR file"
            ) from error

    def __repr__(self) -> str:
        return f"CarStore({str(self.path)!r})"

    def block(self, cid: Cid) -> bytes:
        """Return one block, verified; see `Store.block`."""
        if cid not in self._places:
            raise MissingContent(
                f"block {cid} is not in the CAR {self.path}",
                "ask whoever made the CAR for a complete one, or look elsewhere",
            )
        at, size = self._places[cid]
        try:
            with self.path.open("rb") as file:
                file.seek(at)
                block = file.read(size)
        except OSError as error:
            raise StorageError(
                f"cannot read {self.path}: {error.strerror}", "open the CAR again"
            ) from error
        if not cid.names(block):
            raise StorageError(
                f"{self.path} was changed while it was read", "leave it alone and open it again"
            )
        return block

    def blocks(self) -> Iterator[tuple[Cid, bytes]]:
        """Yield every block once, in the order of the file."""
        for cid in self._places:
            yield cid, self.block(cid)

    def absent(self) -> list[Cid]:
        """Return the blocks that some root needs and that are not in the CAR, in order."""
        return [visit.cid for visit in walk(self.roots, self.block) if visit.fault]


def write_car(roots: Sequence[Cid], fetch: Callable[[Cid], bytes], path: Path) -> list[Visit]:
    """Write all blocks under some roots as a CAR, depth first, each block once.

    Parameters
    ----------
    path
        The file, which is there whole or not at all.
    roots
        What the header names, whether it can be had or not: a reader sees what is lacking.
    fetch
        Returns a block, verified.

    Returns
    -------
    list of Visit
        The blocks that could not be had, and why.

    Raises
    ------
    StorageError
        If there is no root, the file can't be written, or the store does not answer.
    """
    faults = []
    with replacing(path) as partial, partial.open("xb") as out:
        out.write(header(roots))
        for visit in walk(roots, fetch):
            if visit.block is None:
                faults.append(visit)
            else:
                out.write(section(visit.cid, visit.block))
        out.flush()
        os.fsync(out.fileno())
    return faults


def import_car(car: CarStore, store: Store) -> list[Cid]:
    """Put every block of a CAR into a store and pin the roots that are whole there.

    Returns
    -------
    list of Cid
        Blocks that a root needs and that neither the CAR nor the store has.
    """
    store.put_blocks(car.blocks())
    gone = []
    for root in car.roots:
        lacking = [visit.cid for visit in walk([root], store.block) if visit.fault]
        gone += lacking
        if not lacking:
            store.pin(str(root))
    return list(dict.fromkeys(gone))
