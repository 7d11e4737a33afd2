"""After the last verdict: who may open which score when, and what a closed one costs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_trade import SMALL, StageAt

from marketplace.chain.market import ReportedAttempt
from marketplace.protocol.agreement import seats_in
from marketplace.protocol.errors import MissingContent, TradeRefused, TransactionReverted
from marketplace.protocol.ids import score_seal
from marketplace.protocol.states import State
from marketplace.protocol.terms import AttemptRecord, Opening
from marketplace.scripted.faults import ClosedSigner
from marketplace.scripted.trade import TradeRun
from offchain.exchange import Exchange
from offchain.oracle.attempt import AttemptProposal, open_evidence, open_reported, score_of
from offchain.oracle.case import Case, passed_attempt
from offchain.oracle.leader import OracleLeader
from offchain.oracle.openings import CLOSED, bears_out, collect_openings, in_seat_order
from offchain.oracle.reports import attempt_report
from offchain.oracle.settling import OracleSettler
from offchain.oracle.signer import NO_DELIVERY, OracleSigner, Verdict
from offchain.storage.cid import cid_of_digest
from offchain.validation import decode_evidence

HARD = replace(SMALL, name="hopeless", threshold=1_000_000, ends=State.FAILED, max_attempts=2)


class Lying(OracleSigner):
    """Reveals a better score than it sealed."""

    def opening(self, trade_id: bytes, attempt: ReportedAttempt) -> Opening:
        found = super().opening(trade_id, attempt)
        return replace(found, score=found.score + 1)


class Bought(OracleSigner):
    """Signs the verdict that it is asked for, over the score that it found."""

    def review_attempt(self, trade_id: bytes, proposal: AttemptProposal) -> Verdict:
        case = self.book.case(trade_id)
        finding, number = proposal.finding, proposal.number
        parts = open_evidence(self.exchange, case, number, finding.training, finding.evidence)
        score = score_of(case, decode_evidence(parts.votes)).ppm
        seal = self._seal(trade_id, number, score)
        report = attempt_report(case, number, finding, proposal.passed, seal)
        return Verdict(seal, self._signed(report))


class Corrupt(OracleLeader):
    """Turns each verdict around."""

    def propose(self, case: Case, number: int, *work: Any) -> AttemptProposal:
        honest = super().propose(case, number, *work)
        agreed = self.market.agreement(case.trade_id)
        others = agreed.gate.experts[1:]
        turned: dict[str, Any] = {"delivery": NO_DELIVERY, "amounts": ()}
        if not honest.passed:
            amounts = (agreed.deal.expert_pool, *(0 for _ in others))
            turned = {"delivery": honest.finding.training, "amounts": amounts}
        return replace(honest, finding=replace(honest.finding, **turned))


def in_place_of(seat: OracleSigner, kind: type[OracleSigner]) -> OracleSigner:
    exchange = Exchange(seat.exchange.store, seat.account, seat.market.encryption_key_of)
    return kind(seat.market, exchange)


def with_second_signer(run: TradeRun, kind: type[OracleSigner]) -> OracleSettler:
    """Settle by the first seat, with the others' seats taken by another kind of signer."""
    first, *others = run.world.signers
    return OracleSettler(first, [in_place_of(seat, kind) for seat in others], run.progress)


def deciding(run: TradeRun) -> ReportedAttempt:
    return run.world.market.agreement(run.trade_id).last_attempt


def pass_window(run: TradeRun, *names: str) -> None:
    windows = run.world.market.status(run.trade_id).windows
    run.world.market.node.advance_time(sum(getattr(windows, name) for name in names) + 1)


def said(run: TradeRun) -> str:
    assert isinstance(run.progress, list)
    return "\n".join(run.progress)


# ------------------------------------------------------------------- settlement


def test_nothing_is_settled_while_anyone_may_challenge(stage: StageAt) -> None:
    run = stage(State.PASSED)
    with pytest.raises(TradeRefused, match=r"review window is open until .* settle in \d+ s"):
        run.leader().settle(run.trade_id)
    assert run.world.market.node.gas_records == []


