"""The auditor attests what the sealed evidence bears out, and never tells a score."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from small_trade import SMALL, StageAt, collude, fresh_run

from marketplace.protocol.agreement import record_hash
from marketplace.protocol.documents import Attestation, TrainingRecord
from marketplace.protocol.errors import StoreUnreachable, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import AttemptFinding, AuditFinding, AuditReport
from marketplace.protocol.typed_data import signer_of
from marketplace.roles.auditor import Auditor
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.scripted.trade import TradeRun
from offchain.exchange import Exchange
from offchain.oracle.attempt import EvidenceParts, open_reported
from offchain.oracle.case import passed_attempt
from offchain.storage.cid import cid_of, digest_of
from offchain.storage.ipfs import IpfsStore
from offchain.validation import Evidence, decode_evidence, encode_evidence


def document_of(run: TradeRun, finding: AuditFinding) -> Attestation:
    """What was published with a finding, once its signature was looked at."""
    record = record_hash(run.world.market.agreement(run.trade_id).last_attempt.record)
    report = AuditReport(run.trade_id, record, finding.report, finding.approved)
    auditor = run.world.auditor
    signer = signer_of(run.world.market.domain, report, finding.signature)
    assert signer == auditor.account.address
    return auditor.exchange.read(Attestation, finding.report)


def test_approves_what_the_evidence_bears_out(stage: StageAt) -> None:
    run = stage(State.PASSED)
    found = run.world.auditor.attest(run.trade_id)
    document = document_of(run, found)
    assert found.approved
    assert document.approved
    assert not re.search(r"\d", document.finding)


def test_a_finding_put_on_record_is_paid_without_a_second_word(stage: StageAt) -> None:
    run = stage(State.PASSED)
    market, auditor = run.world.market, run.world.auditor
    found = auditor.attest(run.trade_id)
    auditor.record(run.trade_id, found)
    event = market.event(run.trade_id, "AuditAttested")
    assert (event["approved"], bytes(event["report"])) == (True, found.report)
    market.node.advance_time(seconds_to_exit(market, run.trade_id))
    end_trade(market, run.world.stranger, run.trade_id)
    fee = market.agreement(run.trade_id).deal.auditor_fee
    assert market.credit_of(auditor.account.address) == fee


def reported(
    run: TradeRun, honest: TradeRun, parts: EvidenceParts, payload: bytes
) -> AttemptFinding:
    """An attempt whose digests fit the given parts, and whose sealed payload is given."""
    seat = run.world.signers[0]
    case = seat.book.case(run.trade_id)
    sealed = seat.exchange.seal(payload, run.trade_id, "evidence/1", case.evidence_readers)
    training = seat.exchange.publish(TrainingRecord(trade=case.name, trainings=(), evidence=sealed))
    document = parts.document(case, 1, training)
    return replace(
        passed_attempt(honest.world.market, honest.trade_id).finding,
        training=training,
        evidence=digest_of(cid_of(document.to_bytes())),
    )


def worst(votes: Evidence) -> Evidence:
    """Votes that name the other class in every row."""
    return Evidence(votes.experts, votes.predictions[:, :, ::-1].copy(), votes.gates)


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ("another verdict", "the votes earn another verdict"),
        ("other labels", "opened labels are not those"),
        ("other bytes", "not the evidence of the report"),
        ("unreadable", "evidence is not readable"),
        ("fewer rows", "the votes are about 149 rows and 2 classes, not 150 and 2"),
    ],
)
def test_refuses_altered_evidence(stage: StageAt, fault: str, finding: str) -> None:
    """A colluding quorum reports a pass; the auditor opens the evidence and says no."""
    run, honest = stage(State.GATED, store_of=State.PASSED), stage(State.PASSED)
    seat = honest.world.signers[0]
    true = open_reported(
        seat.exchange,
        seat.book.case(honest.trade_id),
        passed_attempt(honest.world.market, honest.trade_id),
    )
    votes = decode_evidence(true.votes)
    cut = Evidence(votes.experts, votes.predictions[:, 1:].copy(), votes.gates[1:].copy())
    parts = {
        "another verdict": EvidenceParts(encode_evidence(worst(votes)), true.openings),
        "other labels": EvidenceParts(true.votes, true.openings.replace(b"[0,", b"[1,")),
        "fewer rows": EvidenceParts(encode_evidence(cut), true.openings),
    }.get(fault, true)
    payload = {
        "other bytes": EvidenceParts(true.votes + b" ", true.openings).to_bytes(),
        "unreadable": b"no evidence",
    }.get(fault, parts.to_bytes())
    collude(run, reported(run, honest, parts, payload))
    found = run.world.auditor.attest(run.trade_id)
    assert not found.approved
    assert finding in document_of(run, found).finding


def test_attests_once_and_as_itself(stage: StageAt) -> None:
    run = stage(State.PASSED)
    world = run.world
    blocks = sorted(vars(world.store)["path"].rglob("*"))
    impostor = Auditor(world.market, world.broker.exchange)
    with pytest.raises(TradeRefused, match="has nothing to attest"):
        impostor.attest(run.trade_id)
    assert sorted(vars(world.store)["path"].rglob("*")) == blocks
    world.auditor.record(run.trade_id, world.auditor.attest(run.trade_id))
    with pytest.raises(TradeRefused, match="has nothing to attest"):
        world.auditor.attest(run.trade_id)


@pytest.mark.parametrize("state", [State.GATED, State.SETTLED], ids=lambda state: state.name)
def test_attests_between_pass_and_settlement_only(stage: StageAt, state: State) -> None:
    run = stage(state)
    with pytest.raises(TradeRefused, match=f"the trade is {state.name}"):
        run.world.auditor.attest(run.trade_id)


def test_its_own_failure_says_nothing_about_the_trade(stage: StageAt) -> None:
    run = stage(State.PASSED)
    auditor = run.world.auditor
    cut_off = Exchange(
        IpfsStore("http://127.0.0.1:9"), auditor.account, run.world.market.encryption_key_of
    )
    with pytest.raises(StoreUnreachable):
        Auditor(run.world.market, cut_off).attest(run.trade_id)
    assert not run.world.market.status(run.trade_id).audited


def test_without_leave_to_read_it_attests_nothing(tmp_path: Path) -> None:
    run = fresh_run(SMALL, tmp_path)
    run.trade_id = run.world.buyer.request(replace(run.commission(), auditor_reads=False))
    while run.state() != State.PASSED:
        run.step()
    with pytest.raises(TradeRefused, match="keeps the evidence sealed from its auditor"):
        run.world.auditor.attest(run.trade_id)
    assert not run.world.market.status(run.trade_id).audited
