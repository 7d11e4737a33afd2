"""Work that was delivered in time, and that nobody judged, is paid; work on record too late is not.

One deadline in storage holds two clocks: the first to deliver, the second to judge.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from expectations import (
    credits_of,
    only_event,
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

STAGES = [
    (State.FUNDED, PARTIES.providers[1], WINDOWS.delivery, WINDOWS.judging),
    (State.GATED, PARTIES.experts[1], WINDOWS.training, WINDOWS.validation),
]


def oracle_shares(trade: TradeBuilder, seats: tuple[int, ...]) -> list[tuple[str, int, Purpose]]:
    """Return what those seats are paid for the reports so far."""
    shares = even_split(trade.prices.oracle, len(seats))
    paid = zip(seats, shares, strict=True)
    return [(PARTIES.signers[seat].address, share, Purpose.ORACLE) for seat, share in paid]


def test_a_record_says_who_and_what(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    provider = PARTIES.providers[0]
    said = only_event(trade.market, trade.record_delivery(provider), "WorkDelivered")
    told = {"account": provider.address, "attempts": 0, "commitment": commitment("delivered")}
    assert said == {"tradeId": trade.id, **told}
    assert trade.market.view("deliveryOf", trade.id, provider.address) == 1


@pytest.mark.parametrize(("state", "worker", "work", "judgement"), STAGES)
def test_the_clock_for_work_ends_before_that_for_judgement(
    market: Market, state: State, worker: object, work: int, judgement: int
) -> None:
    trade = TradeBuilder(market).advance_to(state)
    began, deadline = market.node.now(), trade.status.deadline
    assert deadline == began + work + judgement
    due = began + work
    trade.wait_until(due - 1)
    trade.record_delivery(worker)  # type: ignore[arg-type]  # an account
    with refused("DeadlinePassed", due):
        trade.record_delivery(worker)  # type: ignore[arg-type]  # an account
    trade.wait_until(deadline - 1)  # and the judges have until here
    if state == State.FUNDED:
        trade.report_data()
    else:
        trade.attempt()


@pytest.mark.parametrize(
    "state", [state for state in State if state not in (State.FUNDED, State.GATED)]
)
def test_there_is_nothing_to_deliver_in_another_state(trade: TradeBuilder, state: State) -> None:
    trade.advance_to(state)
    with refused("WrongState", state, State.GATED):
        trade.record_delivery(PARTIES.providers[0])


def test_only_those_on_record_are_paid_for_their_data(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.FUNDED)
    first, silent, last = trade.data_quotes
    for provider in (PARTIES.providers[0], PARTIES.providers[2]):
        trade.record_delivery(provider)
    trade.lapse()
    receipt = trade.time_out_delivery()
    assert payments(market, receipt) == [
        (offer.provider, offer.price, Purpose.DATA) for offer in (first, last)
    ]
    assert refund(market, receipt) == trade.price - first.price - last.price
    assert silent.provider not in credits_of(market, currency)
    assert trade.status.unjudged  # so the members' stakes can be touched


def test_only_those_on_record_are_paid_for_their_training(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(State.GATED)
    for seat in (1, 4):
        trade.record_delivery(PARTIES.experts[seat])
    trade.lapse()
    receipt = trade.time_out_training()
    shares = largest_remainder(trade.prices.experts, trade.weights)
    assert payments(market, receipt) == [
        (trade.experts[seat], shares[seat], Purpose.EXPERT) for seat in (1, 4)
    ]
    spent = sum(trade.prices.data) + shares[1] + shares[4]
    assert refund(market, receipt) == trade.price - spent
    assert trade.status.unjudged


def test_a_record_of_an_earlier_attempt_counts_for_that_attempt_only(trade: TradeBuilder) -> None:
    trade.advance_to(State.GATED)
    trade.record_delivery(PARTIES.experts[0])
    trade.fail()
    trade.record_delivery(PARTIES.experts[1])
    trade.lapse()
    (paid,) = payments(trade.market, trade.time_out_training())
    assert paid[0] == trade.experts[1]


def test_a_providers_record_pays_for_no_training(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    everyone = (*PARTIES.providers, *PARTIES.experts)
    for account in everyone:
        trade.record_delivery(account)
    trade.report_data()
    trade.lapse()
    assert payments(trade.market, trade.time_out_training()) == oracle_shares(trade, (0, 1))
    assert not trade.status.unjudged


def test_a_strangers_record_changes_nothing(market: Market) -> None:
    trade = TradeBuilder(market, salt="data").advance_to(State.FUNDED)
    trade.record_delivery(PARTIES.stranger)
    trade.lapse()
    assert payments(market, trade.time_out_delivery()) == []
    assert not trade.status.unjudged
    trade = TradeBuilder(market, salt="training").advance_to(State.GATED)
    trade.record_delivery(PARTIES.stranger)
    trade.lapse()
    assert payments(market, trade.time_out_training()) == oracle_shares(trade, (0, 1))
    assert not trade.status.unjudged


def test_whoever_signed_is_paid_where_no_expert_delivered(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency, max_attempts=3).advance_to(State.FUNDED)
    trade.report_data(seats=(0, 1))
    trade.record_delivery(PARTIES.experts[0])
    trade.attempt(passed=False, seats=(1, 2))
    trade.lapse()
    receipt = trade.time_out_training()
    assert payments(market, receipt) == oracle_shares(trade, (0, 1, 2))
    assert refund(market, receipt) == trade.price - sum(trade.prices.data) - trade.prices.oracle
    assert not trade.status.unjudged


def test_a_delivery_that_earns_nothing_went_unjudged_like_any(market: Market) -> None:
    trade = TradeBuilder(market, prices=Prices(experts=0)).advance_to(State.GATED)
    trade.record_delivery(PARTIES.experts[3])
    trade.lapse()
    assert payments(market, trade.time_out_training()) == []


def test_a_record_does_not_replace_the_judges(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    trade.record_delivery(PARTIES.providers[1])
    trade.report_data(0b101)  # they looked, and it did not open
    assert PARTIES.providers[1].address not in credits_of(trade.market)
    assert trade.status.state == State.GATED


def test_what_was_agreed_is_what_is_refunded(market: Market) -> None:
    trade = TradeBuilder(market, salt="funded").advance_to(State.FUNDED)
    trade.lapse()
    deal, (first, *others) = trade.agreement.deal, trade.agreement.supplies
    with refused_for_one_of("AgreementMismatch"):
        trade.time_out_delivery(deal=replace(deal, buyer=PARTIES.stranger.address))
    with refused_for_one_of("AgreementMismatch"):
        trade.time_out_delivery(supplies=[replace(first, price=2 * first.price), *others])

    trade = TradeBuilder(market, salt="gated").advance_to(State.GATED)
    trade.lapse()
    deal, gate = trade.agreement.deal, trade.agreement.gate
    with refused_for_one_of("AgreementMismatch"):
        trade.time_out_training(deal=replace(deal, broker_fee=2 * deal.broker_fee))
    with refused_for_one_of("AgreementMismatch"):
        trade.time_out_training(gate=replace(gate, weights=gate.weights[::-1]))
    others = replace(trade.judges, members=trade.judges.members[::-1])
    with refused_for_one_of("AgreementMismatch"):
        trade.time_out_training(judges=others)


def test_the_stage_on_record_counts_the_attempts(market: Market) -> None:
    trade = TradeBuilder(market, max_attempts=3).advance_to(State.GATED)
    expert = PARTIES.experts[0]
    for stage in (2, 3):
        trade.record_delivery(expert)
        assert market.view("deliveryOf", trade.id, expert.address) == stage
        trade.fail()
