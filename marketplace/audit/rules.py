"""The rules of order: which event may come in which state, when, and what may end or pay."""

from __future__ import annotations

from marketplace.audit.abi import Event
from marketplace.audit.dues import closed_seats, ending
from marketplace.audit.trade import Trade
from marketplace.protocol.states import Purpose, State

_DECISION = (State.PASSED, State.REJECTED)


def enter(trade: Trade, event: Event, state: State, window: int) -> None:
    """Move the trade on and start a new clock, in seconds."""
    if trade.ended:
        return  # already noted, and no event brings a trade back to life
    trade.state = state
    trade.deadline = event.timestamp + window


def needs(trade: Trade, event: Event, *states: State) -> None:
    """Note an event that came in another state than one of these."""
    if trade.state not in states:
        note(trade, event, f"came while the trade was {trade.state.name}")


def needs_open(trade: Trade, event: Event, deadline: int) -> None:
    """Note an event that came after its deadline, in seconds since 1970."""
    if event.timestamp > deadline:
        note(trade, event, f"came at {event.timestamp}, after its deadline {deadline}")


def needs_lapsed(trade: Trade, event: Event, deadline: int) -> None:
    """Note an event that came before a time in seconds since 1970 had passed."""
    if event.timestamp <= deadline:
        note(trade, event, f"came at {event.timestamp}, not after {deadline}")


def note(trade: Trade, event: Event, what: str) -> None:
    """Note what is wrong with an event, in words that follow its name."""
    trade.disorder.append(f"{event.name} in {event.log.place} {what}")


def step_of(event: Event) -> tuple[str, bytes]:
    """Return the step that an event is: its name and transaction."""
    return event.name, event.log.transaction


def may_end(trade: Trade, event: Event, state: State) -> bool:
    """Tell whether a trade may end in a state now."""
    lapsed = event.timestamp > trade.deadline
    if state is State.DECLINED:
        return trade.step == ("QuoteDeclined", event.log.transaction)
    if state is State.EXPIRED:
        return trade.state is State.REQUESTED and lapsed
    if trade.state in _DECISION:
        return state is ending(trade) and _may_settle(trade, event)
    if state is State.REFUNDED:
        silent = trade.state in (State.FUNDED, State.GATED) and lapsed
        return silent or _too_few_rows(trade, event)
    return False


def may_pay(trade: Trade, event: Event, purpose: Purpose) -> bool:
    """Tell whether a trade may pay for a purpose now."""
    lapsed = event.timestamp > trade.deadline
    settles = trade.state in _DECISION and lapsed
    if purpose is Purpose.DATA:
        reported = trade.step == ("DataReported", event.log.transaction) and trade.enough_rows
        return reported or (trade.state is State.FUNDED and lapsed)
    if purpose is Purpose.EXPERT:
        return (trade.state in (State.GATED, State.PASSED)) and lapsed
    if purpose is Purpose.ORACLE:
        idle = trade.state is State.GATED and lapsed
        return settles or idle or _too_few_rows(trade, event)
    if purpose is Purpose.AUDIT:
        return settles and trade.attested
    return settles and trade.state is State.PASSED


def may_refund(trade: Trade, event: Event) -> bool:
    """Tell whether a trade may refund its buyer now."""
    if trade.ended or not trade.locked:
        return False
    return event.timestamp > trade.deadline or _too_few_rows(trade, event)


def _may_settle(trade: Trade, event: Event) -> bool:
    """Tell whether the review is over and all seals are open, or late enough."""
    windows = trade.request.windows
    patience = windows.settlement if closed_seats(trade) else 0
    return event.timestamp > trade.deadline + patience


def _too_few_rows(trade: Trade, event: Event) -> bool:
    """Tell whether an event belongs to a report that left the trade where it was.

    With enough rows it would be at the gate.
    """
    return trade.step == ("DataReported", event.log.transaction) and trade.state is State.FUNDED
