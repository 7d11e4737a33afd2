"""Step 8, allocation: the pool is divided as signed, and no unit of any fee is lost."""

from __future__ import annotations

import pytest
from expectations import (
    credits_of,
    events,
    held_by,
    only_event,
    quorum_refused,
    refused,
    refused_for_one_of,
)
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import Prices, commitment

from marketplace.chain.market import Market
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import SettlementReport
from marketplace.protocol.units import even_split, largest_remainder


@pytest.fixture
def passed(trade: TradeBuilder) -> TradeBuilder:
    return trade.advance_to(State.PASSED)


def amounts_of(trade: TradeBuilder) -> list[int]:
    return largest_remainder(trade.prices.experts, [5, 0, 3, 2, 1])


def test_everyone_gets_what_the_quote_and_the_report_say(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.PASSED)
    locked = trade.record.escrow
    trade.attest()
    trade.lapse()
    amounts = amounts_of(trade)
    settled, *credited, ended = events(market, trade.settle(amounts=amounts))
    report = SettlementReport(trade.id, 1, trade.experts, tuple(amounts), commitment("settlement"))
    assert settled == (
        "TradeSettled",
        {
            "tradeId": trade.id,
            "experts": list(trade.experts),
            "amounts": amounts,
            "evidence": report.evidence,
            "signatures": trade.quorum(report),
        },
    )
    prices, record = trade.prices, trade.record
    oracle_shares = even_split(prices.oracle, 2)
    expected = [
        *(
            (expert, amount, Purpose.EXPERT)
            for expert, amount in zip(trade.experts, amounts, strict=True)
        ),
        (PARTIES.broker.address, prices.broker, Purpose.BROKER),
        (PARTIES.auditor.address, prices.auditor, Purpose.AUDIT),
        *(
            (signer.address, share, Purpose.ORACLE)
            for signer, share in zip(PARTIES.signers, oracle_shares, strict=False)
        ),
        (PARTIES.treasury.address, record.protocol_fee, Purpose.PROTOCOL),
    ]
    assert [(said["account"], said["amount"], said["purpose"]) for _, said in credited] == [
        entry for entry in expected if entry[1]
    ]
    assert {name for name, _ in credited} == {"Credited"}
    assert ended == ("TradeEnded", {"tradeId": trade.id, "state": State.SETTLED})
    assert sum(entry[1] for entry in expected) == locked
    assert record.escrow == 0
    assert held_by(market, currency) == sum(credits_of(market, currency).values())


def test_zero_contribution_gets_zero(passed: TradeBuilder) -> None:
    passed.lapse()
    passed.settle(amounts=amounts_of(passed))
    assert passed.experts[1] not in credits_of(passed.market)


def test_an_auditor_that_did_not_attest_earns_nothing(passed: TradeBuilder) -> None:
    *_, refunded, _ = events(passed.market, passed.settle_in_time())
    assert (refunded[0], refunded[1]["amount"]) == ("Refunded", passed.prices.auditor)
    assert PARTIES.auditor.address not in credits_of(passed.market)


@pytest.mark.parametrize("approved", [True, False])
def test_the_auditors_fee_does_not_hang_on_its_finding(
    passed: TradeBuilder, approved: bool
) -> None:
    said = only_event(passed.market, passed.attest(approved), "AuditAttested")
    assert said == {
        "tradeId": passed.id,
        "auditor": PARTIES.auditor.address,
        "report": commitment("audit"),
        "approved": approved,
    }
    passed.settle_in_time()
    assert credits_of(passed.market)[PARTIES.auditor.address] == passed.prices.auditor


def test_the_auditor_attests_once_and_nobody_else_does(passed: TradeBuilder) -> None:
    with refused("NotAllowed", PARTIES.buyer.address, PARTIES.auditor.address):
        passed.attest(sender=PARTIES.buyer)
    passed.attest()
    with refused("AlreadyAttested"):
        passed.attest(approved=False)


def test_what_a_dropped_provider_did_not_earn_goes_back(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED).deliver(accepted=0b101)
    trade.gate()
    trade.attempt()
    *_, refunded, _ = events(trade.market, trade.settle_in_time())
    assert refunded[1]["amount"] == trade.prices.auditor + trade.prices.data[1]


def test_a_signer_that_joined_only_one_report_shares_the_fee(trade: TradeBuilder) -> None:
    trade.advance_to(State.DATA_DELIVERED)
    first, second, third = PARTIES.signers
    trade.gate(signers=[second, third])
    trade.attempt(signers=[second, third])
    trade.lapse()
    trade.settle(signers=[second, third])
    shares = even_split(trade.prices.oracle, 3)
    credited = credits_of(trade.market)
    assert [credited[signer.address] for signer in (first, second, third)] == shares


