"""What a trade's attempts leave in its digest, so that no attempt costs more than the one before.

`contracts/src/libraries/Attempts.sol` computes the same. `records` is the root of a binary
tree of eight leaves: leaf i is the hash of the record of attempt i + 1, zero while there is
none, and a node over nothing but zeros is zero. `models` has a lane of 32 bits for each of
them: the lowest bits of the model, or one where these are zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from eth_utils.crypto import keccak

from marketplace.protocol.agreement import amounts_hash, record_hash, terms_hash
from marketplace.protocol.terms import AttemptRecord, Deal, Gate, History

MAX_ATTEMPTS = 8
"""Most attempts that a request may allow."""

_LANE = 32


def history_of(records: Sequence[AttemptRecord]) -> History:
    """Return what attempts, from the first on, leave behind."""
    (root,) = _levels(records)[-1]
    lanes = (_fingerprint(record.model) << _LANE * i for i, record in enumerate(records))
    return History(root, sum(lanes))


def is_scored(model: bytes, earlier: Iterable[bytes]) -> bool:
    """Return whether the market takes a model, 32 bytes, for one of these earlier ones."""
    return _fingerprint(model) in map(_fingerprint, earlier)


def path_of(records: Sequence[AttemptRecord], attempt: int) -> tuple[bytes, ...]:
    """Return the nodes beside an attempt's way to the root, from its leaf up, 32 bytes each.

    Parameters
    ----------
    records
        Of the attempts from the first on; the attempt itself may be missing.
    attempt
        From one.
    """
    index = attempt - 1
    return tuple(level[index >> height ^ 1] for height, level in enumerate(_levels(records)[:-1]))


def attempt_proof(
    deal: Deal,
    gate: Gate,
    earlier: Sequence[AttemptRecord],
    attempt: int,
    deciding: tuple[Sequence[int], AttemptRecord] | None,
) -> tuple[Any, ...]:
    """Return what shows that a trade has an attempt, as the ABI encoder wants it.

    Parameters
    ----------
    earlier
        Records of the attempts that decided nothing, from the first on.
    attempt
        Which one is shown, from one.
    deciding
        Division of the pool (wei) and record of the deciding attempt, if there is one.
    """
    decision = (bytes(32), bytes(32))
    if deciding is not None:
        decision = amounts_hash(deciding[0]), record_hash(deciding[1])
    return (
        deal.expert_pool,
        len(gate.experts),
        terms_hash(deal, gate),
        gate.history.as_tuple(),
        *decision,
        list(path_of(earlier, attempt)),
    )


def _levels(records: Sequence[AttemptRecord]) -> list[list[bytes]]:
    """Return the tree from its leaves to its root."""
    leaves = [record_hash(record) for record in records]
    levels = [leaves + [bytes(32)] * (MAX_ATTEMPTS - len(leaves))]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=True)
        levels.append([_node(left + right) for left, right in pairs])
    return levels


def _node(children: bytes) -> bytes:
    return keccak(children) if any(children) else bytes(32)


def _fingerprint(model: bytes) -> int:
    return int.from_bytes(model, "big") % (1 << _LANE) or 1
