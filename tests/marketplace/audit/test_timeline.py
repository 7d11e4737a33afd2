"""What each event means, in words, and which documents it names."""

from __future__ import annotations

from typing import Any

import pytest
from eth_utils.crypto import keccak
from telling import told

from marketplace.audit.reporting.records import Occurrence
from marketplace.audit.reporting.timeline import timeline
from marketplace.protocol.terms import AttemptFinding
from offchain.storage.cid import cid_of_digest

DIGESTS = [keccak(text=name) for name in ("one", "two", "three", "four")]
CIDS = tuple(map(cid_of_digest, DIGESTS))


def said(name: str, **values: Any) -> Occurrence:
    (occurrence,) = timeline([told(name, 7, **values)])
    assert (occurrence.name, occurrence.time) == (name, 7)
    assert (occurrence.block, occurrence.log_index) == (1, 0)
    return occurrence


@pytest.mark.parametrize(
    ("name", "values", "meaning"),
    [
        *(
            ("AttemptReported", {"attempt": 2, "signers": signers, "verdicts": verdicts}, words)
            for signers, verdicts, words in (
                (0b11, 0b11, "attempt 2 passed: 2 of 2 signers say it did"),
                (0b11, 0b10, "attempt 2 did not pass: 1 of 2 signers say it did"),
                (0b111, 0b10, "attempt 2 did not pass: 1 of 3 signers say it did"),
            )
        ),
        (
            "AuditAttested",
            {"auditor": "Ann", "approved": True, "report": bytes(32)},
            "auditor Ann approves",
        ),
        (
            "AuditAttested",
            {"auditor": "Ann", "approved": False, "report": bytes(32)},
            "auditor Ann does not approve",
        ),
        ("DisputeEnded", {"overturned": True}, "the dispute is over; the verdict fell"),
        ("DisputeEnded", {"overturned": False}, "the dispute is over; the verdict stands"),
        ("Awarded", {"account": "Ann", "amount": 7}, "Ann is awarded 7 wei"),
        ("Slashed", {"amount": 7}, ""),
    ],
)
def test_an_event_in_words(name: str, values: dict[str, Any], meaning: str) -> None:
    assert said(name, **values).meaning == meaning


def test_documents_among_the_values_are_named() -> None:
    one, two, three, _ = DIGESTS
    claimed = said("Challenged", challenger="Ann", bond=7, claim=one, digest=two)
    assert claimed.evidence == CIDS[:1]
    assert said("Challenged", challenger="Ann", bond=7, claim=bytes(32)).evidence == ()
    finding = AttemptFinding(
        model=three, training=two, delivery=bytes(32), evidence=one, amounts=()
    )
    attempt = said("AttemptReported", attempt=1, signers=1, verdicts=0, finding=finding)
    assert attempt.evidence == (CIDS[1], CIDS[0])


def test_what_an_auditor_attests_is_a_document_and_a_report_of_others_is_none() -> None:
    attested = said("AuditAttested", auditor="Ann", approved=True, report=DIGESTS[0])
    assert attested.evidence == CIDS[:1]
    assert said("Paused", report=DIGESTS[0]).evidence == ()
