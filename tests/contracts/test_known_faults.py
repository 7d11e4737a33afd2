"""Faults that other escrows and marketplaces were found with, each tried on these contracts.

Faults that a whole file is about are tested there: fees on transfer, false returns,
blocked payees and reentrancy in `test_hostile_tokens`, rounding in `test_splits`,
silence in `test_exits`, a ledger that the log can't rebuild in `test_random_trades`,
signatures used twice in `test_signatures`, a pausing operator in `test_operator`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from expectations import credits_of, held_by, refused
from parties import PARTIES, ascending
from trade_builder import TradeBuilder
from trade_terms import Prices

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE

SOURCES = Path(__file__).parents[2] / "contracts" / "src"


@pytest.mark.parametrize("state", [State.REQUESTED, State.DATA_REQUESTED])
def test_a_trade_that_was_never_funded_refunds_nothing_of_others(
    market: Market, state: State
) -> None:
    other = TradeBuilder(market, salt="somebody else's").advance_to(State.FUNDED)
    unfunded = TradeBuilder(market, salt="never funded").advance_to(state)
    unfunded.lapse()
    unfunded.time_out()
    assert credits_of(market) == {}
    assert held_by(market) == other.record.escrow > 0


@pytest.mark.parametrize("final", [state for state in State if state.final])
def test_nothing_is_paid_twice(market: Market, final: State) -> None:
    TradeBuilder(market, salt="somebody else's").advance_to(State.FUNDED)
    trade = TradeBuilder(market).advance_to(final)
    paid = credits_of(market)
    trade.wait_until(market.node.now() + 10**6)
    for again in (trade.time_out, trade.settle, trade.settle_by_gate, trade.decline, trade.fail):
        with pytest.raises(Exception, match="the trade is in another state"):
            again()
    assert credits_of(market) == paid


def test_after_the_last_deadline_delivered_data_stays_paid(trade: TradeBuilder) -> None:
    trade.advance_to(State.GATED)
    trade.lapse()
    trade.time_out()
    market, price = trade.market, trade.prices.data[0]
    assert market.credit_of(PARTIES.providers[0].address) == price


def test_a_silent_judge_does_not_make_delivered_work_free(trade: TradeBuilder) -> None:
    trade.advance_to(State.PASSED)
    with refused("WrongState", State.PASSED, State.GATED):
        trade.time_out()
    trade.lapse(trade.request.windows.settlement)
    trade.settle_by_gate()
    paid = credits_of(trade.market)
    assert sum(paid[expert] for expert in trade.experts) == trade.prices.experts


@pytest.mark.parametrize("pool", [1, 7, 100, 101])
def test_odd_amounts_leave_no_dust_behind(market: Market, pool: int) -> None:
    prices = Prices(data=(1, 1, 1), experts=pool, broker=1, auditor=1, oracle=7)
    thirds = (333_334, 333_333, 333_333)
    trade = TradeBuilder(market, prices=prices, weights=thirds).advance_to(State.PASSED)
    trade.lapse(trade.request.windows.settlement)
    trade.settle_by_gate()
    assert trade.record.escrow == 0
    assert held_by(market) == sum(credits_of(market).values())


def test_the_most_payees_settle_within_one_transaction(market: Market) -> None:
    thirty_two = [payee.address for payee in ascending("payee", 32)]
    weights = [31_250] * 32
    trade = TradeBuilder(market).advance_to(State.DATA_DELIVERED)
    trade.gate(experts=thirty_two, weights=weights)
    trade.attempt()
    trade.lapse(trade.request.windows.settlement)
    receipt = trade.settle_by_gate(experts=thirty_two, weights=weights)
    assert trade.record.state == State.SETTLED
    assert receipt["gasUsed"] < 4_000_000  # a quarter of the most that one transaction may use


def test_a_step_costs_the_same_however_many_trades_are_open(market: Market) -> None:
    def gas_of_delivery(salt: str) -> int:
        trade = TradeBuilder(market, salt=salt).advance_to(State.FUNDED)
        return int(trade.deliver()["gasUsed"])

    gas_of_delivery("so that all credits were written before")
    alone = gas_of_delivery("alone")
    for number in range(12):
        TradeBuilder(market, salt=f"open {number}").advance_to(State.REQUESTED)
    crowded = gas_of_delivery("crowded")
    assert abs(crowded - alone) < 200  # zero bytes in signatures and ids cost less


def test_terms_are_fixed_when_the_request_is_made(market: Market) -> None:
    trade = TradeBuilder(market).advance_to(State.REQUESTED)
    asked = trade.record
    market.send(PARTIES.admin, "setFee", 1_000, PARTIES.stranger.address)
    market.node.send(
        PARTIES.admin,
        market.committee.functions.rotate([PARTIES.stranger.address], 1),
    )
    trade.ask_for_data()
    trade.accept()
    trade.deliver()
    trade.gate()
    trade.fail()
    trade.attempt()
    trade.settle_in_time()
    ended = trade.record
    for field in (
        "buyer",
        "broker",
        "auditor",
        "currency",
        "treasury",
        "threshold",
        "max_attempts",
        "min_rows",
        "validation_root",
        "validation_rows",
        "budget",
        "fee_bps",
        "committee_version",
        "windows",
    ):
        assert getattr(ended, field) == getattr(asked, field)


def test_a_score_is_not_taken_from_just_anyone(trade: TradeBuilder) -> None:
    trade.advance_to(State.GATED)
    for insider in ("buyer", "broker", "auditor", "admin"):
        account = getattr(PARTIES, insider)
        with pytest.raises(Exception, match=r"committee|ascending order"):
            trade.attempt(signers=[PARTIES.signers[0], account])


def test_the_commitment_to_the_test_set_can_not_be_left_out(market: Market) -> None:
    with refused("InvalidRequest", "validationRoot"):
        TradeBuilder(market, validation_root=bytes(32)).ask()


def test_ids_come_from_content_not_from_a_counter(market: Market) -> None:
    trade = TradeBuilder(market)
    others = [
        TradeBuilder(market, salt="another salt"),
        TradeBuilder(market, budget=1),
        TradeBuilder(market, windows=replace(trade.request.windows, quote=7)),
        TradeBuilder(market, auditor=NATIVE),
    ]
    assert len({other.id for other in [trade, *others]}) == 5
    assert market.view("tradeIdOf", trade.request) == trade.id


@pytest.mark.parametrize("forbidden", ["tx.origin", "selfdestruct", "delegatecall", "blockhash"])
def test_no_source_uses(forbidden: str) -> None:
    for source in SOURCES.rglob("*.sol"):
        code = re.sub(r"//[^\n]*|/\*.*?\*/", "", source.read_text(), flags=re.DOTALL)
        assert forbidden not in code, source.name
