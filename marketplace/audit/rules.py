"""The rules of order: which event may come in which state, when, and what may end or pay."""

from __future__ import annotations

from marketplace.audit.abi import Event
from marketplace.audit.trade import Trade
from marketplace.protocol.states import Purpose, State

_PAID_BY = {
    Purpose.DATA: ("DataDelivered",),
    Purpose.EXPERT: ("TradeSettled",),
    Purpose.BROKER: ("TradeSettled",),
    Purpose.AUDIT: ("TradeSettled",),
    Purpose.ORACLE: ("TradeSettled", "AttemptReported"),
    Purpose.PROTOCOL: ("TradeSettled",),
}


def enter(trade: Trade, event: Event, state: State, window: int | None = None) -> None:
    """Move the trade on; a window starts a new clock, None leaves the old one running."""
    if trade.ended:
        return  # already noted, and no event brings a trade back to life
    trade.state = state
    trade.step = step_of(event)
    if window is not None:
        trade.deadline = event.timestamp + window


def needs(trade: Trade, event: Event, *states: State) -> None:
    """Note an event that came in another state than one of these."""
    if trade.state not in states:
        note(trade, event, f"came while the trade was {trade.state.name}")


def needs_open(trade: Trade, event: Event, deadline: int) -> None:
    """Note an event that came after its deadline, in seconds since 1970."""
    if event.timestamp > deadline:
        note(trade, event, f"came at {event.timestamp}, after its deadline {deadline}")


def needs_lapsed(trade: Trade, event: Event, end: int) -> None:
    """Note an event that came before a deadline had passed."""
    if event.timestamp <= end:
        note(trade, event, f"came at {event.timestamp}, not after {end}")


def note(trade: Trade, event: Event, what: str) -> None:
    """Note what is wrong with an event, in words that follow its name."""
    trade.disorder.append(f"{event.name} in {event.log.place} {what}")


def step_of(event: Event) -> tuple[str, bytes]:
    """Return the step that an event is: its name and transaction."""
    return event.name, event.log.transaction


def may_end(trade: Trade, event: Event, state: State) -> bool:
    """Tell whether a trade may end in a state now."""
    step, transaction = trade.step
    same_transaction = transaction == event.log.transaction
    lapsed = event.timestamp > trade.deadline
    if state is State.DECLINED:
        return step == "QuoteDeclined" and same_transaction
    if state is State.SETTLED:
        return step == "TradeSettled" and same_transaction
    if state is State.FAILED:
        used_up = len(trade.attempts) == trade.request.max_attempts
        return step == "AttemptReported" and same_transaction and used_up and not trade.passed
    if state is State.EXPIRED:
        return trade.state in (State.REQUESTED, State.DATA_REQUESTED) and lapsed
    if state is State.REFUNDED:
        too_few_rows = trade.accepted_rows < trade.request.min_rows
        dropped = step == "DataDelivered" and same_transaction and too_few_rows
        return State.FUNDED <= trade.state <= State.GATED and (lapsed or dropped)
    return False


def may_pay(trade: Trade, event: Event, purpose: Purpose) -> bool:
    """Tell whether the step that this transaction has just taken pays for a purpose."""
    step, transaction = trade.step
    ordered = step in _PAID_BY[purpose] and transaction == event.log.transaction
    return ordered and not trade.ended
