"""Parameters of JSON-RPC methods, checked and turned into Python values.

Each function takes what JSON gave and the name of the parameter, and raises an
`RpcError` (code -32602) that names the parameter when the value doesn't fit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from eth_typing import Address

from marketplace.chain.devnet.rpc_errors import invalid_params

TAGS = ("latest", "pending", "earliest", "safe", "finalized")
MAX_UINT256 = 2**256 - 1
MAX_UINT64 = 2**64 - 1

_BYTES = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")


def bytes_of(value: object, name: str) -> bytes:
    """Read 0x-hex of any whole number of bytes."""
    if not isinstance(value, str) or not _BYTES.fullmatch(value):
        raise invalid_params(f"{name}: expected 0x-prefixed hex bytes, got {_shown(value)}")
    return bytes.fromhex(value[2:])


def fixed_bytes(value: object, name: str, length: int) -> bytes:
    """Read 0x-hex of exactly `length` bytes."""
    raw = bytes_of(value, name)
    if len(raw) != length:
        raise invalid_params(f"{name}: expected {length} bytes, got {len(raw)}")
    return raw


def address_of(value: object, name: str = "address") -> Address:
    """Read a 20-byte address in any letter case."""
    return Address(fixed_bytes(value, name, 20))


def hash_of(value: object, name: str = "hash") -> bytes:
    """Read a 32-byte hash."""
    return fixed_bytes(value, name, 32)


def quantity_of(value: object, name: str, maximum: int = MAX_UINT256) -> int:
    """Read an unsigned integer: 0x-hex, or a JSON number as Anvil allows."""
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        number = int(value, 16)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise invalid_params(f"{name}: expected a 0x-prefixed hex number, got {_shown(value)}")
    if not 0 <= number <= maximum:
        raise invalid_params(f"{name}: {number} is outside 0 to {maximum}")
    return number


def flag_of(value: object, name: str) -> bool:
    """Read a JSON boolean."""
    if not isinstance(value, bool):
        raise invalid_params(f"{name}: expected true or false, got {_shown(value)}")
    return value


def object_of(value: object, name: str) -> dict[str, object]:
    """Read a JSON object."""
    if not isinstance(value, dict):
        raise invalid_params(f"{name}: expected an object, got {_shown(value)}")
    return value


def list_of(value: object, name: str) -> list[object]:
    """Read a JSON array."""
    if not isinstance(value, list):
        raise invalid_params(f"{name}: expected an array, got {_shown(value)}")
    return value


@dataclass(frozen=True)
class BlockId:
    """One way to name a block; exactly one field is set."""

    number: int | None = None
    tag: str | None = None
    hash: bytes | None = None


def block_id_of(value: object, name: str = "block") -> BlockId:
    """Read a number, a tag, a 32-byte hash, or an object of EIP-1898."""
    if isinstance(value, dict):
        return _eip1898_block_id(value, name)
    if isinstance(value, str) and value in TAGS:
        return BlockId(tag=value)
    if isinstance(value, str) and len(value) == 66:
        return BlockId(hash=hash_of(value, name))
    return BlockId(number=quantity_of(value, name, MAX_UINT64))


def _eip1898_block_id(value: dict[str, object], name: str) -> BlockId:
    if ("blockHash" in value) == ("blockNumber" in value):
        raise invalid_params(f"{name}: expected either blockHash or blockNumber")
    if "blockHash" in value:
        return BlockId(hash=hash_of(value["blockHash"], f"{name}.blockHash"))
    return block_id_of(value["blockNumber"], f"{name}.blockNumber")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
