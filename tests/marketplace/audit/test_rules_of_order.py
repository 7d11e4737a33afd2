"""The rules of order one by one: what may be paid, how a trade may end, what comes out of turn.

An honest trade is put in each state by hand, since no contract comes to the wrong ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from audited_trade import UNSKILLED, AuditedTrade
from eth_utils.crypto import keccak
from telling import told

from marketplace.audit.abi import Event
from marketplace.audit.auditor import replayed
from marketplace.audit.chain import open_chain
from marketplace.audit.digests import NOTHING
from marketplace.audit.records import Disputed, Ruled
from marketplace.audit.replay import closed_seals_penalised, failed_scores_opened, replay
from marketplace.audit.rpc import Rpc
from marketplace.audit.rules import may_end, may_pay, may_refund
from marketplace.audit.trade import Trade
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import NATIVE

DEADLINE = 1_000
RUNNING = [state for state in State if state is not State.NONE and not state.final]
FINAL = [state for state in State if state.final]


def put(trade: Trade, state: State, **changes: Any) -> Trade:
    """Put a trade in a state whose deadline is `DEADLINE`, by a step of another transaction."""
    usual = {"deadline": DEADLINE, "step": ("another step", NOTHING), "ended_from": None}
    return replace(trade, state=state, **{**usual, **changes})


def at(timestamp: int, name: str = "Credited", **values: Any) -> Event:
    return told(name, timestamp, **values)


def reported(trade: Trade, event: Event, accepted: int) -> Trade:
    """Let the transaction of an event report which supplies came."""
    assert trade.data is not None
    finding = replace(trade.data.finding, accepted=accepted)
    data, step = replace(trade.data, finding=finding), ("DataReported", event.log.transaction)
    return replace(trade, data=data, step=step)


# ------------------------------------------------------------------------ payments

ALL = set(Purpose)
PAYABLE: dict[State, set[Purpose]] = {
    State.FUNDED: {Purpose.DATA},
    State.GATED: {Purpose.EXPERT, Purpose.ORACLE},
    State.PASSED: ALL - {Purpose.DATA},
    State.REJECTED: {Purpose.ORACLE, Purpose.AUDIT},
}
"""What may be paid for once the deadline is over, by `docs/protocol.md`, numbers that pay."""


@pytest.mark.parametrize("state", [*RUNNING, *FINAL])
def test_what_may_be_paid_for_in_a_state(honest: Trade, state: State) -> None:
    trade = put(honest, state)
    payable = {each for each in Purpose if may_pay(trade, at(DEADLINE + 1), each)}
    assert payable == PAYABLE.get(state, set())
    assert not any(may_pay(trade, at(DEADLINE), each) for each in Purpose)


@pytest.mark.parametrize("state", [State.PASSED, State.REJECTED])
def test_an_auditor_that_did_not_attest_is_not_paid(honest: Trade, state: State) -> None:
    trade = put(honest, state, attestations=[])
    payable = {each for each in Purpose if may_pay(trade, at(DEADLINE + 1), each)}
    assert payable == PAYABLE[state] - {Purpose.AUDIT}


@pytest.mark.parametrize(
    ("state", "accepted", "payable"),
    [
        (State.GATED, 0b111, {Purpose.DATA}),
        (State.FUNDED, 0b100, {Purpose.ORACLE}),
        (State.GATED, 0b100, set()),  # a second report, which is out of order
        (State.REFUNDED, 0b100, set()),
    ],
)
def test_a_report_on_data_pays_at_once(
    honest: Trade, state: State, accepted: int, payable: set[Purpose]
) -> None:
    trade = reported(put(honest, state), at(1), accepted)
    assert {each for each in Purpose if may_pay(trade, at(1), each)} == payable
    assert may_refund(trade, at(1)) is (Purpose.ORACLE in payable)


@pytest.mark.parametrize("state", [*RUNNING, *FINAL])
def test_a_buyer_is_refunded_what_it_locked_once_time_is_over(honest: Trade, state: State) -> None:
    trade = put(honest, state)
    assert may_refund(trade, at(DEADLINE + 1)) is not state.final
    assert not may_refund(trade, at(DEADLINE))
    assert not may_refund(replace(trade, locked=[]), at(DEADLINE + 1))


# ----------------------------------------------------------------------------- ends


@pytest.mark.parametrize("state", RUNNING)
def test_how_a_trade_may_end(honest: Trade, state: State) -> None:
    """Nobody has closed a score, so nothing waits longer than the deadline."""
    trade = put(honest, state)
    ends = {each for each in FINAL if may_end(trade, at(DEADLINE + 1), each)}
    assert (
        ends
        == {
            State.REQUESTED: {State.EXPIRED},
            State.FUNDED: {State.REFUNDED},
            State.GATED: {State.REFUNDED},
            State.PASSED: {State.SETTLED},
            State.REJECTED: {State.FAILED},
            State.DISPUTED: set(),
        }[state]
    )
    assert not any(may_end(trade, at(DEADLINE), each) for each in FINAL)


@pytest.mark.parametrize("state", FINAL)
def test_what_has_ended_does_not_end_again(honest: Trade, state: State) -> None:
    trade = put(honest, state, ended_from=State.FUNDED)
    assert not any(may_end(trade, at(DEADLINE + 1), each) for each in FINAL)


def test_who_declines_ends_the_trade_at_once(honest: Trade) -> None:
    event = at(1)
    trade = put(honest, State.REQUESTED, step=("QuoteDeclined", event.log.transaction))
    assert {each for each in FINAL if may_end(trade, event, each)} == {State.DECLINED}
    assert not may_end(trade, at(2), State.DECLINED)


@pytest.mark.parametrize(("state", "ends"), [(State.FUNDED, True), (State.GATED, False)])
def test_too_few_rows_end_a_funded_trade_at_once(honest: Trade, state: State, ends: bool) -> None:
    trade = reported(put(honest, state), at(1), 0b100)
    assert may_end(trade, at(1), State.REFUNDED) is ends


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("TradeDisputed", {"until": 2_000}),
        ("DisputeEnded", {"overturned": False, "until": DEADLINE}),
    ],
)
@pytest.mark.parametrize("state", FINAL)
def test_no_event_brings_a_trade_back_to_life(
    honest: Trade, state: State, name: str, values: dict[str, Any]
) -> None:
    trade = put(honest, state, ended_from=State.PASSED)
    replay(trade, at(DEADLINE, name, **values))
    assert (trade.state, trade.deadline) == (state, DEADLINE)
    assert [f"came while the trade was {state.name}" in fault for fault in trade.disorder] == [True]


# -------------------------------------------------------------------------- the rest


@pytest.mark.parametrize(
    ("step", "same", "said"),
    [
        ("QuoteAccepted", True, []),
        ("QuoteAccepted", False, ["locked money without an accepted quote"]),
        ("DataReported", True, ["locked money without an accepted quote"]),
    ],
)
def test_money_is_locked_by_the_acceptance(
    honest: Trade, step: str, same: bool, said: list[str]
) -> None:
    values = {"from": honest.buyer, "currency": NATIVE, "amount": 1}
    event = at(1, "Locked", **values)
    transaction = event.log.transaction if same else keccak(text="another one")
    trade = put(honest, State.FUNDED, step=(step, transaction))
    replay(trade, event)
    assert [fault.partition("log 0 ")[2] for fault in trade.disorder] == said


def test_a_trade_is_disputed_once(honest: Trade) -> None:
    """In the second in which the first dispute ended, which is still in time."""
    first, ended = Disputed(2_000, 1_000, False, NOTHING), Ruled(False, NOTHING, DEADLINE)
    event = at(DEADLINE, "TradeDisputed", until=3_000)
    for disputed, ruled, said in ((None, None, []), (first, ended, ["came a second time"])):
        trade = put(honest, State.PASSED, disputed=disputed, ruled=ruled, disorder=[])
        replay(trade, event)
        assert [fault.partition("log 0 ")[2] for fault in trade.disorder] == said
        assert trade.state is State.DISPUTED


@pytest.mark.parametrize("verdict", [State.PASSED, State.REJECTED])
@pytest.mark.parametrize(
    ("second", "review", "until", "good"),
    [(5, 9, 9, True), (5, 9, 5, False), (9, 5, 9, True), (9, 5, 5, False), (9, 9, 9, True)],
)
def test_the_review_goes_on_after_a_ruling(
    honest: Trade, second: int, review: int, until: int, good: bool, verdict: State
) -> None:
    disputed = Disputed(2_000, review, verdict is State.REJECTED, NOTHING)
    trade = put(honest, State.DISPUTED, disputed=disputed, ruled=None, disorder=[])
    replay(trade, at(second, "DisputeEnded", overturned=False, until=until))
    assert (trade.state, trade.deadline) == (verdict, max(second, review))
    said = f"puts the settlement off until {until}, not {max(second, review)}"
    assert [fault.partition("log 0 ")[2] for fault in trade.disorder] == [said] * (not good)


OPENED = {"opened": 0b1, "scores": (1,), "salts": (NOTHING,)}


@pytest.mark.parametrize(
    ("take", "attempt", "said"),
    [
        (failed_scores_opened, 1, []),
        (failed_scores_opened, 2, ["is of attempt 2, which decided the trade"]),
        (replay, 1, ["is of attempt 1, which decided nothing"]),
        (replay, 2, []),
    ],
)
def test_each_contract_opens_its_own_scores(
    honest: Trade, take: Callable[[Trade, Event], None], attempt: int, said: list[str]
) -> None:
    deciding = take is replay
    state = State.PASSED if deciding else State.SETTLED
    trade = put(honest, state, ended_from=None if deciding else State.PASSED)
    take(trade, at(DEADLINE + deciding, "ScoresOpened", attempt=attempt, **OPENED))
    assert [fault.partition("log 0 ")[2] for fault in trade.disorder] == said


def test_scores_of_the_deciding_attempt_are_opened_after_the_review(honest: Trade) -> None:
    trade = put(honest, State.PASSED, disorder=[])
    replay(trade, at(DEADLINE, "ScoresOpened", attempt=2, **OPENED))
    said = f"came at {DEADLINE}, not after {DEADLINE}"
    assert [fault.partition("log 0 ")[2] for fault in trade.disorder] == [said]


def test_scores_of_a_disputed_trade_stay_sealed(honest: Trade) -> None:
    trade = put(honest, State.DISPUTED, disorder=[])
    replay(trade, at(DEADLINE + 1, "ScoresOpened", attempt=2, **OPENED))
    assert [fault.partition("log 0 ")[2] for fault in trade.disorder] == [
        "came while the trade was DISPUTED"
    ]


def test_scores_of_an_earlier_attempt_are_opened_in_time(honest: Trade) -> None:
    trade = put(honest, State.SETTLED, ended_from=State.PASSED, disorder=[])
    failed_scores_opened(trade, at(DEADLINE + 1, "ScoresOpened", attempt=1, **OPENED))
    said = f"came at {DEADLINE + 1}, after its deadline {DEADLINE}"
    assert [fault.partition("log 0 ")[2] for fault in trade.disorder] == [said]


@pytest.mark.parametrize("take", [failed_scores_opened, closed_seals_penalised])
def test_earlier_attempts_are_looked_at_when_the_trade_has_ended(
    honest: Trade, take: Callable[[Trade, Event], None]
) -> None:
    trade = put(honest, State.PASSED, openings=[])
    closed = trade.attempts[0].signers
    second = DEADLINE + (take is closed_seals_penalised)
    take(trade, at(second, "an event", attempt=1, closed=closed, **OPENED))
    assert [fault.partition("log 0 ")[2] for fault in trade.disorder] == [
        "came while the trade was PASSED"
    ]


# ------------------------------------------------------------------------- the digest


def test_the_digest_is_that_of_the_market_after_each_step(trade: AuditedTrade) -> None:
    def agrees() -> bool:
        source, address = trade.market.node.web3.provider, trade.market.address
        stored = open_chain(Rpc(source), address).view(address, "digestOf", trade.id)
        return bool(replayed(source, address).trades[trade.id].digest == stored)

    for step in (
        trade.ask,
        trade.accept,
        trade.report_data,
        lambda: trade.attempt(UNSKILLED),
        trade.attempt,
        trade.finish,
    ):
        step()
        assert agrees()
