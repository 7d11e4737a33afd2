"""Python dataclasses that are Solidity structs: one declaration serves ABI, EIP-712 and JSON.

A subclass of `Struct` annotates each field with its Solidity type::

    @dataclass(frozen=True)
    class Windows(Struct):
        quote: Uint32

Values are checked when an object is made, because the libraries below accept what
Solidity would not (unknown keys, ``"5"`` for a number, a short ``bytes32``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Annotated, Any, Self, get_args, get_origin, get_type_hints

from eth_utils.address import is_address, is_checksum_address, to_checksum_address

from marketplace.protocol.errors import ProtocolError

Address = Annotated[str, "address"]
Bool = Annotated[bool, "bool"]
Bytes = Annotated[bytes, "bytes"]
Bytes32 = Annotated[bytes, "bytes32"]
Uint8 = Annotated[int, "uint8"]
Uint16 = Annotated[int, "uint16"]
Uint24 = Annotated[int, "uint24"]
Uint32 = Annotated[int, "uint32"]
Uint40 = Annotated[int, "uint40"]
Uint128 = Annotated[int, "uint128"]
Uint256 = Annotated[int, "uint256"]
Addresses = Annotated[tuple[str, ...], "address[]"]
Bytes32s = Annotated[tuple[bytes, ...], "bytes32[]"]
Uint32s = Annotated[tuple[int, ...], "uint32[]"]
Uint128s = Annotated[tuple[int, ...], "uint128[]"]


@dataclass(frozen=True)
class Field:
    """One member of a struct: its Python name, Solidity name and Solidity type."""

    python_name: str
    name: str
    solidity_type: str
    struct: type[Struct] | None

    @property
    def is_list(self) -> bool:
        """Whether the member is a dynamic array."""
        return self.solidity_type.endswith("[]")


@dataclass(frozen=True)
class Struct:
    """Base of the dataclasses that mirror Solidity structs."""

    def __post_init__(self) -> None:
        for field in solidity_fields(type(self)):
            value = _checked(field, getattr(self, field.python_name), type(self).__name__)
            object.__setattr__(self, field.python_name, value)

    def as_tuple(self) -> tuple[Any, ...]:
        """Return the values as the ABI encoder wants them, nested structs included."""
        return tuple(_plain(getattr(self, f.name)) for f in fields(self))

    def as_message(self) -> dict[str, Any]:
        """Return the values under their Solidity names, as EIP-712 and JSON want them."""
        return {
            field.name: _message(getattr(self, field.python_name))
            for field in solidity_fields(type(self))
        }

    @classmethod
    def from_values(cls, values: Any) -> Self:
        """Rebuild from a tuple in declaration order or a mapping by Solidity name.

        Raises
        ------
        ProtocolError
            If a member is missing, too many, unknown, or not what its field takes.
        """
        members = solidity_fields(cls)
        names = [field.name for field in members]
        if isinstance(values, Mapping):
            if set(values) != set(names):
                odd = ", ".join(sorted(set(names) ^ set(values), key=str))
                raise _invalid(cls.__name__, odd, f"exactly the members {', '.join(names)}")
            values = [values[name] for name in names]
        if not isinstance(values, list | tuple) or len(values) != len(members):
            raise _invalid(cls.__name__, values, f"the members {', '.join(names)}")
        return cls(*(_rebuilt(f, v) for f, v in zip(members, values, strict=True)))


def solidity_fields(struct: type[Struct]) -> tuple[Field, ...]:
    """Return the members of a struct in declaration order."""
    if struct not in _known:
        hints = get_type_hints(struct, include_extras=True)
        _known[struct] = tuple(_field(field.name, hints[field.name]) for field in fields(struct))
    return _known[struct]


_known: dict[type[Struct], tuple[Field, ...]] = {}


def abi_type(struct: type[Struct]) -> str:
    """Return the ABI's tuple type, e.g. ``(uint32,uint32)``."""
    members = (
        field.solidity_type
        if field.struct is None
        else abi_type(field.struct) + "[]" * field.is_list
        for field in solidity_fields(struct)
    )
    return f"({','.join(members)})"


def _field(python_name: str, hint: Any) -> Field:
    name = re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), python_name)
    if get_origin(hint) is Annotated:
        return Field(python_name, name, get_args(hint)[1], None)
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        return Field(python_name, name, inner.__name__ + "[]", inner)
    return Field(python_name, name, hint.__name__, hint)


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return value.as_tuple()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _message(value: Any) -> Any:
    if isinstance(value, Struct):
        return value.as_message()
    if isinstance(value, tuple):
        return [_message(item) for item in value]
    return value


def _rebuilt(field: Field, value: Any) -> Any:
    if field.struct is None:
        return value
    if field.is_list and isinstance(value, list | tuple):
        return tuple(field.struct.from_values(item) for item in value)
    if field.is_list:
        return value
    return field.struct.from_values(value)


def _checked(field: Field, value: Any, owner: str) -> Any:
    where = f"{owner}.{field.name}"
    if field.is_list:
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise _invalid(where, value, "a sequence")
        single = Field(field.python_name, field.name, field.solidity_type[:-2], field.struct)
        return tuple(_checked(single, item, owner) for item in value)
    if field.struct is not None:
        if not isinstance(value, field.struct):
            raise _invalid(where, value, f"a {field.struct.__name__}")
        return value
    return _checked_scalar(field.solidity_type, value, where)


def _checked_scalar(kind: str, value: Any, where: str) -> Any:
    if kind == "address":
        address = _address(value) if isinstance(value, str) else None
        if address is None:
            raise _invalid(where, value, "a 20-byte 0x address with a right checksum")
        return address
    if kind == "bytes32":
        if not isinstance(value, bytes) or len(value) != 32:
            raise _invalid(where, value, "32 bytes")
        return bytes(value)
    if kind == "bytes":
        if not isinstance(value, bytes):
            raise _invalid(where, value, "bytes")
        return bytes(value)
    if kind == "bool":
        if not isinstance(value, bool):
            raise _invalid(where, value, "True or False")
        return value
    bits = int(kind.removeprefix("uint"))
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
        raise _invalid(where, value, f"a whole number from 0 to 2**{bits} - 1")
    return value


@lru_cache(4096)  # a checksum is a hash, and the same few accounts come again and again
def _address(text: str) -> str | None:
    """Return an address with its checksum; None if it is none, or its checksum is wrong."""
    digits = text[2:]
    unchecked = digits in (digits.lower(), digits.upper())
    if not is_address(text) or not (unchecked or is_checksum_address(text)):
        return None
    return to_checksum_address(text)


def _invalid(where: str, value: Any, wanted: str) -> ProtocolError:
    return ProtocolError(f"{where} is {value!r}", f"give {wanted}")
