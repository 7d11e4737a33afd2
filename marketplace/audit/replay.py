"""Replays the events of one trade, by the rules of `docs/protocol.md` alone.

Each function takes one event. It notes what the rules forbid about the moment at which the
event came, and then believes it, so that one bad event doesn't make all that follow look bad.
"""

from __future__ import annotations

from collections.abc import Callable

from marketplace.audit.abi import Event
from marketplace.audit.digests import agreed_digest, decided_digest, gated_digest
from marketplace.audit.dues import (
    faulty_seats,
    stage_of,
    timed_out,
    unjudged_shares,
    unjudged_supplies,
)
from marketplace.audit.records import (
    Acceptance,
    Attested,
    Credit,
    DataReport,
    Delivered,
    Disputed,
    InForce,
    Opened,
    Payment,
    ReportedAttempt,
    Ruled,
)
from marketplace.audit.rules import (
    enter,
    may_end,
    may_pay,
    may_refund,
    needs,
    needs_lapsed,
    needs_open,
    note,
    step_of,
)
from marketplace.audit.trade import Trade, bitmap_of
from marketplace.protocol.states import State

_DECIDED = (State.PASSED, State.REJECTED, State.DISPUTED)


def requested(event: Event, in_force: InForce, members: tuple[str, ...]) -> Trade:
    """Open a trade: the quote window starts.

    Parameters
    ----------
    in_force
        The rules of that moment.
    members
        Of the committee that the request names.
    """
    request = event["request"]
    return Trade(
        id=event["tradeId"],
        buyer=event["buyer"],
        broker=event["broker"],
        request=request,
        in_force=in_force,
        members=members,
        state=State.REQUESTED,
        deadline=event.timestamp + request.windows.quote,
        step=step_of(event),
    )


def replay(trade: Trade, event: Event) -> None:
    """Take the next event of a trade."""
    if event.name in _STEPS:
        _STEPS[event.name](trade, event)
        trade.step = step_of(event) if event.name not in _MONEY else trade.step
    else:
        note(trade, event, "is not a step of a trade that was requested before")


# ------------------------------------------------------------------ the steps


def _quote_declined(trade: Trade, event: Event) -> None:
    needs(trade, event, State.REQUESTED)


def _quote_accepted(trade: Trade, event: Event) -> None:
    quote, windows = event["quote"], trade.request.windows
    needs(trade, event, State.REQUESTED)
    for last in (trade.deadline, quote.expiry, *(offer.expiry for offer in quote.data_quotes)):
        needs_open(trade, event, last)
    trade.acceptance = Acceptance(quote, event["signatures"], event.log.block)
    if trade.deal is not None:
        trade.digest = agreed_digest(trade.request.committee, trade.deal, trade.supplies)
    enter(trade, event, State.FUNDED, windows.delivery + windows.judging)


def _work_delivered(trade: Trade, event: Event) -> None:
    needs(trade, event, State.FUNDED, State.GATED)
    windows = trade.request.windows
    judging = windows.judging if trade.state is State.FUNDED else windows.validation
    needs_open(trade, event, trade.deadline - judging)
    if event["attempts"] != len(trade.attempts):
        note(trade, event, f"is on record after {event['attempts']} attempts")
    trade.deliveries.append(Delivered(event["account"], stage_of(trade), event["commitment"]))


def _data_reported(trade: Trade, event: Event) -> None:
    needs(trade, event, State.FUNDED)
    needs_open(trade, event, trade.deadline)
    trade.data = DataReport(
        event["report"],
        event["dropped"],
        event["signers"],
        event["signatures"],
        event.log.transaction,
        event.log.block,
        event.timestamp,
    )
    trade.signers |= event["signers"]
    if trade.gate is not None:
        windows = trade.request.windows
        _take_gate(trade)
        enter(trade, event, State.GATED, windows.training + windows.validation)


def _take_gate(trade: Trade) -> None:
    """Let the digest commit to the gate and to the attempts that decided nothing."""
    if trade.gate is not None and trade.deal is not None:
        trade.digest = gated_digest(trade.request.committee, trade.deal, trade.gate)


def _attempt_reported(trade: Trade, event: Event) -> None:
    needs(trade, event, State.GATED)
    needs_open(trade, event, trade.deadline)
    attempt = ReportedAttempt(
        event["attempt"],
        event["report"],
        event["signers"],
        event["verdicts"],
        event["seals"],
        event["signatures"],
        event.log.block,
        event.timestamp,
    )
    trade.attempts.append(attempt)
    trade.signers |= attempt.signers
    windows = trade.request.windows
    if not attempt.passed and len(trade.attempts) < trade.request.max_attempts:
        _take_gate(trade)
        enter(trade, event, State.GATED, windows.training + windows.validation)
        return
    trade.digest = decided_digest(trade.digest, attempt.finding.amounts, attempt.record)
    enter(trade, event, State.PASSED if attempt.passed else State.REJECTED, windows.review)


def _audit_attested(trade: Trade, event: Event) -> None:
    needs(trade, event, *_DECIDED)
    if trade.attested:
        note(trade, event, "came a second time")
    trade.attestations.append(
        Attested(
            event["auditor"],
            event["report"],
            event["approved"],
            event.log.transaction,
            event.log.block,
        )
    )


