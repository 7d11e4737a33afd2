"""The auditor attests what the sealed evidence bears out, and never tells a score."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from small_trade import SMALL, StageAt, collude, fresh_run

from marketplace.protocol.documents import Attestation, TrainingRecord
from marketplace.protocol.errors import StoreUnreachable, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import Attempt
from marketplace.roles.auditor import Auditor
from marketplace.scripted.trade import TradeRun
from offchain.exchange import Exchange
from offchain.oracle.attempt import EvidenceParts, open_reported
from offchain.oracle.case import passed_attempt
from offchain.storage.cid import cid_of, digest_of
from offchain.storage.ipfs import IpfsStore
from offchain.validation import Evidence, decode_evidence, encode_evidence


def attested(run: TradeRun) -> tuple[bool, Attestation]:
    event = run.world.market.event(run.trade_id, "AuditAttested")
    document = run.world.auditor.exchange.read(Attestation, bytes(event["report"]))
    return bool(event["approved"]), document


def test_approves_what_the_evidence_bears_out(stage: StageAt) -> None:
    run = stage(State.PASSED)
    found = run.world.auditor.attest(run.trade_id)
    assert attested(run) == (True, found)
    assert found.approved
    assert not re.search(r"\d", found.finding)


def reported(run: TradeRun, honest: TradeRun, parts: EvidenceParts, payload: bytes) -> Attempt:
    """An attempt whose digests fit the given parts, and whose sealed payload is given."""
    seat = run.world.signers[0]
    case = seat.book.case(run.trade_id)
    sealed = seat.exchange.seal(payload, run.trade_id, "evidence/1", case.evidence_readers)
    training = seat.exchange.publish(TrainingRecord(trade=case.name, trainings=(), evidence=sealed))
    document = parts.document(case, 1, training)
    return replace(
        passed_attempt(honest.world.market, honest.trade_id).report,
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
    assert attested(run) == (False, found)
    assert finding in found.finding


def test_attests_once_and_as_itself(stage: StageAt) -> None:
    run = stage(State.PASSED)
    world = run.world
    blocks = sorted(vars(world.store)["path"].rglob("*"))
    impostor = Auditor(world.market, world.broker.exchange)
    with pytest.raises(TradeRefused, match="has nothing to attest"):
        impostor.attest(run.trade_id)
    assert sorted(vars(world.store)["path"].rglob("*")) == blocks
    world.auditor.attest(run.trade_id)
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
    assert not run.world.market.trade(run.trade_id).audited


def test_without_leave_to_read_it_attests_nothing(tmp_path: Path) -> None:
    run = fresh_run(SMALL, tmp_path)
    run.trade_id = run.world.buyer.request(replace(run.commission(), auditor_reads=False))
    while run.state() != State.PASSED:
        run.step()
    with pytest.raises(TradeRefused, match="keeps the evidence sealed from its auditor"):
        run.world.auditor.attest(run.trade_id)
    assert not run.world.market.trade(run.trade_id).audited