def test_nothing_is_settled_while_a_challenge_is_open(stage: StageAt) -> None:
    run = stage(State.PASSED)
    run.world.challenger.challenge(run.trade_id, "it is wrong")
    with pytest.raises(TradeRefused, match="the trade is DISPUTED"):
        run.leader().settle(run.trade_id)


def test_settles_with_all_scores_and_the_auditors_word(stage: StageAt) -> None:
    """Anyone with the openings can settle; the auditor needs no transaction of its own."""
    run = stage(State.PASSED)
    market, attempt = run.world.market, deciding(run)
    audit = run.world.auditor.attest(run.trade_id)
    pass_window(run, "review")
    assert run.leader().settle(run.trade_id, audit) == State.SETTLED
    assert [record.step for record in market.node.gas_records] == ["settle"]
    deal = market.agreement(run.trade_id).deal
    assert market.credit_of(run.world.auditor.account.address) == deal.auditor_fee
    opened = market.event(run.trade_id, "ScoresOpened")
    assert opened["opened"] == attempt.record.signers
    case = run.world.signers[0].book.case(run.trade_id)
    parts = open_reported(run.world.signers[0].exchange, case, attempt)
    score = score_of(case, decode_evidence(parts.votes)).ppm
    assert list(opened["scores"]) == [score, score]
    for expert, amount in zip(
        market.agreement(run.trade_id).gate.experts, attempt.finding.amounts, strict=True
    ):
        assert market.credit_of(expert) == amount


def test_an_audit_that_is_on_chain_is_not_handed_in_again(stage: StageAt) -> None:
    run = stage(State.PASSED)
    auditor = run.world.auditor
    audit = auditor.attest(run.trade_id)
    auditor.record(run.trade_id, audit)
    pass_window(run, "review")
    assert run.leader().settle(run.trade_id, audit) == State.SETTLED


def test_scores_open_after_a_crash(stage: StageAt) -> None:
    """A seat that starts anew finds score and salt again, and they are what it sealed."""
    run = stage(State.PASSED, fresh=True)
    attempt, case = deciding(run), run.world.signers[0].book.case(run.trade_id)
    opened = collect_openings(case, attempt, run.world.signers, run.progress)
    for (seat, opening), seal in zip(opened.items(), attempt.record.seals, strict=True):
        signer = case.members[seat]
        assert score_seal(run.trade_id, 1, signer, opening.score, opening.salt) == seal
    pass_window(run, "review")
    assert run.leader().settle(run.trade_id) == State.SETTLED


@pytest.mark.parametrize(
    ("kind", "reason"), [(ClosedSigner, "keeps its score sealed"), (Lying, "not what it sealed")]
)
def test_a_closed_score_holds_the_settlement_up_and_costs_its_signer_the_fee(
    stage: StageAt, kind: type[OracleSigner], reason: str
) -> None:
    run = stage(State.PASSED)
    market, leader = run.world.market, with_second_signer(run, kind)
    case, signers = leader.book.case(run.trade_id), deciding(run).record.signers
    own = case.members.index(leader.signer.address)
    (closed,) = (m for n, m in enumerate(case.members) if signers >> n & 1 and n != own)
    pass_window(run, "review")
    with pytest.raises(TradeRefused, match=f"{closed} didn't open the sealed score"):
        leader.settle(run.trade_id)
    assert f"{closed} does not open its score: " in said(run)
    assert reason in said(run)
    assert market.node.gas_records == []
    pass_window(run, "settlement")
    assert leader.settle(run.trade_id) == State.SETTLED
    opened = market.event(run.trade_id, "ScoresOpened")
    assert opened["opened"] == 1 << own
    paid = [market.credit_of(member) for member in case.members]
    assert paid[case.members.index(closed)] == 0
    fee = market.agreement(run.trade_id).deal.oracle_fee
    assert [amount for amount in paid if amount] == [pytest.approx(fee / 3, abs=1)] * 2