def _trade_disputed(trade: Trade, event: Event) -> None:
    needs(trade, event, State.PASSED, State.REJECTED)
    needs_open(trade, event, trade.deadline)
    if trade.disputed is not None:
        note(trade, event, "came a second time")
    rejected, until = trade.state is State.REJECTED, event["until"]
    trade.disputed = Disputed(until, trade.deadline, rejected, event.log.transaction)
    enter(trade, event, State.DISPUTED, until - event.timestamp)


def _dispute_ended(trade: Trade, event: Event) -> None:
    needs(trade, event, State.DISPUTED)
    trade.ruled = Ruled(event["overturned"], event.log.transaction, event.timestamp)
    disputed = trade.disputed
    rejected = disputed is not None and disputed.was_rejected
    until = max(event.timestamp, disputed.review if disputed is not None else 0)
    if event["until"] != until:
        note(trade, event, f"puts the settlement off until {event['until']}, not {until}")
    enter(trade, event, State.REJECTED if rejected else State.PASSED, until - event.timestamp)


def _scores_opened(trade: Trade, event: Event) -> None:
    needs(trade, event, State.PASSED, State.REJECTED)
    needs_lapsed(trade, event, trade.deadline)
    if trade.deciding is not None and event["attempt"] != trade.deciding.number:
        note(trade, event, f"is of attempt {event['attempt']}, which decided nothing")
    trade.openings.append(_opened(event))


def failed_scores_opened(trade: Trade, event: Event) -> None:
    """Take an opening, by the challenges' contract, of an attempt that decided nothing."""
    _needs_earlier_attempt(trade, event)
    needs_open(trade, event, trade.deadline)
    trade.openings.append(_opened(event))


def closed_seals_penalised(trade: Trade, event: Event) -> None:
    """Take a penalty for seals that stayed closed for too long, or were faulty in the end."""
    _needs_ended(trade, event)
    for attempt in trade.attempts:
        if attempt.number != event["attempt"]:
            continue
        closed = attempt.signers
        if attempt is trade.deciding:
            closed = bitmap_of(faulty_seats(trade))
        else:
            needs_lapsed(trade, event, trade.deadline)
            closed &= ~bitmap_of(trade.opened(attempt))
        closed &= ~trade.penalised_seals[attempt.number]
        if event["closed"] != closed:
            note(trade, event, f"is for seats {event['closed']:#b} where {closed:#b} are closed")
        trade.penalised_seals[attempt.number] |= attempt.signers


def _needs_earlier_attempt(trade: Trade, event: Event) -> None:
    _needs_ended(trade, event)
    if trade.deciding is not None and event["attempt"] == trade.deciding.number:
        note(trade, event, f"is of attempt {event['attempt']}, which decided the trade")


def _needs_ended(trade: Trade, event: Event) -> None:
    if not trade.ended:
        note(trade, event, f"came while the trade was {trade.state.name}")


def _trade_ended(trade: Trade, event: Event) -> None:
    state: State = event["state"]
    if not may_end(trade, event, state):
        note(trade, event, f"ended the trade as {state.name} from {trade.state.name}")
    at_the_gate = trade.data.transaction if trade.data else None
    paid_in = {moved.transaction for moved in (*trade.credits, *trade.refunds)}
    if paid_in - {at_the_gate, event.log.transaction}:
        note(trade, event, "came in another transaction than what it pays")
    if trade.ended:
        return
    trade.ended_from, trade.state = trade.state, state
    trade.deadline = event.timestamp + trade.request.windows.settlement
    if timed_out(trade):
        if trade.ended_from is State.FUNDED:
            trade.unjudged = any(supply.price for supply in unjudged_supplies(trade))
        else:
            trade.unjudged = bool(unjudged_shares(trade))


def _opened(event: Event) -> Opened:
    """Read which scores an event opens."""
    return Opened(event["attempt"], event["opened"], event["scores"], event["salts"])


# -------------------------------------------------------------------- the money


def _locked(trade: Trade, event: Event) -> None:
    if trade.step != ("QuoteAccepted", event.log.transaction):
        note(trade, event, "locked money without an accepted quote")
    trade.locked.append(
        Payment(event["from"], event["currency"], event["amount"], event.log.transaction)
    )


def _credited(trade: Trade, event: Event) -> None:
    for payment in event["payments"]:
        purpose = payment["purpose"]
        if not may_pay(trade, event, purpose):
            note(trade, event, f"paid for {purpose.name} outside the step that orders it")
        trade.credits.append(
            Credit(
                payment["account"],
                event["currency"],
                payment["amount"],
                event.log.transaction,
                purpose,
            )
        )


def _refunded(trade: Trade, event: Event) -> None:
    if not may_refund(trade, event):
        note(trade, event, f"refunded a trade that was {trade.state.name}")
    trade.refunds.append(
        Payment(event["buyer"], event["currency"], event["amount"], event.log.transaction)
    )


_MONEY: dict[str, Callable[[Trade, Event], None]] = {
    "Locked": _locked,
    "Credited": _credited,
    "Refunded": _refunded,
}

_STEPS: dict[str, Callable[[Trade, Event], None]] = {
    "QuoteDeclined": _quote_declined,
    "QuoteAccepted": _quote_accepted,
    "WorkDelivered": _work_delivered,
    "DataReported": _data_reported,
    "AttemptReported": _attempt_reported,
    "AuditAttested": _audit_attested,
    "TradeDisputed": _trade_disputed,
    "DisputeEnded": _dispute_ended,
    "ScoresOpened": _scores_opened,
    "TradeEnded": _trade_ended,
    **_MONEY,
}
