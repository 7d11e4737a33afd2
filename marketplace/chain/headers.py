"""Blocks as whoever follows a chain sees them, and how far a chain may change its mind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_typing import BlockNumber

from marketplace.chain.client import Node
from marketplace.protocol.errors import ChainError, NodeUnreachable

REORGANISED_BLOCKS = 64
"""So many of the newest blocks may be replaced by others: two epochs of Ethereum."""

BLOCKS_AT_ONCE = 5_000
"""Of one question for logs: many nodes refuse more."""


@dataclass(frozen=True)
class Header:
    """A block's height, its and its parent's hash (0x-hex), and when it was made.

    The timestamp is in seconds since 1970.
    """

    number: int
    hash: str
    parent: str
    timestamp: int


NOWHERE = Header(-1, "0x" + "00" * 32, "", 0)
"""What a genesis block names as its parent."""


def header(node: Node, block: int | None = None) -> Header | None:
    """Return a header by its height, the newest by default; None above the head.

    Raises
    ------
    ChainError, NodeUnreachable
        If the node does not answer, or says something that can't be used.
    """
    answer = node.block("latest" if block is None else BlockNumber(block))
    if answer is None:
        return None
    return Header(
        int(answer["number"]),
        "0x" + bytes(answer["hash"]).hex(),
        "0x" + bytes(answer["parentHash"]).hex(),
        int(answer["timestamp"]),
    )


def first_with_code(node: Node, contracts: Sequence[str], head: int) -> int:
    """Return the height of the first block after which one of some contracts was there.

    Blocks are halved, by the node's word: a contract that is there stays. A node that doesn't
    know old states any more leaves the chain's first block.
    """
    try:
        earliest = head
        for address in contracts:
            low, high = 0, earliest
            while low < high:
                middle = (low + high) // 2
                if node.has_code(address, middle):
                    high = middle
                else:
                    low = middle + 1
            earliest = low
        return earliest
    except NodeUnreachable:
        raise
    except ChainError:
        return 0


def logs_of(node: Node, contracts: Sequence[str], block: Header) -> list[Any]:
    """Return what some contracts logged in exactly this block, in order.

    The question names the block by its hash (EIP-234), so that no other of the same height
    can answer it.
    """
    return node.logs({"address": list(contracts), "blockHash": block.hash})


def logs_between(node: Node, contracts: Sequence[str], first: int, last: int) -> list[Any]:
    """Return what some contracts logged in a range of blocks, both ends included."""
    question = {"address": list(contracts), "fromBlock": hex(first), "toBlock": hex(last)}
    return node.logs(question)
