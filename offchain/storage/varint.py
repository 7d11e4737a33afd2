"""Numbers of variable length, as protobuf and CARs write them."""

from __future__ import annotations


def varint(value: int) -> bytes:
    """Encode an unsigned LEB128 number: seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
