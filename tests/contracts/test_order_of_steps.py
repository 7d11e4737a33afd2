"""Every step has its state: in any other it is refused, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from expectations import credits_of, refused
from parties import PARTIES
from trade_builder import TradeBuilder

from marketplace.chain.market import Market
from marketplace.protocol.states import State

S = State
Step = Callable[[TradeBuilder], object]
STEPS: dict[str, tuple[Step, set[State], State]] = {
    # step: how, where it is allowed, and the state that a refusal names
    "declineQuote": (TradeBuilder.decline, {S.REQUESTED}, S.REQUESTED),
    "acceptQuote": (TradeBuilder.accept, {S.REQUESTED}, S.REQUESTED),
    "recordDelivery": (
        lambda trade: trade.record_delivery(PARTIES.providers[0]),
        {S.FUNDED, S.GATED},
        S.GATED,
    ),
    "reportData": (TradeBuilder.report_data, {S.FUNDED}, S.FUNDED),
    "reportAttempt": (TradeBuilder.attempt, {S.GATED}, S.GATED),
    "attestAudit": (TradeBuilder.attest, {S.PASSED, S.REJECTED, S.DISPUTED}, S.PASSED),
    "openDecidingScores": (TradeBuilder.open_scores, {S.PASSED, S.REJECTED, S.DISPUTED}, S.PASSED),
    "settle": (TradeBuilder.settle, {S.PASSED, S.REJECTED}, S.PASSED),
    "expire": (TradeBuilder.expire, {S.REQUESTED}, S.REQUESTED),
    "timeoutDelivery": (TradeBuilder.time_out_delivery, {S.FUNDED}, S.FUNDED),
    "timeoutTraining": (TradeBuilder.time_out_training, {S.GATED}, S.GATED),
    "dispute": (TradeBuilder.dispute, {S.PASSED, S.REJECTED}, S.PASSED),
    "rule": (lambda trade: trade.rule(True), {S.DISPUTED}, S.DISPUTED),
    "resume": (TradeBuilder.resume, {S.DISPUTED}, S.DISPUTED),
}


def whole_course(market: Market) -> TradeBuilder:
    """Another trade that went all the way, to take quotes, gate and record from."""
    return TradeBuilder(market, salt="elsewhere").advance_to(State.PASSED)


@pytest.mark.parametrize("state", list(State))
def test_a_step_out_of_order_is_refused(market: Market, state: State) -> None:
    elsewhere = whole_course(market)
    trade = TradeBuilder(market).advance_to(state)
    status, digest = trade.status, market.view("digestOf", trade.id)
    credited = credits_of(market)
    told = trade.course
    trade.course = replace(
        elsewhere.course, **{name: value for name, value in vars(told).items() if value}
    )
    for step, allowed, named in STEPS.values():
        if state not in allowed:
            with refused("WrongState", state, named):
                step(trade)
    assert (trade.status, market.view("digestOf", trade.id)) == (status, digest)
    assert credits_of(market) == credited


CLOCKS: list[tuple[State, Step, Step]] = [
    # state, the step that its deadline ends, and the exit that begins there
    (S.REQUESTED, TradeBuilder.accept, TradeBuilder.expire),
    (S.FUNDED, TradeBuilder.report_data, TradeBuilder.time_out_delivery),
    (S.GATED, TradeBuilder.attempt, TradeBuilder.time_out_training),
    (S.PASSED, TradeBuilder.dispute, TradeBuilder.settle),
    (S.REJECTED, TradeBuilder.dispute, TradeBuilder.settle),
]


@pytest.mark.parametrize(("state", "step", "end"), CLOCKS)
def test_the_last_second_belongs_to_the_step_and_the_next_to_the_exit(
    market: Market, state: State, step: Step, end: Step
) -> None:
    trade = TradeBuilder(market).advance_to(state)
    deadline = trade.status.deadline
    with refused("DeadlineNotReached", deadline):
        end(trade)
    trade.wait_until(deadline - 1)  # the next transaction comes at the deadline itself
    with refused("DeadlineNotReached", deadline):
        end(trade)
    step(trade)

    again = TradeBuilder(market, salt="again").advance_to(state)
    deadline = again.status.deadline
    again.wait_until(deadline)
    with refused("DeadlinePassed", deadline):
        step(again)
    end(again)
    assert again.status.state.final
