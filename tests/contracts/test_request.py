"""Step 1: a request freezes the rules of its trade, or is refused for one named reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from expectations import only_event, refused
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import FEE_BPS, WINDOWS

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE

YEAR = 365 * 24 * 3600


def test_a_request_is_stored_as_it_was_made(trade: TradeBuilder) -> None:
    trade.ask()
    record, request = trade.record, trade.request
    assert record.state == State.REQUESTED
    for field in (
        "buyer",
        "broker",
        "auditor",
        "currency",
        "budget",
        "threshold",
        "max_attempts",
        "min_rows",
        "validation_rows",
        "validation_root",
        "windows",
    ):
        assert getattr(record, field) == getattr(request, field)
    assert record.deadline == trade.market.node.now() + request.windows.quote
    assert (record.committee_version, record.fee_bps) == (1, FEE_BPS)
    assert record.treasury == PARTIES.treasury.address
    assert (record.attempts, record.signers, record.audited, record.escrow) == (0, 0, False, 0)


def test_the_event_tells_the_whole_request_and_what_governs_it(trade: TradeBuilder) -> None:
    said = only_event(trade.market, trade.ask(), "ModelRequested")
    request = dict(said.pop("request"))
    windows = dict(request.pop("windows"))
    assert {**request, "windows": windows} == trade.request.as_message()
    assert said == {
        "tradeId": trade.id,
        "buyer": trade.request.buyer,
        "broker": trade.request.broker,
        "committeeVersion": 1,
        "feeBps": FEE_BPS,
        "treasury": PARTIES.treasury.address,
    }


def test_an_auditor_is_optional(market: Market) -> None:
    trade = TradeBuilder(market, auditor=NATIVE).advance_to(State.REQUESTED)
    assert trade.record.auditor == NATIVE


def test_the_windows_may_be_as_long_as_a_year_and_as_short_as_a_second(market: Market) -> None:
    longest = replace(WINDOWS, **dict.fromkeys(WINDOWS.as_message(), YEAR))
    shortest = replace(WINDOWS, **dict.fromkeys(WINDOWS.as_message(), 1))
    for windows in (longest, shortest):
        assert TradeBuilder(market, windows=windows).advance_to(State.REQUESTED).record.deadline


INVALID: list[tuple[str, Any]] = [
    ("broker", NATIVE),
    ("budget", 0),
    ("threshold", 0),
    ("threshold", 1_000_001),
    ("max_attempts", 0),
    ("min_rows", 0),
    ("validation_rows", 0),
    ("validation_root", bytes(32)),
    *(
        ("windows", replace(WINDOWS, **{stage: length}))
        for stage in WINDOWS.as_message()
        for length in (0, YEAR + 1)
    ),
]


@pytest.mark.parametrize(("field", "value"), INVALID)
def test_an_unusable_field_is_refused_by_name(market: Market, field: str, value: Any) -> None:
    camel_case = {"max_attempts": "maxAttempts", "min_rows": "minRows"}
    camel_case |= {"validation_rows": "validationRows", "validation_root": "validationRoot"}
    with refused("InvalidRequest", camel_case.get(field, field)):
        TradeBuilder(market, **{field: value}).ask()


def test_nobody_requests_in_the_name_of_another(trade: TradeBuilder) -> None:
    with refused("NotAllowed", PARTIES.stranger.address, PARTIES.buyer.address):
        trade.ask(sender=PARTIES.stranger)


@pytest.mark.parametrize("role", ["buyer", "broker"])
def test_the_auditor_is_neither_buyer_nor_broker(market: Market, role: str) -> None:
    account = getattr(PARTIES, role).address
    with refused("ConflictOfRoles", account):
        TradeBuilder(market, auditor=account).ask()


def test_one_request_makes_one_trade(trade: TradeBuilder) -> None:
    trade.ask()
    with refused("TradeExists", trade.id):
        trade.ask()


@pytest.mark.parametrize("state", [state for state in State if state.final])
def test_a_finished_trade_can_not_be_requested_anew(trade: TradeBuilder, state: State) -> None:
    trade.advance_to(state)
    with refused("TradeExists", trade.id):
        trade.ask()


def test_another_salt_makes_another_trade(market: Market) -> None:
    one, other = TradeBuilder(market, salt="one"), TradeBuilder(market, salt="other")
    one.ask()
    other.ask()
    assert one.id != other.id


def test_without_a_committee_nothing_can_be_requested(market: Market) -> None:
    node = market.node
    committee = node.deploy(PARTIES.admin, "OracleCommittee", PARTIES.admin.address)
    empty = node.deploy(
        PARTIES.admin,
        "ModelMarket",
        PARTIES.admin.address,
        committee.address,
        FEE_BPS,
        PARTIES.treasury.address,
    )
    with refused("NoCommittee"):
        TradeBuilder(Market(node, empty.address)).ask()
