"""Merkle Patricia tries: the root of a list, and proofs of single entries.

Source: Ethereum's yellow paper, appendix D. A node is written in RLP, and named in its parent
by its hash, or by itself if it is shorter than a hash.
"""

from __future__ import annotations

from collections.abc import Sequence

from eth_hash.backends.pysha3 import keccak256 as keccak

from marketplace.audit.encoding import Item, decode, encode, encode_list, encode_number

EMPTY_ROOT = keccak(encode(b""))
"""Root of a trie without entries."""

_HASH_BYTES = 32
_NOTHING = encode(b"")

Nibbles = bytes
"""A path: one byte from 0 to 15 for each half of a byte of the key."""


def list_root(values: Sequence[bytes]) -> bytes:
    """Return the root of the trie in which each value lies under its place in the list.

    So are a block's receipts, in the encoding of `marketplace.audit.blocks`.
    """
    if not values:
        return EMPTY_ROOT
    entries = [
        (_nibbles(encode(encode_number(place))), value) for place, value in enumerate(values)
    ]
    return keccak(_node(sorted(entries), 0))


def proven(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes:
    """Return what lies under a key; no bytes at all if the proof shows that nothing does.

    Parameters
    ----------
    root
        Of the trie, 32 bytes.
    key
        Not hashed.
    proof
        The nodes from the root on, each in RLP.

    Raises
    ------
    ValueError
        If the nodes don't lead from the root to the key, or to where it is not.
    """
    if root == EMPTY_ROOT:
        return b""
    nodes = {keccak(node): node for node in proof}
    path, reference = _nibbles(key), root
    while True:
        node = _resolved(reference, nodes)
        if len(node) == _BRANCH:
            if not path:
                return _bytes(node[16])
            reference, path = node[path[0]], path[1:]  # type: ignore[assignment]  # a hash, or the node
        elif len(node) == _SHORT:
            part, is_leaf = _unpacked(_bytes(node[0]))
            if is_leaf:
                return _bytes(node[1]) if part == path else b""
            if not path.startswith(part):
                return b""
            reference, path = node[1], path[len(part) :]  # type: ignore[assignment]  # a hash, or the node
        else:
            raise ValueError(f"a node has {len(node)} parts")
        if not reference:
            return b""


_BRANCH, _SHORT = 17, 2


def _resolved(reference: Item, nodes: dict[bytes, bytes]) -> Sequence[Item]:
    """Return the node that a reference names or is."""
    if isinstance(reference, bytes):
        if reference not in nodes:
            raise ValueError(f"the node 0x{reference.hex()} is missing")
        reference = decode(nodes[reference])
    if isinstance(reference, bytes):
        raise ValueError("a node is no list")
    return reference


def _bytes(item: Item) -> bytes:
    if not isinstance(item, bytes):
        raise ValueError("a node stands where a value belongs")
    return item


def _node(entries: Sequence[tuple[Nibbles, bytes]], depth: int) -> bytes:
    """Return the RLP of the node over ascending entries that agree up to a depth.

    No path is the beginning of another, so no value lies in a branch.
    """
    first, last = entries[0][0], entries[-1][0]
    if len(entries) == 1:
        return encode_list((encode(_packed(first[depth:], 0x20)), encode(entries[0][1])))
    shared = depth
    while first[shared] == last[shared]:
        shared += 1
    if shared > depth:
        branch = _reference(_node(entries, shared))
        return encode_list((encode(_packed(first[depth:shared], 0)), branch))
    children: list[list[tuple[Nibbles, bytes]]] = [[] for _ in range(16)]
    for entry in entries:
        children[entry[0][depth]].append(entry)
    parts = [_reference(_node(child, depth + 1)) if child else _NOTHING for child in children]
    return encode_list((*parts, _NOTHING))


def _reference(node: bytes) -> bytes:
    return node if len(node) < _HASH_BYTES else encode(keccak(node))


def _nibbles(key: bytes) -> Nibbles:
    return bytes(half for byte in key for half in (byte >> 4, byte & 15))


def _packed(path: Nibbles, flag: int) -> bytes:
    """Write a part of a path, with whether it is a leaf's (0x20) and of odd length (0x10)."""
    if len(path) % 2:
        flag, path = flag | 0x10 | path[0], path[1:]
    pairs = zip(path[::2], path[1::2], strict=True)
    return bytes((flag, *(high << 4 | low for high, low in pairs)))


def _unpacked(data: bytes) -> tuple[Nibbles, bool]:
    nibbles = _nibbles(data)
    if not nibbles or nibbles[0] > 3:
        raise ValueError("a node's path is malformed")
    return nibbles[1 if nibbles[0] & 1 else 2 :], nibbles[0] >= 2
