"""Sealed-bid tenders: their terms, ids and seals as `SealedBids.sol` computes them.

The award that a set of bids must lead to is in `marketplace.protocol.auctions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from marketplace.protocol.structs import Address, Bytes32, Struct, Uint40, Uint128, abi_type

SEAL_BYTES = 28
"""A seal is the beginning of a keccak-256 hash, so that it shares a slot with its order."""

_Service = Annotated[int, "uint8"]
_Rule = Annotated[int, "uint8"]


class Service(IntEnum):
    """What a tender buys; the values are those of the contract."""

    BROKER = 0
    EXPERT = 1


class PricingRule(IntEnum):
    """What the winner is paid: the second lowest price (Vickrey), or its own."""

    SECOND_PRICE = 0
    FIRST_PRICE = 1


@dataclass(frozen=True)
class Tender(Struct):
    """All terms of a tender, field for field as in the contract.

    `bond` and `reserve` are in the currency's smallest unit; `commit_end` and
    `reveal_end` are the last seconds, since 1970, for a seal and for a price.
    """

    requester: Address
    service: _Service
    rule: _Rule
    spec: Bytes32
    currency: Address
    bond: Uint128
    reserve: Uint128
    commit_end: Uint40
    reveal_end: Uint40
    salt: Bytes32


def tender_id(chain_id: int, contract: str, tender: Tender) -> bytes:
    """Return the id of a tender's terms on a chain and contract, 32 bytes."""
    kinds = ["uint256", "address", abi_type(Tender)]
    return keccak(encode(kinds, [chain_id, contract, tender.as_tuple()]))


def bid_seal(
    chain_id: int, contract: str, tender: bytes, bidder: str, price: int, salt: bytes
) -> bytes:
    """Return the seal of a bidder's price, 28 bytes.

    Parameters
    ----------
    chain_id, contract
        Where the tender is open; with `tender` they keep a seal from being used twice.
    tender
        The tender's id.
    bidder
        Who commits the seal; nobody else's commitment of it can be revealed.
    price
        In the currency's smallest unit.
    salt
        32 random bytes, never used before: prices are few enough to be guessed.
    """
    kinds = ["uint256", "address", "bytes32", "address", "uint128", "bytes32"]
    return keccak(encode(kinds, [chain_id, contract, tender, bidder, price, salt]))[:SEAL_BYTES]