def test_who_is_left_waiting_opens_its_own_score_in_time(stage: StageAt) -> None:
    """A signer whose colleagues settle nothing doesn't depend on them for its fee."""
    run = stage(State.PASSED)
    first, *others = run.world.signers
    alone = OracleSettler(first, [], run.progress)
    with pytest.raises(TransactionReverted, match="DeadlineNotReached"):
        alone.open_deciding_scores(run.trade_id)
    pass_window(run, "review")
    left = alone.open_deciding_scores(run.trade_id)
    assert len(left) == 1
    assert first.address not in left
    with_others = OracleSettler(others[0], others[1:], run.progress)
    assert with_others.open_deciding_scores(run.trade_id) == ()
    assert alone.settle(run.trade_id) == State.SETTLED
    assert run.world.market.credit_of(first.address) > 0


def test_nobody_in_reach_signed(stage: StageAt) -> None:
    run = stage(State.PASSED)
    signed = deciding(run).record.signers
    members = run.world.signers[0].book.case(run.trade_id).members
    (outside,) = (s for s in run.world.signers if not signed >> members.index(s.address) & 1)
    with pytest.raises(TradeRefused, match="no signer in reach opens"):
        OracleSettler(outside, [], run.progress).open_deciding_scores(run.trade_id)
    with pytest.raises(TradeRefused, match="sealed no score"):
        outside.opening(run.trade_id, deciding(run))


# --------------------------------------------------------- attempts that failed


@pytest.fixture
def rejected(stage: StageAt) -> TradeRun:
    """Two attempts have failed, and no more are left."""
    return stage(State.REJECTED, HARD)


def test_used_up_attempts_refund_the_buyer_and_pay_the_judges(rejected: TradeRun) -> None:
    run, market = rejected, rejected.world.market
    pass_window(run, "review")
    assert run.leader().settle(run.trade_id) == State.FAILED
    with pytest.raises(TradeRefused, match="no attempt has passed"):
        passed_attempt(market, run.trade_id)
    assert market.event(run.trade_id, "ScoresOpened")["attempt"] == 2
    deal = market.agreement(run.trade_id).deal
    members = run.world.signers[0].book.case(run.trade_id).members
    assert sum(market.credit_of(member) for member in members) == deal.oracle_fee
    refund = deal.expert_pool + deal.broker_fee + deal.auditor_fee + deal.protocol_fee
    assert market.credit_of(run.world.buyer.account.address) == refund


def test_scores_of_failed_attempts_open_after_the_end_and_once(rejected: TradeRun) -> None:
    run, market = rejected, rejected.world.market
    challenges = market.challenges.functions
    pass_window(run, "review")
    leader = run.leader()
    leader.settle(run.trade_id)
    first, _ = market.agreement(run.trade_id).attempts
    leader.open_failed_scores(run.trade_id)
    assert market.node.call(challenges.settledSeals(run.trade_id, 1)) == first.record.signers
    sent = len(market.node.gas_records)
    assert market.node.gas_records[-1].step == "openScores 1"
    leader.open_failed_scores(run.trade_id)
    assert len(market.node.gas_records) == sent


def test_a_failed_attempts_score_that_stays_closed_is_opened_later(rejected: TradeRun) -> None:
    run, market = rejected, rejected.world.market
    pass_window(run, "review")
    run.leader().settle(run.trade_id)
    first, _ = market.agreement(run.trade_id).attempts
    with_second_signer(run, ClosedSigner).open_failed_scores(run.trade_id)
    settled = market.challenges.functions.settledSeals(run.trade_id, 1)
    assert market.node.call(settled).bit_count() == 1
    run.leader().open_failed_scores(run.trade_id)
    assert market.node.call(settled) == first.record.signers


# -------------------------------------------------------------- a bought verdict


def buy_verdict(run: TradeRun) -> None:
    first, second = (in_place_of(seat, Bought) for seat in run.world.signers[:2])
    Corrupt(first, [second], run.progress).report_attempt(run.trade_id, run.world.experts)


