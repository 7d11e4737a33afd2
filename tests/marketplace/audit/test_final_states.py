"""An honest trade passes, however it ends and however far it has come."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from audited_trade import ROWS_EACH, SKILLED, UNSKILLED, AuditedTrade, Settled
from cast_of_trade import Cast, votes, worth
from courses import (
    declined,
    expired,
    failed,
    failed_in_spite_of_a_challenge,
    refunded_because_a_failure_was_overturned,
    refunded_because_the_scores_contradict_the_verdict,
    refunded_because_the_verdict_was_overturned,
    refunded_with_too_few_rows,
    refunded_with_unjudged_data,
    refunded_with_unjudged_training,
    refunded_without_attempt,
    refunded_without_data,
    settled_after_a_challenge_that_nobody_ruled_on,
    settled_against_the_auditor,
    settled_by_a_majority,
    settled_in_spite_of_a_challenge,
    settled_with_an_attestation_handed_on,
    settled_with_an_attestation_sent_before,
    settled_without_audit,
)

from marketplace.audit import TRADE_CHECKS, Report, audit
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.agreement import price_of
from marketplace.protocol.states import State
from marketplace.protocol.terms import NOBODY
from marketplace.protocol.units import PARTS
from offchain.storage.disk import DiskStore
from offchain.validation import SCALE


def report_on(trade: AuditedTrade, only: bytes | None = None) -> Report:
    web3 = trade.market.node.web3
    head = bytes(web3.eth.get_block("latest")["hash"])
    return audit(web3.provider, trade.market.address, trade.store, trade=only, anchor=head)


def verdicts(report: Report) -> dict[str, str]:
    return {check.name: check.verdict for check in report.checks if check.trade is not None}


# What there is to check after each part of a trade; of the rest a report says nothing.
ASKED = {
    "trade-id",
    "terms",
    "states",
    "roles",
    "documents",
    "fees",
    "sums",
    "stored-status",
    "stored-agreement",
}
FUNDED = {*ASKED, "conflicts", "quote-signatures", "price", "stored-deliveries"}
REPORTED = {*FUNDED, "quorum", "data-payments"}
GATED = {*REPORTED, "gate", "expert-payments"}
TRIED = {
    *GATED,
    "training",
    "attempts",
    "verdicts",
    "validation-commitment",
    "score",
    "seals",
    "stored-seals",
}
PASSED = {*TRIED, "allocation"}
AUDITED = {*PASSED, "audit-signature"}
CHALLENGED = {"dispute", "awards"}
UNMADE = {"no-model"}
EVERYTHING = AUDITED | CHALLENGED


@pytest.mark.parametrize(
    ("play", "state", "checked"),
    [
        (declined, State.DECLINED, ASKED - {"fees"}),
        (expired, State.EXPIRED, ASKED - {"fees"}),
        (refunded_without_data, State.REFUNDED, {*FUNDED, "data-payments"}),
        (refunded_with_unjudged_data, State.REFUNDED, {*FUNDED, "data-payments"} | CHALLENGED),
        (refunded_with_too_few_rows, State.REFUNDED, REPORTED),
        (refunded_without_attempt, State.REFUNDED, GATED),
        (refunded_with_unjudged_training, State.REFUNDED, TRIED | CHALLENGED),
        (failed, State.FAILED, TRIED),
        (settled_without_audit, State.SETTLED, PASSED),
        (settled_against_the_auditor, State.SETTLED, AUDITED),
        (settled_with_an_attestation_sent_before, State.SETTLED, AUDITED),
        (settled_with_an_attestation_handed_on, State.SETTLED, AUDITED),
        (settled_by_a_majority, State.SETTLED, PASSED),
        (settled_in_spite_of_a_challenge, State.SETTLED, PASSED | CHALLENGED),
        (settled_after_a_challenge_that_nobody_ruled_on, State.SETTLED, PASSED | CHALLENGED),
        (failed_in_spite_of_a_challenge, State.FAILED, TRIED | CHALLENGED),
    ],
)
def test_every_ending_passes(
    trade: AuditedTrade,
    play: Callable[[AuditedTrade], None],
    state: State,
    checked: set[str],
) -> None:
    play(trade)
    report = report_on(trade)
    assert verdicts(report) == dict.fromkeys(checked, "passed")
    assert {check.verdict for check in report.checks if check.trade is None} == {"passed"}
    assert [(audited.id, audited.state) for audited in report.trades] == [(trade.name, state.name)]
    assert report.ok


@pytest.mark.parametrize(
    ("play", "contradicts"),
    [
        (refunded_because_the_verdict_was_overturned, {"allocation"}),
        (refunded_because_a_failure_was_overturned, set()),
        (refunded_because_the_scores_contradict_the_verdict, set()),
    ],
)
def test_a_wrong_verdict_that_fell_is_no_objection(
    trade: AuditedTrade, play: Callable[[AuditedTrade], None], contradicts: set[str]
) -> None:
    play(trade)
    report = report_on(trade)
    assert report.trades[0].state == "REFUNDED"
    assert [check for check in report.checks if check.verdict == "failed"] == []
    assert report.ok


def test_a_required_approval_that_was_refused_refunds(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    trade = AuditedTrade(market, store, parties, approval_required=True)
    trade.to_passed()
    trade.attest(approved=False)
    trade.finish()
    report = report_on(trade)
    assert report.trades[0].state == "REFUNDED"
    assert verdicts(report) == dict.fromkeys(AUDITED, "passed")


def test_without_a_required_approval_experts_and_oracles_are_paid_all_the_same(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    trade = AuditedTrade(market, store, parties, approval_required=True)
    trade.to_passed()
    trade.finish()
    report = report_on(trade)
    assert report.trades[0].state == "REFUNDED"
    assert verdicts(report) == dict.fromkeys(PASSED, "passed")


def test_a_trade_may_do_without_an_auditor(market: Market, store: DiskStore, parties: Cast) -> None:
    trade = AuditedTrade(market, store, parties, auditor=NOBODY)
    trade.fees = (trade.fees[0], 0, trade.fees[2])
    trade.to_passed()
    trade.finish()
    report = report_on(trade)
    assert report.trades[0].state == "SETTLED"
    assert verdicts(report) == dict.fromkeys(PASSED, "passed")


def test_a_row_may_leave_experts_out(trade: AuditedTrade) -> None:
    trade.routing = trade.routing.copy()
    trade.routing[0] = (SCALE, 0, 0)
    trade.to_passed()
    trade.finish()
    assert verdicts(report_on(trade)) == dict.fromkeys(PASSED, "passed")


def test_a_settled_trade_meets_every_check(settled: Settled) -> None:
    report = audit(settled.chain, settled.market, settled.store)
    assert verdicts(report) == dict.fromkeys(set(TRADE_CHECKS) - CHALLENGED - UNMADE, "passed")
    names = [check.name for check in report.checks]
    assert len(set(names)) == len(names)


LATE = {"sums", "fees", "expert-payments", "seals"}
"""What can be judged at the end only."""

SEALED = {"validation-commitment", "score", "allocation"}
"""What the evidence would show that opens at the last verdict."""

STEPS: list[tuple[str, Callable[[AuditedTrade], None], set[str]]] = [
    ("REQUESTED", AuditedTrade.ask, ASKED - LATE),
    ("FUNDED", AuditedTrade.accept, FUNDED - LATE),
    ("GATED", AuditedTrade.report_data, GATED - LATE),
    ("GATED", lambda trade: trade.attempt(UNSKILLED), TRIED - LATE - SEALED),
]


def test_a_running_trade_has_nothing_against_it_at_any_step(trade: AuditedTrade) -> None:
    for state, step, passed in STEPS:
        step(trade)
        report = report_on(trade)
        assert report.trades[0].state == state
        assert report.ok
        sealed = SEALED - {"allocation"} if trade.attempts else set()
        assert verdicts(report) == {
            name: "passed" if name in passed else "sealed" if name in sealed else "open"
            for name in TRADE_CHECKS
        }


def test_a_decided_trade_is_recomputed_before_it_is_paid(trade: AuditedTrade) -> None:
    trade.to_passed()
    assert report_on(trade).ok
    trade.publish()
    report = report_on(trade)
    assert verdicts(report) == {
        name: "passed" if name in PASSED - LATE else "open" for name in TRADE_CHECKS
    }


def test_a_disputed_trade_has_nothing_against_it(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.publish()
    trade.challenge()
    report = report_on(trade)
    assert report.trades[0].state == "DISPUTED"
    assert {verdicts(report)[name] for name in CHALLENGED} == {"passed"}
    assert report.ok


def test_earlier_scores_may_be_opened_for_a_while(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.attempt()
    trade.publish()
    trade.lapse()
    trade.settle()
    assert verdicts(report_on(trade))["seals"] == "open"
    trade.lapse()
    trade.penalise_closed_seals()
    report = report_on(trade)
    assert {verdicts(report)[name] for name in CHALLENGED} == {"passed"}
    assert verdicts(report)["seals"] == "missing"


def test_a_signer_that_keeps_its_deciding_score_sealed_goes_without(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(seats=(0, 1, 2))
    trade.publish()
    trade.lapse(trade.request.windows.settlement)
    trade.settle(closed=(1,))
    trade.penalise_closed_seals(-1)
    trade.lapse()
    trade.market.node.advance_time(1)
    trade.withdraw(trade.parties.broker)
    report = report_on(trade)
    assert report.ok
    assert {check.name for check in report.checks if check.verdict == "sealed"} == {"seals"}
    assert report.trades[0].state == "SETTLED"
    assert market_owes(trade, trade.parties.signers[1].address) == 0


def market_owes(trade: AuditedTrade, account: str) -> int:
    return trade.market.credit_of(account, trade.request.currency)


def test_steps_in_the_last_second_of_their_windows_pass(trade: AuditedTrade) -> None:
    trade.ask()
    trade.announce()
    for step in (
        AuditedTrade.accept,
        AuditedTrade.report_data,
        lambda trade: trade.attempt(UNSKILLED),
        AuditedTrade.attempt,
        AuditedTrade.challenge_now,
        AuditedTrade.uphold,
    ):
        trade.last_second()
        step(trade)
    trade.finish()
    assert report_on(trade).ok


def test_deliveries_in_the_last_second_pass(trade: AuditedTrade) -> None:
    windows = trade.request.windows
    trade.to_funded()
    deadline = trade.market.status(trade.id).deadline
    trade.next_block_at(deadline - windows.judging)
    trade.put_on_record(trade.parties.providers[0])
    trade.report_data()
    deadline = trade.market.status(trade.id).deadline
    trade.next_block_at(deadline - windows.validation)
    trade.put_on_record(trade.parties.experts[0])
    trade.first_second_after()
    trade.time_out_training()
    assert report_on(trade).ok


@pytest.mark.parametrize(
    ("steps", "leave"),
    [
        (1, AuditedTrade.expire),
        (2, AuditedTrade.time_out_delivery),
        (3, AuditedTrade.time_out_training),
    ],
)
def test_exits_in_the_first_second_after_the_deadline_pass(
    trade: AuditedTrade, steps: int, leave: Callable[[AuditedTrade], None]
) -> None:
    for _, step, _ in STEPS[:steps]:
        step(trade)
    trade.first_second_after()
    leave(trade)
    assert report_on(trade).ok


def test_settlements_in_the_first_second_pass(
    trade: AuditedTrade, market: Market, store: DiskStore, parties: Cast
) -> None:
    trade.to_passed()
    trade.first_second_after()
    trade.settle()
    other = AuditedTrade(market, store, parties, salt="another")
    other.to_passed()
    other.first_second_after(other.request.windows.settlement)
    other.settle(closed=(1,))
    for ended in (trade, other):
        ended.publish()
    assert report_on(trade).ok


def test_a_quote_accepted_in_its_last_second_passes(trade: AuditedTrade) -> None:
    trade.ask()
    trade.expiry = trade.market.node.now() + 5
    trade.next_block_at(trade.expiry)
    trade.accept()
    assert report_on(trade).ok


def test_rows_and_scores_that_just_suffice_pass(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    enough = sum(ROWS_EACH[:2])
    experts = tuple(expert.address for expert in parties.experts)
    score = math.floor(worth(votes(experts, SKILLED), (0, 1, 2)) * PARTS)
    trade = AuditedTrade(market, store, parties, min_rows=enough, threshold=score)
    trade.to_funded()
    trade.report_data(accepted=0b011)
    trade.attempt()
    trade.finish()
    report = report_on(trade)
    assert report.ok
    assert report.trades[0].state == "SETTLED"


def test_a_budget_of_exactly_the_price_passes(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    probe = AuditedTrade(market, store, parties, salt="for its price")
    probe.to_funded()
    price = price_of(probe.quote, probe.request.fee_bps)[0]
    trade = AuditedTrade(market, store, parties, budget=price)
    trade.to_funded()
    assert report_on(trade).ok


def test_what_is_free_is_not_credited(trade: AuditedTrade) -> None:
    trade.prices, trade.fees = (0, 2, 1), (0, 0, 0)
    trade.to_passed()
    trade.attest()
    trade.finish()
    assert verdicts(report_on(trade)) == dict.fromkeys(AUDITED, "passed")


def test_a_trade_in_a_token_passes(
    market: Market, deployment: Deployment, store: DiskStore, parties: Cast
) -> None:
    assert deployment.token is not None
    trade = AuditedTrade(market, store, parties, currency=deployment.token)
    token = market.node.contract("DevToken", deployment.token)
    market.node.send(parties.buyer, token.functions.mint(parties.buyer.address, 10**18))
    market.node.send(parties.buyer, token.functions.approve(market.address, 10**18))
    trade.to_passed()
    trade.finish()
    trade.withdraw(parties.experts[0])
    report = report_on(trade)
    assert report.ok
    assert {check.verdict for check in report.checks} == {"passed"}


def test_trades_are_audited_together_and_alone(
    trade: AuditedTrade, market: Market, store: DiskStore, parties: Cast
) -> None:
    other = AuditedTrade(market, store, parties, salt="another")
    settled_without_audit(trade)
    declined(other)
    together = report_on(trade)
    alone = report_on(other, only=other.id)
    assert [audited.id for audited in together.trades] == [trade.name, other.name]
    assert [audited.id for audited in alone.trades] == [other.name]
    assert {check.trade for check in alone.checks} == {None, other.name}
    # What is proven about the state is what the checks of the trades looked at.
    assert {c for c in alone.checks if c.name != "state-proofs"} < set(together.checks)
