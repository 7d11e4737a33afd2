"""Reads Solidity's binary encoding: each type is compiled once, and read by slices.

Source: the contract ABI specification of Solidity. A value has many encodings that a lenient
decoder reads alike; here one counts, the one that Solidity writes: parts in order, without
gaps, overlaps or bytes left over, and padded with zeros. So no bit of a log can change unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache
from typing import Any

from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address

from marketplace.protocol.structs import Struct, abi_type, solidity_fields

WORD = 32
_ENDS = "the data ends too early"

Scalar = Callable[[bytes], Any]
"""Turns one whole word into a value; a `ValueError` if no value of the type is written so."""

Reader = Callable[[bytes, int], tuple[Any, int]]
"""Reads a value that begins at a place; returns it with the place after its last byte."""


class Kind:
    """One type, ready to be read.

    Attributes
    ----------
    words
        How many words it takes in its place: one, for an offset, if it is dynamic.
    scalar
        Reads its one word; None for a type of several, or of unknown length.
    read
        Reads it where it lies, behind its offset if it is dynamic.
    """

    __slots__ = ("dynamic", "read", "scalar", "words")

    def __init__(self, words: int, dynamic: bool, scalar: Scalar | None, read: Reader) -> None:
        self.words = words
        self.dynamic = dynamic
        self.scalar = scalar
        self.read = read


def compiled(
    parts: Sequence[Any],
    enums: Mapping[str, type[IntEnum]],
    structs: Mapping[str, type[Struct]],
) -> Callable[[bytes], dict[str, Any]]:
    """Return a function that decodes arguments to values by name.

    Parameters
    ----------
    parts
        Arguments, as an interface describes them.
    enums, structs
        Which types of the interface (``enum State``) are told as which of Python.

    Raises
    ------
    TypeError
        If a type is none that is known here, or a struct has other members than Python's.

    The function raises a `ValueError` for bytes that Solidity does not write.
    """
    read = _members(
        [_kind(part, enums, structs) for part in parts], _by_names([p["name"] for p in parts])
    ).read

    def decode(data: bytes) -> dict[str, Any]:
        values, end = read(data, 0)
        if end != len(data):
            raise ValueError(f"{len(data) - end} bytes follow the last value")
        found: dict[str, Any] = values
        return found

    return decode


def _kind(
    part: Any, enums: Mapping[str, type[IntEnum]], structs: Mapping[str, type[Struct]]
) -> Kind:
    name, meaning = part["type"], part.get("internalType", "")
    if name.endswith("[]"):
        inner = {**part, "type": name[:-2], "internalType": meaning.removesuffix("[]")}
        return _list(_kind(inner, enums, structs))
    if meaning in enums:
        return _one_word(_enum(_scalar(name), enums[meaning]))
    if meaning in structs:
        struct = structs[meaning]
        if abi_type(struct) != collapse_if_tuple(part):
            raise TypeError(f"{meaning} has other members than {struct.__name__}")
        return _struct(struct)
    if name == "tuple":
        members = [_kind(inner, enums, structs) for inner in part["components"]]
        return _members(members, _by_names([inner["name"] for inner in part["components"]]))
    return _simple(name)


def _simple(name: str) -> Kind:
    if name == "bytes":
        return Kind(1, True, None, _bytes)
    if name == "string":
        return Kind(1, True, None, _string)
    return _one_word(_scalar(name))


# ------------------------------------------------------------------ of one word


def _one_word(scalar: Scalar) -> Kind:
    def read(data: bytes, at: int) -> tuple[Any, int]:
        end = at + WORD
        return scalar(data[at:end]), end

    return Kind(1, False, scalar, read)


@lru_cache(None)
def _scalar(name: str) -> Scalar:
    if name == "address":
        return _address
    if name == "bool":
        return _bool
    if name.startswith("uint") and name[4:].isdigit():
        return _uint(int(name[4:]))
    if name.startswith("bytes") and name[5:].isdigit():
        return _short_bytes(int(name[5:]))
    raise TypeError(f"{name} is not read here")


@lru_cache(4096)  # a checksum is a hash, and few accounts write many logs
def _address(word: bytes) -> str:
    if any(word[:12]):
        raise ValueError("no address is written so")
    return to_checksum_address(word[12:])


def _bool(word: bytes) -> bool:
    value = int.from_bytes(word, "big")
    if value > 1:
        raise ValueError("no truth value is written so")
    return value == 1


def _uint(bits: int) -> Scalar:
    limit = 1 << bits

    def read(word: bytes) -> int:
        value = int.from_bytes(word, "big")
        if value >= limit:
            raise ValueError(f"no number of {bits} bits is written so")
        return value

    return read


def _short_bytes(length: int) -> Scalar:
    padding = bytes(WORD - length)

    def read(word: bytes) -> bytes:
        if word[length:] != padding:
            raise ValueError(f"no {length} bytes are written so")
        return word[:length]

    return read


def _enum(scalar: Scalar, members: type[IntEnum]) -> Scalar:
    by_number = {int(member): member for member in members}

    def read(word: bytes) -> IntEnum:
        value = scalar(word)
        if value not in by_number:
            raise ValueError(f"{value} is no {members.__name__}")
        return by_number[value]

    return read


# ------------------------------------------------------------- of several words


def _bytes(data: bytes, at: int) -> tuple[bytes, int]:
    start = at + WORD
    length = int.from_bytes(data[at:start], "big")
    stop = start + length
    end = stop + -length % WORD
    if end > len(data):
        raise ValueError(_ENDS)
    if any(data[stop:end]):
        raise ValueError("bytes are padded with something else than zeros")
    return data[start:stop], end


def _string(data: bytes, at: int) -> tuple[str, int]:
    content, end = _bytes(data, at)
    return content.decode(), end


def _list(item: Kind) -> Kind:
    """Read a count, then the items; where they are dynamic, their offsets count from there."""
    scalar, size = item.scalar, item.words * WORD

    def read(data: bytes, at: int) -> tuple[Any, int]:
        start = at + WORD
        count = int.from_bytes(data[at:start], "big")
        end = start + count * size
        if end > len(data):
            raise ValueError(_ENDS)
        if scalar is not None:
            return tuple([scalar(data[i : i + WORD]) for i in range(start, end, WORD)]), end
        values, place = [], end if item.dynamic else start
        for number in range(count):
            if item.dynamic:
                _offset(data, start + number * WORD, place - start)
            value, place = item.read(data, place)
            values.append(value)
        return tuple(values), place

    return Kind(1, True, None, read)


def _offset(data: bytes, at: int, expected: int) -> None:
    """Look whether a word says how far a dynamic part is from where its tuple begins."""
    if int.from_bytes(data[at : at + WORD], "big") != expected:
        raise ValueError("a part lies elsewhere than behind the one before")


def _members(kinds: Sequence[Kind], build: Callable[[list[Any]], Any]) -> Kind:
    """Read the parts of a tuple; `build` makes a value of theirs."""
    size = sum(kind.words for kind in kinds) * WORD
    dynamic = any(kind.dynamic for kind in kinds)

    def read(data: bytes, at: int) -> tuple[Any, int]:
        place, tail = at, at + size
        if tail > len(data):
            raise ValueError(_ENDS)
        values = []
        for scalar, is_dynamic, read_part in steps:
            if scalar is not None:
                values.append(scalar(data[place : place + WORD]))
                place += WORD
            elif is_dynamic:
                _offset(data, place, tail - at)
                value, tail = read_part(data, tail)
                values.append(value)
                place += WORD
            else:
                value, place = read_part(data, place)
                values.append(value)
        return build(values), tail

    steps = [(kind.scalar, kind.dynamic, kind.read) for kind in kinds]
    return Kind(1 if dynamic else size // WORD, dynamic, None, read)


def _by_names(names: Sequence[str]) -> Callable[[list[Any]], dict[str, Any]]:
    return lambda values: dict(zip(names, values, strict=True))


def _struct(struct: type[Struct]) -> Kind:
    fields = solidity_fields(struct)
    names = [field.python_name for field in fields]

    def build(values: list[Any]) -> Struct:
        # Each value was read by its field's own type: what the constructor checks is known.
        made = object.__new__(struct)
        made.__dict__.update(zip(names, values, strict=True))
        return made

    def kind(name: str, inner: type[Struct] | None) -> Kind:
        if name.endswith("[]"):
            return _list(kind(name[:-2], inner))
        return _simple(name) if inner is None else _struct(inner)

    return _members([kind(field.solidity_type, field.struct) for field in fields], build)
