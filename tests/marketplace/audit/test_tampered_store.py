"""One stored file at a time altered, lost or exchanged, and what the audit says of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from audited_trade import AuditedTrade, Settled
from tampering import LyingNode, changing, objections

from marketplace.audit import Report, audit
from marketplace.protocol.documents import AttemptEvidence, GateManifest
from marketplace.protocol.errors import StoreUnreachable
from marketplace.protocol.terms import DataFinding
from offchain.storage.cid import cid_of_digest
from offchain.storage.disk import DiskStore

VOTES = {"score?", "seals?", "training?", "allocation?"}
LABELS = {"validation-commitment?", "score?", "seals?", "allocation?"}


def reported(trade: AuditedTrade) -> DataFinding:
    assert trade.data is not None
    return trade.data


def attempt_evidence(trade: AuditedTrade) -> AttemptEvidence:
    finding = trade.attempts[1].finding
    return AttemptEvidence.from_bytes(trade.store.get(cid_of_digest(finding.evidence)))


def gate_manifest(trade: AuditedTrade) -> str:
    return cid_of_digest(reported(trade).gate_evidence)


def routing(trade: AuditedTrade) -> str:
    return GateManifest.from_bytes(trade.store.get(gate_manifest(trade))).routing


def attestation(trade: AuditedTrade) -> str:
    event = trade.market.event(trade.id, "AuditAttested")
    return cid_of_digest(bytes(event["report"]))


PLACES: dict[str, tuple[Callable[[AuditedTrade], str], set[str]]] = {
    "specification": (lambda trade: cid_of_digest(trade.request.spec), VOTES),
    "data need": (lambda trade: cid_of_digest(trade.quote.data_request), set()),
    "data manifest": (lambda trade: cid_of_digest(reported(trade).data_evidence), set()),
    "gate manifest": (gate_manifest, {"gate?", "training?"}),
    "routing array": (routing, {"gate?"}),
    "training record": (
        lambda trade: cid_of_digest(trade.attempts[1].finding.training),
        {"training?"},
    ),
    "delivery manifest": (lambda trade: cid_of_digest(trade.attempts[1].finding.delivery), set()),
    "evidence": (lambda trade: cid_of_digest(trade.attempts[1].finding.evidence), VOTES | LABELS),
    "votes": (lambda trade: attempt_evidence(trade).votes, VOTES),
    "opened labels": (lambda trade: attempt_evidence(trade).openings, LABELS),
    "attestation": (attestation, set()),
}


@pytest.fixture
def copy(settled: Settled, tmp_path: Path) -> DiskStore:
    """The evidence of the settled trade, to be spoiled."""
    return DiskStore(shutil.copytree(settled.store.path, tmp_path / "store"))


def block(store: DiskStore, cid: str) -> Path:
    return store.path / "blocks" / cid


def audited(settled: Settled, store: DiskStore) -> Report:
    return audit(settled.chain, settled.market, store)


def detail(report: Report) -> str:
    return next(check.detail for check in report.objections if check.name == "documents")


@pytest.mark.parametrize("what", PLACES)
def test_a_missing_document_is_missing_and_never_passed(
    settled: Settled, copy: DiskStore, what: str
) -> None:
    where, dependents = PLACES[what]
    block(copy, where(settled.trade)).unlink()
    report = audited(settled, copy)
    assert objections(report) == {"documents?", *dependents}
    assert what in detail(report)
    assert not report.ok


@pytest.mark.parametrize("what", PLACES)
def test_an_altered_byte_is_named(settled: Settled, copy: DiskStore, what: str) -> None:
    where, dependents = PLACES[what]
    path = block(copy, where(settled.trade))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    report = audited(settled, copy)
    assert objections(report) == {"documents", *dependents}
    assert what in detail(report)


class GullibleStore(DiskStore):
    """Returns whatever lies under a name, as a careless gateway does."""

    def get(self, cid: str, *, limit: int = 0) -> bytes:
        return block(self, cid).read_bytes()


@pytest.mark.parametrize("what", PLACES)
def test_the_store_is_not_trusted_to_check_its_bytes(
    settled: Settled, copy: DiskStore, what: str
) -> None:
    where, dependents = PLACES[what]
    other = "votes" if what == "data need" else "data need"
    stranger = block(copy, PLACES[other][0](settled.trade)).read_bytes()
    block(copy, where(settled.trade)).write_bytes(stranger)
    report = audited(settled, GullibleStore(copy.path))
    assert objections(report) == {"documents", *dependents}
    assert "hash" in detail(report)


def test_an_empty_store_leaves_only_what_the_chain_proves(settled: Settled, tmp_path: Path) -> None:
    report = audited(settled, DiskStore(tmp_path / "nothing"))
    assert objections(report) == {"documents?", "gate?", *VOTES, *LABELS}
    assert not [check for check in report.checks if check.verdict == "failed"]


@pytest.mark.parametrize(
    ("event", "which", "place", "change", "objection"),
    [
        ("AttemptReported", 1, (1, 4, 0), lambda amount: amount + 1, "allocation"),
        ("AttemptReported", 1, (1, 4), lambda amounts: amounts[1:], "allocation"),
        ("DataReported", 0, (0, 2, 0), lambda weight: weight + 1, "gate"),
        ("DataReported", 0, (0, 2), lambda w: [0, w[0] + w[1], w[2]], "gate"),
        ("DataReported", 0, (0, 2), lambda w: [w[0], w[1] + w[2]], "gate"),
        ("DataReported", 0, (0, 1), lambda experts: experts[::-1], "gate"),
    ],
)
def test_sums_and_lists_are_checked_without_any_evidence(
    settled: Settled,
    tmp_path: Path,
    event: str,
    which: int,
    place: tuple[int, ...],
    change: Callable[[Any], Any],
    objection: str,
) -> None:
    node = LyingNode(settled.chain, changing(event, place, change, which))
    found = objections(audit(node, settled.market, DiskStore(tmp_path / "nothing")))
    assert {objection, "quorum"} <= found


@pytest.mark.parametrize(
    ("what", "event", "place"),
    [
        ("data need", "QuoteAccepted", (0, 1)),
        ("data manifest", "DataReported", (0, 3)),
        ("gate manifest", "DataReported", (0, 4)),
        ("training record of attempt 2", "AttemptReported", (1, 1)),
        ("delivery manifest of attempt 2", "AttemptReported", (1, 2)),
        ("evidence of attempt 2", "AttemptReported", (1, 3)),
        ("attestation", "AuditAttested", (0,)),
    ],
)
def test_what_the_log_names_is_a_document_of_its_kind(
    settled: Settled, what: str, event: str, place: tuple[int, ...]
) -> None:
    last = len(settled.trade.attempts) - 1 if event == "AttemptReported" else 0
    alter = changing(event, place, settled.trade.request.licence, last)
    report = audit(LyingNode(settled.chain, alter), settled.market, settled.store)
    assert f"{what}: these bytes are not" in detail(report)


@pytest.mark.parametrize("which", [0, 1])
def test_a_fault_in_one_attempt_outweighs_what_another_lacks(
    settled: Settled, copy: DiskStore, which: int
) -> None:
    block(copy, cid_of_digest(settled.trade.attempts[which].finding.evidence)).unlink()
    alter = changing("ScoresOpened", (2, 0), lambda score: score + 1, which)
    report = audit(LyingNode(settled.chain, alter), settled.market, copy)
    assert "seals" in objections(report)


def test_more_than_a_document_s_bytes_are_not_read(settled: Settled, copy: DiskStore) -> None:
    asked = []

    class Watched(DiskStore):
        def get(self, cid: str, *, limit: int = 0) -> bytes:
            asked.append(limit)
            return super().get(cid, limit=limit)

    assert audited(settled, Watched(copy.path)).ok
    assert set(asked) == {256 * 1024, 512 * 1024 * 1024}


def test_a_store_that_does_not_answer_is_an_error_and_no_verdict(settled: Settled) -> None:
    class Unreachable(DiskStore):
        def get(self, cid: str, *, limit: int = 0) -> bytes:
            raise StoreUnreachable("the daemon does not answer", "start it")

    with pytest.raises(StoreUnreachable):
        audited(settled, Unreachable(settled.store.path))
