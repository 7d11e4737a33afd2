"""What the operator can change: new requests only, and never the money of a running trade."""

from __future__ import annotations

import pytest
from expectations import credits_of, only_event, refused
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import FEE_BPS

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE

ADMIN, STRANGER = PARTIES.admin, PARTIES.stranger


def test_a_pause_stops_new_requests_only(market: Market) -> None:
    trade = TradeBuilder(market).advance_to(State.FUNDED)
    said = only_event(market, market.send(ADMIN, "pauseRequests", True), "RequestsPaused")
    assert said == {"paused": True}
    with refused("RequestsArePaused"):
        TradeBuilder(market, salt="later").ask()
    trade.deliver()
    trade.gate()
    trade.attempt()
    trade.settle_in_time()
    market.send(PARTIES.broker, "withdraw", NATIVE, PARTIES.broker.address)
    market.send(ADMIN, "pauseRequests", False)
    TradeBuilder(market, salt="later").ask()


def test_a_pause_blocks_no_refund(market: Market) -> None:
    trade = TradeBuilder(market).advance_to(State.FUNDED)
    price = trade.record.escrow
    market.send(ADMIN, "pauseRequests", True)
    trade.lapse()
    trade.time_out()
    market.send(PARTIES.buyer, "withdraw", NATIVE, STRANGER.address)
    assert credits_of(market) == {}
    assert price > 0


def test_a_fee_counts_for_trades_requested_afterwards(market: Market) -> None:
    trade = TradeBuilder(market).advance_to(State.DATA_REQUESTED)
    said = only_event(market, market.send(ADMIN, "setFee", 1_000, STRANGER.address), "FeeChanged")
    assert said == {"feeBps": 1_000, "treasury": STRANGER.address}
    trade.accept()
    record = trade.record
    parts = record.escrow - record.protocol_fee
    assert (record.fee_bps, record.treasury) == (FEE_BPS, PARTIES.treasury.address)
    assert record.protocol_fee == parts * FEE_BPS // 10_000

    trade.deliver()
    trade.gate()
    trade.attempt()
    trade.settle_in_time()
    assert market.credit_of(PARTIES.treasury.address) == record.protocol_fee
    assert market.credit_of(STRANGER.address) == 0

    later = TradeBuilder(market, salt="later").advance_to(State.FUNDED).record
    assert (later.fee_bps, later.treasury) == (1_000, STRANGER.address)
    assert later.protocol_fee == parts // 10


def test_there_may_be_no_fee(market: Market) -> None:
    market.send(ADMIN, "setFee", 0, PARTIES.treasury.address)
    trade = TradeBuilder(market).advance_to(State.SETTLED)
    assert PARTIES.treasury.address not in credits_of(market)
    assert trade.record.protocol_fee == 0


def test_a_fee_above_ten_percent_is_refused(market: Market) -> None:
    with refused("FeeTooHigh", 1_001):
        market.send(ADMIN, "setFee", 1_001, PARTIES.treasury.address)


def test_fees_need_a_receiver(market: Market) -> None:
    with refused("ZeroReceiver"):
        market.send(ADMIN, "setFee", 100, NATIVE)


def test_a_market_starts_under_the_same_rules(market: Market) -> None:
    arguments = (ADMIN.address, market.committee.address)
    with refused("FeeTooHigh", 1_001):
        market.node.deploy(ADMIN, "ModelMarket", *arguments, 1_001, PARTIES.treasury.address)
    with refused("ZeroReceiver"):
        market.node.deploy(ADMIN, "ModelMarket", *arguments, 1_000, NATIVE)
    with refused("OwnableInvalidOwner", NATIVE):
        market.node.deploy(ADMIN, "ModelMarket", NATIVE, arguments[1], 0, ADMIN.address)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("pauseRequests", [True]),
        ("setFee", [0, STRANGER.address]),
        ("transferOwnership", [STRANGER.address]),
        ("renounceOwnership", []),
    ],
)
def test_nobody_else_operates(market: Market, function: str, arguments: list[object]) -> None:
    with refused("OwnableUnauthorizedAccount", STRANGER.address):
        market.send(STRANGER, function, *arguments)


@pytest.mark.parametrize("contract", ["market", "committee"])
def test_ownership_moves_in_two_steps(market: Market, contract: str) -> None:
    functions = (market.contract if contract == "market" else market.committee).functions
    market.node.send(ADMIN, functions.transferOwnership(STRANGER.address))
    assert market.node.call(functions.owner()) == ADMIN.address
    with refused("OwnableUnauthorizedAccount", PARTIES.buyer.address):
        market.node.send(PARTIES.buyer, functions.acceptOwnership())
    market.node.send(STRANGER, functions.acceptOwnership())
    assert market.node.call(functions.owner()) == STRANGER.address


def test_the_operator_has_no_way_to_the_money(market: Market) -> None:
    TradeBuilder(market).advance_to(State.FUNDED)
    changing = {
        item["name"]
        for item in market.contract.abi
        if item["type"] == "function" and item["stateMutability"] not in ("view", "pure")
    }
    of_the_operator = {"pauseRequests", "setFee", "transferOwnership", "renounceOwnership"}
    of_the_trade = {
        "requestModel",
        "requestData",
        "acceptQuote",
        "declineQuote",
        "deliverData",
        "commitGate",
        "reportAttempt",
        "confirmDelivery",
        "attestAudit",
        "settle",
        "settleByGate",
        "timeout",
        "openScores",
        "withdraw",
        "acceptOwnership",
    }
    assert changing == of_the_operator | of_the_trade  # a new function needs a test of its own
    with refused("NothingToWithdraw", ADMIN.address, NATIVE):
        market.send(ADMIN, "withdraw", NATIVE, ADMIN.address)


def test_views_of_an_unknown_trade_are_empty(market: Market, trade: TradeBuilder) -> None:
    assert market.trade(trade.id).state == State.NONE
    price, fee = market.view("priceOf", trade.quote)
    assert fee == 0  # an unknown trade has no fee yet
    assert price > 0
    assert market.node.call(market.contract.functions.committee()) == market.committee.address
