"""The trickle layout of a file: what is read first hangs highest.

Every node takes its leaves first, 174 at most, then subtrees of growing depth, four of each.
`ipfs add --trickle` lays files out so. Rules as in boxo, ``ipld/unixfs/importer/trickle``
(https://github.com/ipfs/boxo); the root is always a node, even over one leaf or none.
"""

from __future__ import annotations

from collections.abc import Callable

from offchain.storage.node import Link

SUBTREES = 4  # of each depth, as boxo's depthRepeat


def trickle(leaves: list[Link], width: int, join: Callable[[list[Link]], Link]) -> Link:
    """Join leaves to a tree and return the link to its root.

    Parameters
    ----------
    leaves
        The file's chunks, in order.
    width
        Most leaves directly under one node.
    join
        Makes a node of some links and returns the link to it; called with children first.
    """
    at = 0

    def subtree(depth: int | None) -> Link:
        nonlocal at
        links = leaves[at : at + width]
        at += len(links)
        level = 1
        while at < len(leaves) and (depth is None or level < depth):
            for _ in range(SUBTREES):
                if at < len(leaves):
                    links.append(subtree(level))
            level += 1
        return join(links)

    return subtree(None)
