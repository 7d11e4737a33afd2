"""EIP-712: the digest of each message, and who signed it.

The contracts hash the same types in `contracts/src/libraries/TypedData.sol`; a
test compares the two for random values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_keys.exceptions import BadSignature as MalformedSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from marketplace.protocol.errors import BadSignature
from marketplace.protocol.structs import Struct, solidity_fields
from marketplace.protocol.terms import NOBODY

T = TypeVar("T")

NAME = "ModelMarket"
VERSION = "1"


@dataclass(frozen=True)
class Domain:
    """Where a signature counts: one contract on one chain.

    `market` is that contract's address; `name` is another where a contract beside the market
    takes the signature.
    """

    chain_id: int
    market: str
    name: str = NAME

    def separated(self) -> dict[str, Any]:
        """Return the EIP-712 domain."""
        return {
            "name": self.name,
            "version": VERSION,
            "chainId": self.chain_id,
            "verifyingContract": self.market,
        }


def struct_hash(message: Struct) -> bytes:
    """Return the 32 bytes that stand for a message wherever it is signed."""
    return _signable(Domain(0, NOBODY), message).body


def digest(domain: Domain, message: Struct) -> bytes:
    """Return the 32 bytes that are signed."""
    signable = _signable(domain, message)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)


def sign(domain: Domain, message: Struct, account: LocalAccount) -> bytes:
    """Sign a message; returns 65 bytes (r, s, v)."""
    return bytes(account.sign_message(_signable(domain, message)).signature)


def signer_of(domain: Domain, message: Struct, signature: bytes) -> str:
    """Return the checksummed address that signed.

    Raises
    ------
    BadSignature
        If the 65 bytes are no ECDSA signature at all.
    """
    if len(signature) != 65:
        raise BadSignature(f"a signature has {len(signature)} bytes", "give 65 bytes (r, s, v)")
    try:
        return str(Account.recover_message(_signable(domain, message), signature=signature))
    except (MalformedSignature, ValidationError, ValueError) as error:
        raise BadSignature(
            f"no key could have made the signature 0x{signature.hex()[:16]}…",
            "ask the signer for a new one",
        ) from error


def in_signer_order(signed: Iterable[tuple[str, T]]) -> list[tuple[str, T]]:
    """Sort (address, anything) as the contracts want accounts: ascending."""
    return sorted(signed, key=lambda pair: int(pair[0], 16))


def compact(signature: bytes) -> bytes:
    """Shorten a signature of 65 bytes to 64 (EIP-2098: the parity in the top bit of s).

    Raises
    ------
    BadSignature
        If it isn't 65 bytes with v = 27 or 28.
    """
    if len(signature) != 65 or signature[64] not in (27, 28) or signature[32] & 0x80:
        raise BadSignature(
            f"0x{signature.hex()[:16]}… can't be made compact", "give 65 bytes (r, s, v), s low"
        )
    parity = signature[64] - 27
    return signature[:32] + bytes([signature[32] | parity << 7]) + signature[33:64]


def expanded(signature: bytes) -> bytes:
    """Return the 65 bytes (r, s, v) of a compact signature of 64.

    Raises
    ------
    BadSignature
        If it isn't 64 bytes.
    """
    if len(signature) != 64:
        raise BadSignature(
            f"a compact signature has {len(signature)} bytes", "give 64 bytes (EIP-2098)"
        )
    parity = signature[32] >> 7
    return signature[:32] + bytes([signature[32] & 0x7F]) + signature[33:] + bytes([27 + parity])


def quorum_signatures(signatures: Mapping[int, bytes]) -> tuple[int, bytes]:
    """Pack signatures by seat (65 bytes each) as the contracts want a quorum's.

    Returns
    -------
    signers
        Bitmap of the seats.
    packed
        64 bytes each, in the order of the seats.
    """
    signers = sum(1 << seat for seat in signatures)
    return signers, b"".join(compact(signatures[seat]) for seat in sorted(signatures))


def split_signatures(packed: bytes) -> list[bytes]:
    """Return the signatures (65 bytes each) of what `quorum_signatures` packed.

    Raises
    ------
    BadSignature
        If the length is no multiple of 64.
    """
    return [expanded(packed[start : start + 64]) for start in range(0, len(packed), 64)]


def _signable(domain: Domain, message: Struct) -> SignableMessage:
    return encode_typed_data(
        domain_data=domain.separated(),
        message_types=_types(type(message)),
        message_data=message.as_message(),
    )


def _types(struct: type[Struct]) -> dict[str, Sequence[dict[str, str]]]:
    members = solidity_fields(struct)
    types: dict[str, Sequence[dict[str, str]]] = {
        struct.__name__: [{"name": f.name, "type": f.solidity_type} for f in members]
    }
    for field in members:
        if field.struct is not None:
            types |= _types(field.struct)
    return types
