"""What of the sealed evidence has to be there, and what nobody asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from audited_trade import AuditedTrade, Settled
from cases import case_of

from marketplace.audit.archive import Archive, Unavailable
from marketplace.audit.auditor import replayed
from marketplace.audit.checks.attempts import over_attempts
from marketplace.audit.evidence import TradeEvidence
from marketplace.audit.records import ReportedAttempt
from marketplace.audit.report import Finding
from marketplace.audit.trade import Trade
from marketplace.protocol.documents import Sealed
from offchain.storage.cid import cid_of, digest_of

GONE = Sealed(ciphertext=cid_of(b"never stored"), envelope=cid_of(b"nor this"))


def told(trade: AuditedTrade) -> Trade:
    market = trade.market
    return replayed(market.node.web3.provider, market.address).trades[trade.id]


def evidence_of(trade: AuditedTrade) -> TradeEvidence:
    return TradeEvidence(told(trade), Archive(trade.store))


def test_what_was_refused_needs_no_dataset(trade: AuditedTrade) -> None:
    trade.never_delivered = (2,)
    trade.to_funded()
    trade.report_data(accepted=0b011)
    evidence_of(trade).sealed_datasets()


def test_what_was_accepted_was_delivered(trade: AuditedTrade) -> None:
    trade.never_delivered = (1,)
    trade.to_funded()
    trade.report_data(accepted=0b111)
    with pytest.raises(Unavailable) as gap:
        evidence_of(trade).sealed_datasets()
    provider = trade.parties.providers[1].address
    assert (gap.value.verdict, gap.value.why) == ("failed", f"{provider} delivered nothing")


def test_evidence_that_was_sealed_is_still_there(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.sealed_evidence = trade.seal("evidence")
    trade.attempt(4)
    trade.sealed_evidence = GONE
    trade.attempt()
    evidence = evidence_of(trade)
    first, last = told(trade).attempts
    evidence.sealed_evidence(first)
    with pytest.raises(Unavailable) as gap:
        evidence.sealed_evidence(last)
    assert gap.value.verdict == "missing"


def test_evidence_that_was_never_sealed_is_nowhere(trade: AuditedTrade) -> None:
    trade.to_passed()
    (attempt,) = told(trade).attempts
    evidence_of(trade).sealed_evidence(attempt)


def test_a_specification_without_a_task(trade: AuditedTrade) -> None:
    trade.ask()
    asked = told(trade)
    honest = TradeEvidence(asked, Archive(trade.store))
    wrong = honest.specification().model_copy(update={"task": {"metric": "beauty"}})
    digest = digest_of(trade.store.put(wrong.to_bytes()))
    asked.request = replace(asked.request, spec=digest)
    with pytest.raises(Unavailable, match=r"^the specification has no task: ") as gap:
        TradeEvidence(asked, Archive(trade.store)).task()
    assert gap.value.verdict == "failed"


@pytest.mark.parametrize("gap", [1, 2])
def test_a_fault_of_one_attempt_counts_beside_a_gap_of_another(settled: Settled, gap: int) -> None:
    case = case_of(settled.trade, settled.chain)

    def faults(attempt: ReportedAttempt) -> Iterator[str]:
        if attempt.number == gap:
            raise Unavailable("missing", "it is gone")
        yield "it is wrong"

    def gaps(attempt: ReportedAttempt) -> Iterator[str]:
        yield from () if attempt.number != gap else faults(attempt)

    found = over_attempts(case, faults, lambda: "all is well")
    assert found == Finding("failed", f"attempt {3 - gap}: it is wrong")
    found = over_attempts(case, gaps, lambda: "all is well")
    assert found == Finding("missing", "nothing could be recomputed: it is gone")


def test_without_a_model_there_is_nothing_to_score(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.publish()
    (attempt,) = told(trade).attempts
    evidence = evidence_of(trade)
    assert evidence.attempt_evidence(attempt).attempt == 1
    finding = replace(attempt.finding, model=attempt.finding.evidence)
    with pytest.raises(Unavailable) as gap:
        evidence.attempt_evidence(replace(attempt, finding=finding))
    assert (gap.value.verdict, gap.value.why) == ("missing", "attempt 1 had no model to score")
