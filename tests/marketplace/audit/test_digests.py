"""What attempts leave in a trade's digest: the audit computes what the parties do."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak

from marketplace.audit.digests import NOTHING, history, record_digest
from marketplace.protocol.agreement import record_hash
from marketplace.protocol.attempts import MAX_ATTEMPTS, history_of
from marketplace.protocol.terms import AttemptRecord


def record(attempt: int) -> AttemptRecord:
    """Return the record of an attempt; every third model ends in zeros."""
    model = keccak(text=f"model {attempt}")
    if attempt % 3 == 0:
        model = model[:-4] + bytes(4)
    delivery, seals = keccak(text=f"delivery {attempt}"), (keccak(text="one"), keccak(text="two"))
    return AttemptRecord(attempt, model, delivery, 0b101, 0b100, seals)


@pytest.mark.parametrize("count", range(MAX_ATTEMPTS + 1))
def test_attempts_leave_the_same(count: int) -> None:
    records = [record(attempt) for attempt in range(1, count + 1)]
    hashes = [record_digest(*each.as_tuple()) for each in records]
    assert hashes == [record_hash(each) for each in records]
    left = history([(each.model, found) for each, found in zip(records, hashes, strict=True)])
    assert left == history_of(records)


def test_a_model_that_ends_in_zeros_is_not_taken_for_none() -> None:
    assert history([(bytes(32), keccak(b""))]).models == 1
    assert history([(keccak(b"")[:28] + bytes(4), keccak(b""))] * 2).models == 1 << 32 | 1
    assert history([]).models == 0
    assert history([]).records == NOTHING
