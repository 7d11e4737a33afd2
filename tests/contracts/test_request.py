"""A request freezes the rules of its trade, or is refused for one named reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from expectations import credits_of, events, only_event, refused
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import LONGEST_WINDOW, WINDOWS, commitment

from marketplace.chain.market import Market
from marketplace.protocol.attempts import MAX_ATTEMPTS
from marketplace.protocol.states import State
from marketplace.protocol.terms import LEAST_SETTLEMENT, NATIVE


def test_a_request_is_stored_as_a_status(trade: TradeBuilder) -> None:
    trade.ask()
    status = trade.status
    assert status.state == State.REQUESTED
    assert status.deadline == trade.market.node.now() + WINDOWS.quote
    assert (status.attempts, status.max_attempts) == (0, trade.request.max_attempts)
    assert (status.signers, status.windows) == (0, WINDOWS)
    flags = (status.audited, status.approved, status.challenged, status.overturned)
    assert not any((*flags, status.unjudged))
    assert trade.market.view("digestOf", trade.id) == bytes(32)  # nothing is agreed yet


@pytest.mark.parametrize("state", [state for state in State if state != State.NONE])
def test_the_windows_can_be_read_in_every_state(market: Market, state: State) -> None:
    lengths = {name: 10_000 + number for number, name in enumerate(WINDOWS.as_message())}
    trade = TradeBuilder(market, windows=replace(WINDOWS, **lengths)).advance_to(state)
    assert trade.status.windows.as_message() == lengths


def test_the_event_tells_the_whole_request(trade: TradeBuilder) -> None:
    said = only_event(trade.market, trade.ask(), "ModelRequested")
    request = dict(said.pop("request"))
    windows = dict(request.pop("windows"))
    assert {**request, "windows": windows} == trade.request.as_message()
    parties = {"buyer": trade.request.buyer, "broker": trade.request.broker}
    assert said == {"tradeId": trade.id, **parties}


def test_an_auditor_is_optional(market: Market) -> None:
    TradeBuilder(market, auditor=NATIVE).advance_to(State.REQUESTED)


def test_the_windows_may_be_as_long_as_their_bits_and_as_short_as_the_least(
    market: Market,
) -> None:
    longest = replace(WINDOWS, **dict.fromkeys(WINDOWS.as_message(), LONGEST_WINDOW))
    least = {"review": WINDOWS.review, "settlement": LEAST_SETTLEMENT}
    shortest = replace(WINDOWS, **dict.fromkeys(WINDOWS.as_message(), 1) | least)
    for windows in (longest, shortest):
        trade = TradeBuilder(market, windows=windows).advance_to(State.REQUESTED)
        assert trade.status.windows == windows


INVALID: list[tuple[str, Any]] = [
    ("broker", NATIVE),
    ("budget", 0),
    ("threshold", 0),
    ("threshold", 1_000_001),
    ("max_attempts", 0),
    ("max_attempts", MAX_ATTEMPTS + 1),
    ("min_rows", 0),
    ("validation_rows", 0),
    ("validation_root", bytes(32)),
    ("spec", bytes(32)),
    *(("windows", replace(WINDOWS, **{stage: 0})) for stage in WINDOWS.as_message()),
    ("windows", replace(WINDOWS, settlement=LEAST_SETTLEMENT - 1)),
]


@pytest.mark.parametrize(("field", "value"), INVALID)
def test_an_unusable_field_is_refused_by_name(market: Market, field: str, value: Any) -> None:
    camel_case = {"max_attempts": "maxAttempts", "min_rows": "minRows"}
    camel_case |= {"validation_rows": "validationRows", "validation_root": "validationRoot"}
    with refused("InvalidRequest", camel_case.get(field, field)):
        TradeBuilder(market, **{field: value}).ask()


def test_an_approval_needs_somebody_to_give_it(market: Market) -> None:
    with refused("InvalidRequest", "auditor"):
        TradeBuilder(market, auditor=NATIVE, approval_required=True).ask()


def test_the_cap_may_be_eight(market: Market) -> None:
    trade = TradeBuilder(market, max_attempts=MAX_ATTEMPTS).advance_to(State.REQUESTED)
    assert trade.status.max_attempts == 8


def test_nobody_requests_in_the_name_of_another(trade: TradeBuilder) -> None:
    with refused("NotAllowed", PARTIES.stranger.address, PARTIES.buyer.address):
        trade.ask(sender=PARTIES.stranger)


def test_one_request_makes_one_trade(trade: TradeBuilder) -> None:
    trade.ask()
    with refused("TradeExists", trade.id):
        trade.ask()


@pytest.mark.parametrize("state", [state for state in State if state.final])
def test_a_finished_trade_can_not_be_requested_anew(trade: TradeBuilder, state: State) -> None:
    trade.advance_to(state)
    with refused("TradeExists", trade.id):
        trade.ask()


def test_ids_come_from_content_not_from_a_counter(market: Market) -> None:
    trade = TradeBuilder(market)
    others = [
        TradeBuilder(market, salt="another salt"),
        TradeBuilder(market, budget=1),
        TradeBuilder(market, windows=replace(WINDOWS, settlement=7)),
        TradeBuilder(market, auditor=NATIVE),
        TradeBuilder(market, licence=commitment("another licence")),
    ]
    trades = [trade, *others]
    assert len({each.id for each in trades}) == len(trades)
    for each in trades:
        assert market.view("tradeIdOf", each.request) == each.id


# ------------------------------------------------------------------------- declining


@pytest.mark.parametrize("late", [False, True])
def test_the_buyer_declines_at_no_cost(trade: TradeBuilder, late: bool) -> None:
    trade.ask()
    if late:
        trade.lapse()
    declined, ended = events(trade.market, trade.decline())
    assert declined == ("QuoteDeclined", {"tradeId": trade.id, "quote": commitment("quote")})
    assert ended == ("TradeEnded", {"tradeId": trade.id, "state": State.DECLINED})
    assert trade.status.state == State.DECLINED
    assert credits_of(trade.market) == {}


@pytest.mark.parametrize("other", ["broker", "stranger", "admin", "arbiter"])
def test_only_the_buyer_declines(trade: TradeBuilder, other: str) -> None:
    trade.ask()
    account = getattr(PARTIES, other)
    with refused("NotAllowed", account.address, PARTIES.buyer.address):
        trade.decline(sender=account)