def test_the_buyer_may_end_its_verification_early(passed: TradeBuilder) -> None:
    with refused("DeadlineNotReached", passed.record.deadline):
        passed.settle()
    said = only_event(passed.market, passed.confirm(), "DeliveryConfirmed")
    assert said == {"tradeId": passed.id}
    assert passed.record.deadline == passed.market.node.now() - 1
    passed.settle()
    assert passed.record.state == State.SETTLED


def test_only_the_buyer_confirms_and_only_once(passed: TradeBuilder) -> None:
    with refused("NotAllowed", PARTIES.broker.address, PARTIES.buyer.address):
        passed.confirm(sender=PARTIES.broker)
    passed.confirm()
    with refused("DeadlinePassed", passed.record.deadline):
        passed.confirm()


def test_the_committed_gate_is_what_settles(passed: TradeBuilder) -> None:
    passed.lapse(passed.request.windows.settlement)
    experts, weights = list(passed.experts), list(passed.weights)
    for changed in (
        (experts[::-1], weights),
        (experts, weights[::-1]),
        (experts[:-1], weights[:-1]),
        ([*experts[:-1], PARTIES.stranger.address], weights),
        ([], []),
    ):
        with refused_for_one_of("GateMismatch"):
            passed.settle(experts=changed[0], weights=changed[1], amounts=amounts_of(passed))
        with refused_for_one_of("GateMismatch"):
            passed.settle_by_gate(experts=changed[0], weights=changed[1])


@pytest.mark.parametrize("difference", [-1, 1, 10**18, 2**100])
def test_the_shares_sum_to_the_pool(passed: TradeBuilder, difference: int) -> None:
    passed.lapse()
    pool = passed.prices.experts
    amounts = largest_remainder(pool, passed.weights)
    amounts[2] += difference
    with refused("AllocationMismatch", pool + difference, pool):
        passed.settle(amounts=amounts)


def test_one_amount_belongs_to_each_expert(passed: TradeBuilder) -> None:
    passed.lapse()
    with refused("LengthMismatch", 1, 5):
        passed.settle(amounts=[passed.prices.experts])


def test_what_was_signed_is_what_is_posted(passed: TradeBuilder) -> None:
    passed.lapse()
    amounts = tuple(amounts_of(passed))
    experts = passed.experts
    for signed in (
        SettlementReport(passed.id, 1, experts, amounts[::-1], commitment("settlement")),
        SettlementReport(passed.id, 1, experts, amounts, commitment("other evidence")),
        SettlementReport(passed.id, 2, experts, amounts, commitment("settlement")),
        SettlementReport(commitment("another"), 1, experts, amounts, commitment("settlement")),
    ):
        with quorum_refused():
            passed.settle(amounts=amounts, signatures=passed.quorum(signed))


def test_when_the_committee_falls_silent_the_gate_decides(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.PASSED)
    end = trade.record.deadline + trade.request.windows.settlement
    trade.wait_until(end - 1)
    with refused("DeadlineNotReached", end):
        trade.settle_by_gate()
    trade.wait_until(end)
    (settled, said), *_ = events(market, trade.settle_by_gate())
    amounts = largest_remainder(trade.prices.experts, trade.weights)
    assert settled == "TradeSettled"
    assert said == {
        "tradeId": trade.id,
        "experts": list(trade.experts),
        "amounts": amounts,
        "evidence": bytes(32),
        "signatures": [],
    }
    credited = credits_of(market, currency)
    assert [credited[expert] for expert in trade.experts] == amounts
    assert [credited[s.address] for s in PARTIES.signers[:2]] == even_split(trade.prices.oracle, 2)


def test_the_committee_may_still_settle_when_the_gate_could(passed: TradeBuilder) -> None:
    passed.lapse(passed.request.windows.settlement)
    passed.settle()
    assert passed.record.state == State.SETTLED


def test_confirming_moves_the_gates_clock_as_well(passed: TradeBuilder) -> None:
    passed.confirm()
    passed.lapse(passed.request.windows.settlement)
    passed.settle_by_gate()
    assert passed.record.state == State.SETTLED


def test_an_empty_pool_settles(market: Market) -> None:
    free = Prices(data=(0, 0, 0), experts=0, broker=0, auditor=0, oracle=0)
    trade = TradeBuilder(market, prices=free).advance_to(State.PASSED)
    trade.lapse(trade.request.windows.settlement)
    settled, ended = events(market, trade.settle_by_gate())
    assert settled[1]["amounts"] == [0] * 5
    assert ended[1]["state"] == State.SETTLED
    assert credits_of(market) == {}
