"""The report on the data: what was delivered is paid, and too little of it ends the trade."""

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
    seat_refused,
)
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import WINDOWS, Prices, commitment

from marketplace.chain.market import Market
from marketplace.protocol.agreement import gated_digest
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.units import even_split

ALL = 0b111


@pytest.fixture
def funded(trade: TradeBuilder) -> TradeBuilder:
    return trade.advance_to(State.FUNDED)


def test_each_provider_is_paid_its_price(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.FUNDED)
    receipt = trade.report_data()
    (reported, said), (credited, money) = events(market, receipt)
    finding = trade.data_finding()
    assert reported == "DataReported"
    shown = dict(said.pop("report"))
    assert (tuple(shown["experts"]), tuple(shown["weights"])) == (finding.experts, finding.weights)
    assert shown["accepted"] == ALL
    assert shown["dataEvidence"] == finding.data_evidence
    assert shown["gateEvidence"] == finding.gate_evidence
    signed = {"signers": 0b011, "signatures": trade.quorum(trade.data_report(finding))}
    assert said == {"tradeId": trade.id, "dropped": 0, **signed}
    assert (credited, money["tradeId"], money["currency"]) == ("Credited", trade.id, currency)
    paid = [(data.provider, data.price, Purpose.DATA) for data in trade.data_quotes]
    assert payments(market, receipt) == paid
    assert credits_of(market, currency) == {data.provider: data.price for data in trade.data_quotes}
    assert held_by(market, currency) == trade.price  # credits stay until they are withdrawn


def test_the_clock_of_the_first_attempt_starts(funded: TradeBuilder) -> None:
    funded.report_data()
    status = funded.status
    assert (status.state, status.signers) == (State.GATED, 0b011)
    until = funded.market.node.now() + WINDOWS.training + WINDOWS.validation
    assert status.deadline == until
    agreed = funded.agreement
    digest = gated_digest(funded.request.committee, agreed.deal, agreed.gate)
    assert funded.market.view("digestOf", funded.id) == digest


def test_a_dropped_providers_price_stays_in_the_escrow(funded: TradeBuilder) -> None:
    first, dropped, last = funded.data_quotes
    receipt = funded.report_data(0b101)  # 700 rows of at least 600
    assert credits_of(funded.market) == {first.provider: first.price, last.provider: last.price}
    (_, said), *_ = events(funded.market, receipt)
    assert said["dropped"] == dropped.price


def test_free_data_makes_no_entry(market: Market) -> None:
    trade = TradeBuilder(market, prices=Prices(data=(0, 0, 0))).advance_to(State.FUNDED)
    assert [name for name, _ in events(market, trade.report_data())] == ["DataReported"]


@pytest.mark.parametrize("accepted", [0b000, 0b001, 0b110])  # 0, 500 and 500 rows of 600
def test_with_too_few_rows_the_buyer_gets_all_but_the_judges_fee(
    market: Market, currency: str, accepted: int
) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.FUNDED)
    receipt = trade.report_data(accepted)
    fee = trade.prices.oracle
    judges = zip(PARTIES.signers, even_split(fee, 2), strict=False)
    assert payments(market, receipt) == [
        (judge.address, share, Purpose.ORACLE) for judge, share in judges
    ]
    assert refund(market, receipt) == trade.price - fee
    assert trade.status.state == State.REFUNDED
    assert held_by(market, currency) == sum(credits_of(market, currency).values())


def test_too_few_rows_come_without_a_gate(funded: TradeBuilder) -> None:
    with_gate = replace(funded.data_finding(), accepted=0b001)
    with refused("TooMany", 5, 0):
        funded.report_data(finding=with_gate)


def test_exactly_enough_rows_are_enough(market: Market) -> None:
    trade = TradeBuilder(market, min_rows=700).advance_to(State.FUNDED)
    trade.report_data(0b101)
    assert trade.status.state == State.GATED


def test_one_row_too_few_is_too_few(market: Market) -> None:
    trade = TradeBuilder(market, min_rows=701).advance_to(State.FUNDED)
    trade.report_data(0b101)
    assert trade.status.state == State.REFUNDED


def test_rows_are_counted_without_overflow(market: Market) -> None:
    most = 2**32 - 1
    trade = TradeBuilder(market, rows=(most, most, most), min_rows=most).advance_to(State.FUNDED)
    trade.report_data()
    assert trade.status.state == State.GATED


def test_a_late_report_is_refused(funded: TradeBuilder) -> None:
    funded.lapse()
    with refused("DeadlinePassed", funded.status.deadline):
        funded.report_data()


def test_data_that_nobody_offered_is_not_accepted(funded: TradeBuilder) -> None:
    for accepted in (0b1000, 0b1111, 1 << 255):
        finding = replace(funded.data_finding(), accepted=accepted)
        with refused("UnknownDelivery", accepted):
            funded.report_data(finding=finding)


def test_what_was_agreed_is_what_counts(funded: TradeBuilder) -> None:
    first, second, third = funded.agreement.supplies
    for supplies in (
        [replace(first, price=first.price + 1), second, third],
        [replace(first, rows=10**6), second, third],
        [replace(first, provider=PARTIES.stranger.address), second, third],
        [first, second],
        [second, first, third],
        [],
    ):
        with refused_for_one_of("AgreementMismatch"):
            funded.report_data(0, supplies=supplies)
    deal = funded.agreement.deal
    for change in (
        {"buyer": PARTIES.stranger.address},
        {"min_rows": 1},
        {"expert_pool": deal.expert_pool + 1},
        {"oracle_fee": deal.oracle_fee + 1},
        {"protocol_fee": 0},
        {"treasury": PARTIES.stranger.address},
    ):
        with refused_for_one_of("AgreementMismatch"):
            funded.report_data(deal=replace(deal, **change))


def test_only_the_frozen_committee_reports(funded: TradeBuilder) -> None:
    judges = funded.judges
    strangers = tuple(each.address for each in PARTIES.experts[:3])
    for other in (
        replace(judges, threshold=1),
        replace(judges, members=judges.members[:2]),
        replace(judges, members=strangers),
        replace(judges, version=2),
    ):
        with refused_for_one_of("AgreementMismatch"):
            funded.report_data(judges=other)


def test_what_was_signed_is_what_is_posted(funded: TradeBuilder) -> None:
    posted = funded.data_finding()
    swapped = (posted.weights[1], posted.weights[0], *posted.weights[2:])
    for change in (
        {"accepted": 0b011},
        {"weights": swapped},
        {"experts": tuple(reversed(posted.experts))},
        {"data_evidence": commitment("other evidence")},
        {"gate_evidence": commitment("other evidence")},
    ):
        signed = funded.data_report(replace(posted, **change))
        with seat_refused():
            funded.report_data(signatures=funded.quorum(signed))
    said = funded.data_report(posted)
    for change in ({"trade_id": commitment("another trade")}, {"committee_version": 2}):
        with seat_refused():
            funded.report_data(signatures=funded.quorum(replace(said, **change)))
