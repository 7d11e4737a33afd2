"""Steps 2 and 4, declining: the broker takes a request up, the buyer may walk away."""

from __future__ import annotations

import pytest
from expectations import credits_of, events, only_event, refused
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import commitment

from marketplace.protocol.states import State


def test_the_broker_says_what_data_it_needs(trade: TradeBuilder) -> None:
    trade.ask()
    deadline = trade.record.deadline
    said = only_event(trade.market, trade.ask_for_data(), "DataRequested")
    assert said == {"tradeId": trade.id, "dataSpec": commitment("data need")}
    assert trade.record.state == State.DATA_REQUESTED
    assert trade.record.deadline == deadline  # one clock runs from request to acceptance


@pytest.mark.parametrize("other", ["buyer", "auditor", "stranger", "admin"])
def test_only_the_named_broker_takes_a_request_up(trade: TradeBuilder, other: str) -> None:
    trade.ask()
    account = getattr(PARTIES, other)
    with refused("NotAllowed", account.address, PARTIES.broker.address):
        trade.ask_for_data(sender=account)


def test_a_lapsed_request_is_not_taken_up(trade: TradeBuilder) -> None:
    trade.ask()
    trade.lapse()
    with refused("DeadlinePassed", trade.record.deadline):
        trade.ask_for_data()


@pytest.mark.parametrize("state", [State.REQUESTED, State.DATA_REQUESTED])
@pytest.mark.parametrize("late", [False, True])
def test_the_buyer_declines_at_no_cost(trade: TradeBuilder, state: State, late: bool) -> None:
    trade.advance_to(state)
    if late:
        trade.lapse()
    declined, ended = events(trade.market, trade.decline())
    assert declined == ("QuoteDeclined", {"tradeId": trade.id, "quote": commitment("quote")})
    assert ended == ("TradeEnded", {"tradeId": trade.id, "state": State.DECLINED})
    assert trade.record.state == State.DECLINED
    assert credits_of(trade.market) == {}


@pytest.mark.parametrize("other", ["broker", "stranger", "admin"])
def test_only_the_buyer_declines(trade: TradeBuilder, other: str) -> None:
    trade.advance_to(State.DATA_REQUESTED)
    account = getattr(PARTIES, other)
    with refused("NotAllowed", account.address, PARTIES.buyer.address):
        trade.decline(sender=account)
