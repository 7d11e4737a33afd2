"""What the market's one digest of a trade commits to, computed here once more.

The formulas are in `docs/protocol.md`. Every value takes one word of 32 bytes, and a list
or a struct is the hash of its words, so one function is enough for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from eth_hash.backends.pysha3 import keccak256 as keccak

from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import Deal, Gate, History, Supply

NOTHING = bytes(32)
"""The digest of a trade that nothing was agreed on yet."""

Word = int | bool | str | bytes


def hashed(*values: Word) -> bytes:
    """Return the hash of numbers, truths, addresses and hashes of one word each, 32 bytes."""
    return keccak(b"".join(map(_word, values)))


def committee_digest(version: int, threshold: int, members: Sequence[str]) -> bytes:
    """Return the hash of an ABI-encoded committee: where it begins, and where its list does."""
    return hashed(0x20, version, threshold, 0x60, len(members), *members)


def agreed_digest(committee: bytes, deal: Deal, supplies: Sequence[Supply]) -> bytes:
    """Return the digest of a funded trade."""
    flat: list[Word] = [value for supply in supplies for value in _values(supply)]
    return hashed(committee, hashed(*_values(deal)), hashed(*flat))


def gated_digest(committee: bytes, deal: Deal, gate: Gate) -> bytes:
    """Return the digest of a trade whose gate was reported."""
    experts, weights = hashed(*gate.experts), hashed(*gate.weights)
    terms = hashed(hashed(*_values(deal)), gate.dropped, experts, weights)
    return hashed(committee, deal.expert_pool, len(gate.experts), terms, *_values(gate.history))


def history(attempts: Sequence[tuple[bytes, bytes]]) -> History:
    """Return what attempts, from the first on, leave in the digest.

    Parameters
    ----------
    attempts
        Model and hash of the record of each, 32 bytes each; eight at most.
    """
    row = [record for _, record in attempts] + [NOTHING] * (8 - len(attempts))
    while len(row) > 1:
        pairs = list(zip(row[::2], row[1::2], strict=True))
        row = [hashed(*pair) if any(map(any, pair)) else NOTHING for pair in pairs]
    models = 0
    for model, _ in reversed(attempts):
        models = models << 32 | fingerprint_of(model)
    return History(row[0], models)


def fingerprint_of(model: bytes) -> int:
    """Return the 32 bits of a model by which the market knows it again."""
    return int.from_bytes(model[-4:], "big") or 1


def record_digest(
    number: int, model: bytes, delivery: bytes, signers: int, verdicts: int, seals: Sequence[bytes]
) -> bytes:
    """Return the hash of what an attempt leaves behind."""
    return hashed(number, model, delivery, signers, verdicts, hashed(*seals))


def decided_digest(gated: bytes, amounts: Sequence[int], record: bytes) -> bytes:
    """Return the digest of a trade whose last verdict is there."""
    return hashed(gated, hashed(*amounts), record)


def _values(struct: Struct) -> tuple[Word, ...]:
    return struct.as_tuple()


def _word(value: Word) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return bytes.fromhex(value[2:]).rjust(32, b"\0")
    return int(value).to_bytes(32, "big")
