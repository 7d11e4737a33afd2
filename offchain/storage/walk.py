"""A walk over all blocks under some roots that goes on where one is missing or damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from marketplace.protocol.errors import (
    CorruptContent,
    InvalidCid,
    MissingContent,
    StorageError,
    StoreUnreachable,
)
from offchain.storage.block import Cid
from offchain.storage.dag import links


class Visit(NamedTuple):
    """What a walk found at one CID.

    Attributes
    ----------
    cid
        Where.
    block
        The block, verified; None if it isn't there, or wasn't asked for.
    fault
        Why nothing below it can be found: it is missing, damaged, or no part of a file.
    """

    cid: Cid
    block: bytes | None
    fault: StorageError | None = None


def walk(
    roots: Iterable[Cid], fetch: Callable[[Cid], bytes], *, leaves: bool = True
) -> Iterator[Visit]:
    """Visit every block under some roots once, depth first, parents before their children.

    Parameters
    ----------
    fetch
        Returns a block, verified.
    leaves
        Whether to fetch raw blocks, which link to nothing, too.

    Raises
    ------
    StoreUnreachable
        If the store does not answer: that says nothing about a block.
    """
    seen: set[Cid] = set()
    pending = list(roots)[::-1]
    while pending:
        cid = pending.pop()
        if cid in seen:
            continue
        seen.add(cid)
        if cid.codec == "raw" and not leaves:
            yield Visit(cid, None)
            continue
        try:
            block = fetch(cid)
            below = links(cid, block)
        except StoreUnreachable:
            raise
        except (MissingContent, CorruptContent, InvalidCid) as error:
            yield Visit(cid, None, error)
            continue
        yield Visit(cid, block)
        pending += below[::-1]
