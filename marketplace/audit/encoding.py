"""Recursive length prefix, the encoding under every hash of a chain.

Source: Ethereum's yellow paper, appendix B. The package `rlp` does the same and infers a type
for each item, which takes a hundred times as long as the hash of a header itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

Item: TypeAlias = "bytes | Sequence[Item]"

_STRING, _LIST = 0x80, 0xC0
_LONG = 56  # bytes from which on the length has a length of its own
_MOST_DEPTH = 64  # of lists in lists that are read; a trie's node holds a few
_SHORT_STRING = [bytes((_STRING + length,)) for length in range(_LONG)]


def encode(item: Item) -> bytes:
    """Encode bytes, or a list of items."""
    if isinstance(item, bytes):
        length = len(item)
        if length == 1 and item[0] < _STRING:
            return item
        if length < _LONG:
            return _SHORT_STRING[length] + item
        return _prefix(_STRING, length) + item
    return encode_list([encode(part) for part in item])


def encode_list(encoded: Iterable[bytes]) -> bytes:
    """Encode a list whose items are encoded already."""
    body = b"".join(encoded)
    return _prefix(_LIST, len(body)) + body


def encode_number(number: int) -> bytes:
    """Return an unsigned integer as the bytes that stand for it: big-endian, none for zero."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def decode(data: bytes) -> Item:
    """Decode one item.

    Raises
    ------
    ValueError
        If the bytes are no encoding, or more than one, or lists lie too deep in each other.
    """
    item, end = _item(data, 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes follow the encoding")
    return item


def _prefix(kind: int, length: int) -> bytes:
    if length < _LONG:
        return bytes((kind + length,))
    size = encode_number(length)
    return bytes((kind + _LONG - 1 + len(size),)) + size


def _item(data: bytes, at: int, depth: int = 0) -> tuple[Item, int]:
    if at >= len(data):
        raise ValueError("the encoding ends too early")
    if depth > _MOST_DEPTH:
        raise ValueError(f"more than {_MOST_DEPTH} lists lie in each other")
    first = data[at]
    if first < _STRING:
        return data[at : at + 1], at + 1
    kind = _LIST if first >= _LIST else _STRING
    length, start = first - kind, at + 1
    if length >= _LONG:
        start += length - _LONG + 1
        length = int.from_bytes(data[at + 1 : start], "big")
    end = start + length
    if end > len(data):
        raise ValueError("the encoding ends too early")
    if kind == _STRING:
        return data[start:end], end
    items = []
    while start < end:
        item, start = _item(data[:end], start, depth + 1)
        items.append(item)
    return items, end