def test_opened_scores_that_contradict_a_pass_refund_the_buyer(stage: StageAt) -> None:
    run = stage(State.GATED, HARD)
    market, deal = run.world.market, run.world.market.agreement(run.trade_id).deal
    buy_verdict(run)
    assert run.state() == State.PASSED
    pass_window(run, "review")
    assert run.leader().settle(run.trade_id) == State.REFUNDED
    fees = deal.broker_fee + deal.auditor_fee + deal.oracle_fee + deal.protocol_fee
    assert market.credit_of(run.world.buyer.account.address) == deal.expert_pool + fees
    members = run.world.signers[0].book.case(run.trade_id).members
    assert [market.credit_of(member) for member in members] == [0, 0, 0]


def test_a_score_against_its_own_verdict_counts_as_closed(stage: StageAt) -> None:
    """The contract refuses such an opening, and with it all others in the same call."""
    run = stage(State.GATED)
    market = run.world.market
    buy_verdict(run)
    assert run.state() == State.GATED
    run.leader().report_attempt(run.trade_id, run.world.experts)
    pass_window(run, "review")
    leader = run.leader()
    assert leader.settle(run.trade_id) == State.SETTLED
    sent = len(market.node.gas_records)
    leader.open_failed_scores(run.trade_id)
    assert len(market.node.gas_records) == sent
    first, _ = market.agreement(run.trade_id).attempts
    case = run.world.signers[0].book.case(run.trade_id)
    opened = collect_openings(case, first, run.world.signers, run.progress)
    assert len(opened) == 2
    assert not any(bears_out(case, first, *found) for found in opened.items())


# --------------------------------------------------------------- who opens when


def test_nobody_opens_while_an_attempt_may_follow(stage: StageAt) -> None:
    run = stage(State.GATED, HARD)
    leader = run.leader()
    leader.report_attempt(run.trade_id, run.world.experts)
    assert run.state() == State.GATED
    for seat in run.world.signers:
        with pytest.raises(TradeRefused, match="GATED, and an attempt may follow"):
            seat.opening(run.trade_id, deciding(run))
    with pytest.raises(TradeRefused, match="GATED, and an attempt may follow"):
        leader.publish(run.trade_id)
    with pytest.raises(MissingContent):
        run.world.store.get(cid_of_digest(deciding(run).finding.evidence))


def test_evidence_of_all_attempts_is_public_from_the_last_verdict_on(rejected: TradeRun) -> None:
    run = rejected
    attempts = run.world.market.agreement(run.trade_id).attempts
    assert len(attempts) == 2
    for attempt in attempts:
        with pytest.raises(MissingContent):
            run.world.store.get(cid_of_digest(attempt.finding.evidence))
    run.leader().publish(run.trade_id)
    for attempt in attempts:
        assert run.world.store.get(cid_of_digest(attempt.finding.evidence))


def test_a_seat_opens_its_own_score_only(stage: StageAt) -> None:
    run = stage(State.PASSED)
    case, attempt = run.world.signers[0].book.case(run.trade_id), deciding(run)
    opened = collect_openings(case, attempt, run.world.signers, run.progress)
    assert len({opening.salt for opening in opened.values()}) == len(attempt.record.seals)
    swapped = replace(attempt, record=replace(attempt.record, seals=attempt.record.seals[::-1]))
    for seat in run.world.signers:
        with pytest.raises(TradeRefused, match="sealed no score"):
            seat.opening(run.trade_id, swapped)


@given(st.integers(1, 2**16 - 1), st.integers(0, 2**16 - 1))
def test_closed_scores_keep_their_place(signers: int, opening: int) -> None:
    opened = {seat: Opening(seat, b"salt".ljust(32)) for seat in seats_in(signers & opening)}
    record = AttemptRecord(1, bytes(32), bytes(32), signers, 0, (bytes(32),) * signers.bit_count())
    openings = in_seat_order(record, opened)
    assert len(openings) == len(record.seals)
    for seat, found in zip(seats_in(signers), openings, strict=True):
        assert found == (opened[seat] if opening >> seat & 1 else CLOSED)
