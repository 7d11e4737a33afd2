"""Every step has its state: in any other it is refused, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from expectations import refused
from trade_builder import TradeBuilder

from marketplace.protocol.states import State

STEPS: dict[str, tuple[Callable[[TradeBuilder], object], set[State], State]] = {
    # step: how, where it is allowed, and the state that a refusal names
    "requestData": (TradeBuilder.ask_for_data, {State.REQUESTED}, State.REQUESTED),
    "declineQuote": (
        TradeBuilder.decline,
        {State.REQUESTED, State.DATA_REQUESTED},
        State.DATA_REQUESTED,
    ),
    "acceptQuote": (TradeBuilder.accept, {State.DATA_REQUESTED}, State.DATA_REQUESTED),
    "deliverData": (TradeBuilder.deliver, {State.FUNDED}, State.FUNDED),
    "commitGate": (TradeBuilder.gate, {State.DATA_DELIVERED}, State.DATA_DELIVERED),
    "reportAttempt": (TradeBuilder.attempt, {State.GATED}, State.GATED),
    "confirmDelivery": (TradeBuilder.confirm, {State.PASSED}, State.PASSED),
    "attestAudit": (TradeBuilder.attest, {State.PASSED}, State.PASSED),
    "settle": (TradeBuilder.settle, {State.PASSED}, State.PASSED),
    "settleByGate": (TradeBuilder.settle_by_gate, {State.PASSED}, State.PASSED),
    "timeout": (
        TradeBuilder.time_out,
        {
            State.REQUESTED,
            State.DATA_REQUESTED,
            State.FUNDED,
            State.DATA_DELIVERED,
            State.GATED,
        },
        State.GATED,
    ),
}


@pytest.mark.parametrize("state", list(State))
def test_a_step_out_of_order_is_refused(trade: TradeBuilder, state: State) -> None:
    trade.advance_to(state)
    before = trade.record
    for step, allowed, named in STEPS.values():
        if state not in allowed:
            with refused("WrongState", state, named):
                step(trade)
    assert trade.record == before


@pytest.mark.parametrize(
    "state",
    [State.REQUESTED, State.DATA_REQUESTED, State.FUNDED, State.DATA_DELIVERED, State.GATED],
)
def test_no_exit_opens_before_its_deadline(trade: TradeBuilder, state: State) -> None:
    trade.advance_to(state)
    with refused("DeadlineNotReached", trade.record.deadline):
        trade.time_out()


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (State.REQUESTED, TradeBuilder.ask_for_data),
        (State.DATA_REQUESTED, TradeBuilder.accept),
        (State.FUNDED, TradeBuilder.deliver),
        (State.DATA_DELIVERED, TradeBuilder.gate),
        (State.GATED, TradeBuilder.attempt),
        (State.PASSED, TradeBuilder.confirm),
    ],
)
def test_the_last_second_belongs_to_the_step_and_the_next_to_the_exit(
    trade: TradeBuilder, state: State, step: Callable[[TradeBuilder], object]
) -> None:
    trade.advance_to(state)
    deadline = trade.record.deadline
    end: Callable[[TradeBuilder], object] = TradeBuilder.time_out
    if state == State.PASSED:
        end = TradeBuilder.settle

    trade.wait_until(deadline - 1)  # the next transaction comes at the deadline itself
    with refused("DeadlineNotReached", deadline):
        end(trade)
    step(trade)

    again = TradeBuilder(trade.market, salt="again").advance_to(state)
    deadline = again.record.deadline
    again.wait_until(deadline)
    with refused("DeadlinePassed", deadline):
        step(again)
    end(again)
    assert again.record.state.final
