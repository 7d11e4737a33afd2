"""Ids and commitments that both the contracts and Python compute."""

from __future__ import annotations

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from marketplace.protocol.structs import abi_type
from marketplace.protocol.terms import Request


def trade_id(chain_id: int, market: str, request: Request) -> bytes:
    """Return the id that a request gets on a chain and contract, 32 bytes.

    It comes from content alone, so that a reorganisation can't give one id two
    meanings.
    """
    kinds = ["uint256", "address", abi_type(Request)]
    return keccak(encode(kinds, [chain_id, market, request.as_tuple()]))


def seed_of(trade: bytes) -> int:
    """Return a trade's seed for everything random; anyone can derive it from the id."""
    return int.from_bytes(trade[:4], "big")


def challenge_seal(
    chain_id: int, challenges: str, trade: bytes, challenger: str, claim: bytes, salt: bytes
) -> bytes:
    """Return what announces a challenge, 32 bytes, as `Challenges.sealOf` does.

    Computed here, since a node that is asked for it learns which trade will be challenged.
    """
    kinds = ["uint256", "address", "bytes32", "address", "bytes32", "bytes32"]
    return keccak(encode(kinds, [chain_id, challenges, trade, challenger, claim, salt]))


def score_seal(trade: bytes, attempt: int, signer: str, score: int, salt: bytes) -> bytes:
    """Return a signer's commitment to its score (parts per million), 32 bytes."""
    kinds = ["bytes32", "uint8", "address", "uint32", "bytes32"]
    return keccak(encode(kinds, [trade, attempt, signer, score, salt]))


def dataset_commitment(plaintext: bytes, salt: bytes) -> bytes:
    """Return a provider's commitment to a dataset, 32 bytes.

    The salt (32 bytes) keeps a small or well-known dataset from being guessed.
    """
    return keccak(salt + plaintext)
