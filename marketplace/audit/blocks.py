"""Headers and receipts, and the hashes that they must have.

A block's hash is the hash of its header, which names its parent, and the roots of the tries of
its transactions and receipts. So who knows one hash knows every log before it. Sources: yellow
paper, section 4.3; EIP-1559, 2718, 4844, 4788, 4895 and 7685 for what later forks added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from eth_hash.backends.pysha3 import keccak256 as keccak

from marketplace.audit.encoding import Item, encode, encode_number
from marketplace.audit.trie import list_root

BLOOM_BYTES = 256


@dataclass(frozen=True)
class Header:
    """The part of a block header that the audit uses; `timestamp` in seconds since 1970.

    `hash` is what the node says.
    """

    number: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True)
class Block(Header):
    """What a block commits to.

    Attributes
    ----------
    recomputed
        The hash of the header, as it is.
    parent
        Hash of the block before.
    state_root, transactions_root, receipts_root
        Of the tries, 32 bytes.
    bloom
        256 bytes with three bits for each address and topic in the logs.
    transactions
        Their hashes, in order, as the node says.
    """

    recomputed: bytes
    parent: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    bloom: bytes
    transactions: tuple[bytes, ...]

    def may_hold(self, masks: Iterable[int]) -> bool:
        """Tell whether the bloom admits a log by any of some addresses."""
        bits = int.from_bytes(self.bloom, "big")
        return any(bits & mask == mask for mask in masks)


@dataclass(frozen=True)
class Log:
    """One log entry as the node gives it, not decoded."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    block_hash: bytes
    transaction: bytes
    index: int

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"block {self.block}, log {self.index}"


@dataclass(frozen=True)
class Receipt:
    """What a transaction left behind.

    Attributes
    ----------
    kind
        The transaction's type (EIP-2718); 0 for one from before there were types.
    outcome
        One byte for success, none for failure; before Byzantium, a state root.
    gas
        Used by the block so far.
    """

    kind: int
    outcome: bytes
    gas: int
    bloom: bytes
    transaction: bytes
    logs: tuple[Log, ...]


# Name in JSON-RPC, and how many bytes it has; None for a number, 0 for any count of bytes.
_ALWAYS: Mapping[str, int | None] = {
    "parentHash": 32,
    "sha3Uncles": 32,
    "miner": 20,
    "stateRoot": 32,
    "transactionsRoot": 32,
    "receiptsRoot": 32,
    "logsBloom": BLOOM_BYTES,
    "difficulty": None,
    "number": None,
    "gasLimit": None,
    "gasUsed": None,
    "timestamp": None,
    "extraData": 0,
    "mixHash": 32,
    "nonce": 8,
}
# Each fork added its own at the end; a block has all up to its fork's.
_SINCE_LONDON: Mapping[str, int | None] = {
    "baseFeePerGas": None,
    "withdrawalsRoot": 32,
    "blobGasUsed": None,
    "excessBlobGas": None,
    "parentBeaconBlockRoot": 32,
    "requestsHash": 32,
}


def header_hash(
    answer: Mapping[str, Any],
    number: Callable[[Any], int],
    content: Callable[[Any, int | None], bytes],
) -> bytes:
    """Hash a header, from a node's answer.

    Parameters
    ----------
    number, content
        How to read a quantity, and bytes of a length.
    """
    fields = list(_ALWAYS.items())
    fields += [item for item in _SINCE_LONDON.items() if answer.get(item[0]) is not None]
    return keccak(
        encode(
            [
                encode_number(number(answer[name]))
                if length is None
                else content(answer[name], length or None)
                for name, length in fields
            ]
        )
    )


def receipts_root(receipts: Sequence[Receipt]) -> bytes:
    """Return the root that a header must name for these receipts."""
    return list_root([_encoded(receipt) for receipt in receipts])


def bloom_of(receipts: Sequence[Receipt]) -> bytes:
    """Return the bloom that a header must have over these receipts."""
    bits = 0
    for receipt in receipts:
        for log in receipt.logs:
            for entry in (bytes.fromhex(log.address[2:]), *log.topics):
                bits |= bloom_mask(entry)
    return bits.to_bytes(BLOOM_BYTES, "big")


@lru_cache(4096)
def bloom_mask(entry: bytes) -> int:
    """Return the three bits of an address or a topic."""
    digest = keccak(entry)
    places = (int.from_bytes(digest[at : at + 2], "big") % 2048 for at in (0, 2, 4))
    return sum(1 << place for place in set(places))


def _encoded(receipt: Receipt) -> bytes:
    logs: list[Item] = [
        [bytes.fromhex(log.address[2:]), log.topics, log.data] for log in receipt.logs
    ]
    body = encode([receipt.outcome, encode_number(receipt.gas), receipt.bloom, logs])
    return body if receipt.kind == 0 else bytes((receipt.kind,)) + body
