"""The settlement: the pool is divided as reported, and no unit of any fee is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from expectations import (
    credits_of,
    events,
    held_by,
    payments,
    refund,
    refused,
    refused_for_one_of,
)
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import WINDOWS, Prices, commitment

from marketplace.chain.market import Market
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.units import even_split, largest_remainder


@pytest.fixture
def passed(trade: TradeBuilder) -> TradeBuilder:
    return trade.advance_to(State.PASSED)


def test_everyone_gets_what_the_quote_and_the_report_say(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.PASSED)
    prices = trade.prices
    receipt = trade.settle_in_time(trade.audit())
    oracles = zip(PARTIES.signers, even_split(prices.oracle, 2), strict=False)
    experts = zip(trade.experts, trade.amounts, strict=True)
    paid = payments(market, receipt)
    assert sorted(paid) == sorted(
        [
            *((expert, amount, Purpose.EXPERT) for expert, amount in experts),
            (PARTIES.broker.address, prices.broker, Purpose.BROKER),
            (PARTIES.auditor.address, prices.auditor, Purpose.AUDIT),
            *((signer.address, share, Purpose.ORACLE) for signer, share in oracles),
            (PARTIES.treasury.address, trade.protocol_fee, Purpose.PROTOCOL),
        ]
    )
    assert sum(amount for _, amount, _ in paid) == trade.price - sum(prices.data)
    assert refund(market, receipt) == 0
    assert events(market, receipt)[-1] == (
        "TradeEnded",
        {"tradeId": trade.id, "state": State.SETTLED},
    )
    assert held_by(market, currency) == sum(credits_of(market, currency).values())


def test_nobody_settles_within_the_review_window(passed: TradeBuilder) -> None:
    passed.wait_until(passed.status.deadline - 1)
    with refused("DeadlineNotReached", passed.status.deadline):
        passed.settle()
    passed.wait_until(passed.status.deadline)
    passed.settle()


def test_zero_contribution_gets_zero(market: Market) -> None:
    trade = TradeBuilder(market).advance_to(State.GATED)
    amounts = largest_remainder(trade.prices.experts, [5, 0, 3, 2, 1])
    finding = replace(trade.attempt_finding(1, passed=True), amounts=tuple(amounts))
    trade.attempt(finding=finding)
    trade.settle_in_time()
    credited = credits_of(market)
    assert [credited.get(expert, 0) for expert in trade.experts] == amounts


def test_an_auditor_that_did_not_report_earns_nothing(passed: TradeBuilder) -> None:
    receipt = passed.settle_in_time()
    assert refund(passed.market, receipt) == passed.prices.auditor
    assert PARTIES.auditor.address not in credits_of(passed.market)


def test_what_a_dropped_provider_did_not_earn_goes_back(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED).report_data(0b101)
    trade.attempt()
    receipt = trade.settle_in_time(trade.audit())
    assert refund(trade.market, receipt) == trade.prices.data[1]


def test_a_signer_of_any_report_shares_the_fee(trade: TradeBuilder) -> None:
    trade.advance_to(State.GATED)  # the first two signed
    trade.attempt(seats=(1, 2))
    trade.settle_in_time()
    shares = even_split(trade.prices.oracle, 3)
    credited = credits_of(trade.market)
    assert [credited[signer.address] for signer in PARTIES.signers] == shares


def test_the_last_fail_pays_judges_and_auditor_and_refunds_the_rest(
    market: Market, currency: str
) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.REJECTED)
    receipt = trade.settle_in_time(trade.audit(approved=False))
    prices = trade.prices
    oracles = zip(PARTIES.signers, even_split(prices.oracle, 2), strict=False)
    assert sorted(payments(market, receipt)) == sorted(
        [
            (PARTIES.auditor.address, prices.auditor, Purpose.AUDIT),
            *((signer.address, share, Purpose.ORACLE) for signer, share in oracles),
        ]
    )
    spent = prices.auditor + prices.oracle + sum(prices.data)
    assert refund(market, receipt) == trade.price - spent
    assert trade.status.state == State.FAILED


def test_what_was_decided_is_what_settles(passed: TradeBuilder) -> None:
    passed.lapse()
    agreed, last = passed.agreement, passed.agreement.last_attempt
    deal, gate, judges = agreed.deal, agreed.gate, passed.judges
    stranger = PARTIES.stranger.address
    for change in (
        {"amounts": last.finding.amounts[::-1]},
        {"amounts": ()},
        {"deal": replace(deal, buyer=stranger)},
        {"deal": replace(deal, broker=stranger)},
        {"deal": replace(deal, auditor=stranger)},
        {"deal": replace(deal, threshold=1)},
        {"deal": replace(deal, approval_required=True)},
        {"deal": replace(deal, currency=stranger)},
        {"gate": replace(gate, dropped=1)},
        {"gate": replace(gate, experts=gate.experts[::-1])},
        {"gate": replace(gate, experts=(*gate.experts[:-1], stranger))},
        {"gate": replace(gate, weights=gate.weights[::-1])},
        {"judges": replace(judges, members=judges.members[::-1])},
        {"judges": replace(judges, threshold=1)},
        {"record": replace(last.record, delivery=commitment("another"))},
        {"record": replace(last.record, model=commitment("another"))},
    ):
        with refused_for_one_of("AgreementMismatch"):
            passed.settle(**change)  # type: ignore[arg-type]  # mypy can't see through the union


def test_the_shares_of_another_trade_do_not_settle_this(market: Market) -> None:
    one = TradeBuilder(market, salt="one").advance_to(State.PASSED)
    other = TradeBuilder(market, salt="other", prices=Prices(experts=7)).advance_to(State.PASSED)
    other.lapse()
    other.course = one.course
    with refused_for_one_of("AgreementMismatch"):
        other.settle()


def test_an_empty_pool_settles(market: Market) -> None:
    free = Prices(data=(0, 0, 0), experts=0, broker=0, auditor=0, oracle=0)
    trade = TradeBuilder(market, prices=free).advance_to(State.PASSED)
    names = [name for name, _ in events(market, trade.settle_in_time())]
    assert names == ["ScoresOpened", "TradeEnded"]
    assert credits_of(market) == {}


def test_the_seals_of_earlier_attempts_have_a_clock_from_the_end(passed: TradeBuilder) -> None:
    passed.settle_in_time()
    assert passed.status.deadline == passed.market.node.now() + WINDOWS.settlement


# ---------------------------------------------------------------------------- the audit


@pytest.mark.parametrize("state", [State.PASSED, State.REJECTED, State.DISPUTED])
@pytest.mark.parametrize("approved", [True, False])
def test_the_auditor_reports_once_the_verdict_is_there(
    trade: TradeBuilder, state: State, approved: bool
) -> None:
    trade.advance_to(state)
    audit = replace(trade.audit(approved), signature=b"")
    ((name, said),) = events(trade.market, trade.attest(audit))
    assert name == "AuditAttested"
    report = {"report": commitment("audit"), "approved": approved}
    assert said == {"tradeId": trade.id, "auditor": PARTIES.auditor.address, **report}
    assert (trade.status.audited, trade.status.approved) == (True, approved)


@pytest.mark.parametrize("approved", [True, False])
def test_the_auditors_fee_does_not_hang_on_its_finding(
    passed: TradeBuilder, approved: bool
) -> None:
    passed.settle_in_time(passed.audit(approved))
    assert passed.status.state == State.SETTLED
    assert credits_of(passed.market)[PARTIES.auditor.address] == passed.prices.auditor


@pytest.mark.parametrize(("approved", "end"), [(True, State.SETTLED), (False, State.REFUNDED)])
@pytest.mark.parametrize("beforehand", [True, False])
def test_where_approval_is_required_a_rejection_refunds_the_buyer(
    market: Market, approved: bool, end: State, beforehand: bool
) -> None:
    trade = TradeBuilder(market, approval_required=True).advance_to(State.PASSED)
    audit = trade.audit(approved)
    if beforehand:
        trade.attest(audit, sender=PARTIES.stranger)
        receipt = trade.settle_in_time()
    else:
        receipt = trade.settle_in_time(audit)
    assert trade.status.state == end
    prices = trade.prices
    if not approved:  # the judges did their work, and so did the auditor
        purposes = {why for *_, why in payments(market, receipt)}
        assert purposes == {Purpose.AUDIT, Purpose.ORACLE}
        spent = prices.auditor + prices.oracle + sum(prices.data)
        assert refund(market, receipt) == trade.price - spent


def test_without_a_required_approval_who_worked_is_paid_and_nothing_is_settled(
    market: Market,
) -> None:
    trade = TradeBuilder(market, approval_required=True).advance_to(State.PASSED)
    receipt = trade.settle_in_time()
    assert trade.status.state == State.REFUNDED
    prices = trade.prices
    assert {why for *_, why in payments(market, receipt)} == {Purpose.EXPERT, Purpose.ORACLE}
    spent = prices.experts + prices.oracle + sum(prices.data)
    assert refund(market, receipt) == trade.price - spent


def test_a_rejection_pays_no_expert_for_want_of_an_approval(market: Market) -> None:
    trade = TradeBuilder(market, approval_required=True).advance_to(State.REJECTED)
    receipt = trade.settle_in_time()
    assert trade.status.state == State.FAILED
    assert {why for *_, why in payments(market, receipt)} == {Purpose.ORACLE}


def test_the_auditor_reports_once_and_nobody_else_does(passed: TradeBuilder) -> None:
    auditor = PARTIES.auditor.address
    unsigned = replace(passed.audit(), signature=b"")
    with refused("BadSignature", auditor):
        passed.attest(unsigned, sender=PARTIES.buyer)
    with refused("BadSignature", auditor):
        passed.attest(passed.audit(by=PARTIES.buyer), sender=PARTIES.buyer)
    with refused("BadSignature", auditor):  # signed the other finding
        passed.attest(replace(passed.audit(), approved=False), sender=PARTIES.buyer)
    passed.attest()
    with refused("AlreadyAttested"):
        passed.attest(passed.audit(approved=False))
    passed.lapse()
    with refused("AlreadyAttested"):
        passed.settle(audit=passed.audit())
    passed.settle()


def test_the_audit_of_one_trade_is_none_of_another(market: Market) -> None:
    one = TradeBuilder(market, salt="one").advance_to(State.PASSED)
    other = TradeBuilder(market, salt="other").advance_to(State.PASSED)
    with refused("BadSignature", PARTIES.auditor.address):
        other.attest(one.audit(), sender=PARTIES.stranger)


def test_without_an_auditor_nobody_attests(market: Market) -> None:
    nobody = "0x" + "0" * 40
    trade = TradeBuilder(market, auditor=nobody).advance_to(State.PASSED)
    for audit in (trade.audit(), replace(trade.audit(), signature=b"")):
        with refused("BadSignature", nobody):
            trade.attest(audit, sender=PARTIES.stranger)
    receipt = trade.settle_in_time()
    assert refund(market, receipt) == trade.prices.auditor
