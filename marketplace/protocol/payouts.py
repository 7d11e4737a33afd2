"""What a committee and a payee sign for `Payouts.sol` (EIP-712), and how signatures are packed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from marketplace.protocol.errors import BadSignature, ProtocolError
from marketplace.protocol.structs import (
    Address,
    Addresses,
    Bytes32,
    Struct,
    Uint8,
    Uint32,
    Uint128,
    Uint256,
    abi_type,
)
from marketplace.protocol.typed_data import Domain

_Uint64 = Annotated[int, "uint64"]
_Bytes32s = Annotated[tuple[bytes, ...], "bytes32[]"]


@dataclass(frozen=True)
class PayoutsDomain(Domain):
    """Where a signature counts: one `Payouts` contract, in the field `market`, on one chain."""

    def separated(self) -> dict[str, Any]:
        """Return the EIP-712 domain."""
        return {**super().separated(), "name": "Payouts", "version": "1"}


@dataclass(frozen=True)
class Committee(Struct):
    """The committee as calldata carries it: members ascend, `threshold` of them must sign."""

    version: Uint32
    threshold: Uint8
    members: Addresses

    @property
    def digest(self) -> bytes:
        """What the chain stores of it, 32 bytes."""
        return keccak(encode([abi_type(Committee)], [self.as_tuple()]))


@dataclass(frozen=True)
class Distribution(Struct):
    """Who has earned how much of a currency since the beginning, as Merkle roots.

    `epoch` is one more than that of the last proposal, `total` the sum of all cumulative
    amounts in the currency's smallest unit, `document` the digest of the list of payees,
    `committee` the digest of the committee in office.
    """

    currency: Address
    epoch: _Uint64
    total: Uint128
    roots: _Bytes32s
    document: Bytes32
    committee: Bytes32


@dataclass(frozen=True)
class ClaimTo(Struct):
    """A payee's word that its credit may be sent to another address; deadline since 1970."""

    account: Address
    currency: Address
    receiver: Address
    nonce: Uint256
    deadline: Uint256


def compact(signature: bytes) -> bytes:
    """Shorten a 65-byte signature (r, s, v) to 64 bytes (EIP-2098).

    Raises
    ------
    BadSignature
        If it is not 65 bytes, v is not 27 or 28, or s is in the upper half.
    """
    if len(signature) != 65 or signature[64] not in (27, 28) or signature[32] & 0x80:
        raise BadSignature(
            f"0x{signature.hex()[:16]}… can't be made compact",
            "give r, s and v in 65 bytes, with a low s and v 27 or 28",
        )
    parity = signature[64] - 27
    return signature[:32] + bytes([signature[32] | parity << 7]) + signature[33:64]


def packed(members: Sequence[str], signatures: Mapping[str, bytes]) -> tuple[int, bytes]:
    """Return a quorum's bitmap and its signatures as the contract takes them.

    Parameters
    ----------
    members
        The committee's members, ascending.
    signatures
        65 bytes by the address of the member that signed.

    Raises
    ------
    ProtocolError
        If somebody signed who is no member.
    BadSignature
        As `compact`.
    """
    strangers = set(signatures) - set(members)
    if strangers:
        raise ProtocolError(
            f"{min(strangers)} is not in the committee", "leave out signatures of strangers"
        )
    signing = [position for position, member in enumerate(members) if member in signatures]
    bitmap = sum(1 << position for position in signing)
    return bitmap, b"".join(compact(signatures[members[position]]) for position in signing)
