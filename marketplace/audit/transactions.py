"""Transactions as a header commits to them: encoded, hashed, and signed by their sender.

The root of the trie of a block's transactions is in its header. Who sent one is in no encoding;
it follows from the signature. Sources: yellow paper, sections 4.2 and 4.3 and appendix F;
EIP-155, 2718, 2930, 1559, 4844 and 7702.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from eth_hash.backends.pysha3 import keccak256 as keccak
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.address import to_checksum_address

from marketplace.audit.encoding import Item, encode, encode_number

_FEES = ("maxPriorityFeePerGas", "maxFeePerGas")
_CALL = ("gas", "to", "value", "input")

# By type (EIP-2718): what is signed, by its name in JSON-RPC, in order. A type that a later fork
# brings is none that is known here.
_FIELDS: Mapping[int, tuple[str, ...]] = {
    0: ("nonce", "gasPrice", *_CALL),
    1: ("chainId", "nonce", "gasPrice", *_CALL, "accessList"),
    2: ("chainId", "nonce", *_FEES, *_CALL, "accessList"),
    3: (
        *("chainId", "nonce", *_FEES, *_CALL, "accessList"),
        *("maxFeePerBlobGas", "blobVersionedHashes"),
    ),
    4: ("chainId", "nonce", *_FEES, *_CALL, "accessList", "authorizationList"),
}
_PROTECTED = 35  # from this v on, a transaction of type 0 names its chain (EIP-155)


@dataclass(frozen=True)
class Transaction:
    """Who sends what to whom; to nobody if it creates a contract.

    Attributes
    ----------
    kind
        Its type (EIP-2718).
    hash, sender
        What the node says.
    value
        Wei of native coin.
    encoded
        What its block's trie holds of it; None of a type that is not known here.
    signed
        What its sender signed, and the signature: r, s, and the parity of y.
    """

    kind: int
    hash: bytes
    sender: str
    receiver: str | None
    value: int
    data: bytes
    encoded: bytes | None
    signed: tuple[bytes, int, int, int] | None

    @cached_property
    def recomputed(self) -> bytes | None:
        """Its hash, as it is; None of a type that is not known here."""
        return None if self.encoded is None else keccak(self.encoded)

    @cached_property
    def signer(self) -> str | None:
        """Who signed it, checksummed; None if nobody did."""
        if self.signed is None:
            return None
        content, r, s, parity = self.signed
        try:
            key = Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(keccak(content))
        except BadSignature:
            return None
        return _account(keccak(key.to_bytes())[-20:])


def transaction_of(
    answer: Mapping[str, Any],
    number: Callable[[Any], int],
    content: Callable[..., bytes],
) -> Transaction:
    """Return a transaction as a node tells it, and as a block holds it.

    Parameters
    ----------
    number, content
        How to read a quantity, and bytes of a length.
    """
    kind, receiver = number(answer.get("type", "0x0")), answer["to"]
    encoded = signed = None
    if kind in _FIELDS:
        encoded, signed = _sealed(kind, answer, number, content)
    return Transaction(
        kind=kind,
        hash=content(answer["hash"], 32),
        sender=_account(content(answer["from"], 20)),
        receiver=None if receiver is None else _account(content(receiver, 20)),
        value=number(answer["value"]),
        data=content(answer["input"]),
        encoded=encoded,
        signed=signed,
    )


def _sealed(
    kind: int,
    answer: Mapping[str, Any],
    number: Callable[[Any], int],
    content: Callable[..., bytes],
) -> tuple[bytes, tuple[bytes, int, int, int]]:
    """Return the encoding, and what was signed with which signature."""

    def field(name: str) -> Item:
        value = answer[name]
        if name == "to":
            return b"" if value is None else content(value, 20)
        if name == "input":
            return content(value)
        if name == "accessList":
            return [
                [content(each["address"], 20), [content(key, 32) for key in each["storageKeys"]]]
                for each in value
            ]
        if name == "blobVersionedHashes":
            return [content(each, 32) for each in value]
        if name == "authorizationList":
            return [_authorization(each, number, content) for each in value]
        return encode_number(number(value))

    fields = [field(name) for name in _FIELDS[kind]]
    r, s = number(answer["r"]), number(answer["s"])
    v = number(answer["v"] if kind == 0 else answer.get("yParity", answer.get("v")))
    sealed = [*fields, encode_number(v), encode_number(r), encode_number(s)]
    if kind:
        prefix = bytes((kind,))
        return prefix + encode(sealed), (prefix + encode(fields), r, s, v)
    parity = v - 27
    if v >= _PROTECTED:
        parity = (v - _PROTECTED) % 2
        fields += [encode_number((v - _PROTECTED) // 2), b"", b""]
    return encode(sealed), (encode(fields), r, s, parity)


@lru_cache(1024)  # a checksum is a hash, and few accounts send many transactions
def _account(address: bytes) -> str:
    return to_checksum_address(address)


def _authorization(
    each: Mapping[str, Any], number: Callable[[Any], int], content: Callable[..., bytes]
) -> Item:
    parity = each.get("yParity", each.get("v"))
    numbers = (each["nonce"], parity, each["r"], each["s"])
    first = encode_number(number(each["chainId"]))
    return [first, content(each["address"], 20), *(encode_number(number(n)) for n in numbers)]
