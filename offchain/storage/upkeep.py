"""What keeps a store sound: finding what is damaged or missing, and sweeping what nobody needs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from marketplace.protocol.errors import InvalidCid, StorageError
from offchain.storage.block import Cid
from offchain.storage.disk import DiskStore
from offchain.storage.store import Store
from offchain.storage.walk import Visit, walk

MIN_AGE = 3600.0  # seconds: a step of a trade writes its blocks, and then its digest on chain


class Survey(NamedTuple):
    """What a look at a whole store found: how many blocks are sound, and sentences on others."""

    sound: int
    faults: list[str]


class Sweep(NamedTuple):
    """What a sweep did, or would do.

    Attributes
    ----------
    kept, young
        Blocks that something needs, and blocks that only their age spares.
    swept
        CIDs of the blocks that nothing needs.
    size
        Bytes of these.
    partial
        Files that dead writers left.
    """

    kept: int
    young: int
    swept: list[str]
    size: int
    partial: int


def survey(store: Store) -> Survey:
    """Verify every block of a folder, and that all that blocks link to is there.

    Of an IPFS daemon, whose other blocks are not ours to list, all that is pinned.

    Raises
    ------
    StoreUnreachable
        If the store does not answer.
    """
    roots, strangers = [], []
    if isinstance(store, DiskStore):
        for file in store.block_files():
            try:
                roots.append(Cid.parse(file.name))
            except InvalidCid:
                strangers.append(f"{file} is no block: its name is no CID")
    pinned = {cid for cid in map(_parsed, store.pins()) if cid}
    sound, faults = 0, []
    for visit in walk([*roots, *sorted(pinned - set(roots), key=str)], store.block):
        if visit.fault is None:
            sound += 1
        else:
            faults.append(visit.fault.cause)
    return Survey(sound, strangers + faults)


def _parsed(cid: str) -> Cid | None:
    """Read a CID; None for those of a daemon's other users that this project can't read."""
    try:
        return Cid.parse(cid)
    except InvalidCid:
        return None


def sweep(
    store: DiskStore,
    needed: Iterable[Cid],
    *,
    min_age: float = MIN_AGE,
    dry_run: bool = False,
    despite_gaps: bool = False,
) -> Sweep:
    """Delete the blocks that neither pins nor `needed` lead to.

    Nobody writes meanwhile. What a running process wrote, or found to be there, in the last
    `min_age` seconds stays, so that a payload is safe before its digest is on chain.

    Parameters
    ----------
    needed
        CIDs of what must stay, with all below it.
    dry_run
        Only say what would go.
    despite_gaps
        Sweep although a node of what must stay is missing or damaged.

    Raises
    ------
    StorageError
        If it is, since the blocks below it can't be told from rubbish; nothing was deleted.
    """
    if not store.path.exists():
        return Sweep(0, 0, [], 0, 0)
    with store.lock(alone=True):
        live = set()
        for visit in walk([*map(Cid.parse, store.pins()), *needed], store.block, leaves=False):
            if visit.fault is not None and not despite_gaps:
                raise _gap(visit)
            live.add(str(visit.cid))
        border = time.time() - min_age
        idle = [file for file in store.block_files() if file.name not in live and _is_cid(file)]
        old = [file for file in idle if file.stat().st_mtime <= border]
        partial = [file for file in store.partial_files() if file.stat().st_mtime <= border]
        size = sum(file.stat().st_size for file in old)
        if not dry_run:
            for file in _parents_first(old) + partial:
                file.unlink()
        there = len(store.block_files()) + (0 if dry_run else len(old))
        young = len(idle) - len(old)
        return Sweep(there - len(idle), young, [file.name for file in old], size, len(partial))


def _is_cid(file: Path) -> bool:
    return _parsed(file.name) is not None


def _parents_first(files: list[Path]) -> list[Path]:
    """Put nodes before leaves, so that a sweep that dies leaves few roots without content."""
    return sorted(files, key=lambda file: Cid.parse(file.name).codec == "raw")


def _gap(visit: Visit) -> StorageError:
    return StorageError(
        f"{visit.cid} has to stay, but what lies below it can't be told: "
        f"{visit.fault.cause if visit.fault else ''}",
        "put it there again, or sweep despite gaps",
    )
