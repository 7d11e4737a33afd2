"""Replays the events of one trade, by the rules of `docs/protocol.md` alone.

Each function takes one event. It notes what the rules forbid about the moment at which the
event came, and then believes it, so that one bad event doesn't make all that follow look bad.
"""

from __future__ import annotations

from collections.abc import Callable

from marketplace.audit.abi import Event
from marketplace.audit.rules import (
    enter,
    may_end,
    may_pay,
    needs,
    needs_lapsed,
    needs_open,
    note,
    step_of,
)
from marketplace.audit.trade import (
    Acceptance,
    Attested,
    Credit,
    DataReport,
    GateReport,
    Opened,
    Payment,
    ReportedAttempt,
    Settlement,
    Terms,
    Trade,
)
from marketplace.protocol.states import Purpose, State


def requested(event: Event, in_force: Terms) -> Trade:
    """Open a trade: the quote window starts."""
    request = event["request"]
    return Trade(
        id=event["tradeId"],
        buyer=event["buyer"],
        broker=event["broker"],
        request=request,
        terms=Terms(event["committeeVersion"], event["feeBps"], event["treasury"]),
        in_force=in_force,
        state=State.REQUESTED,
        deadline=event.timestamp + request.windows.quote,
        step=step_of(event),
    )


def replay(trade: Trade, event: Event) -> None:
    """Take the next event of a trade."""
    if event.name in _STEPS:
        _STEPS[event.name](trade, event)
    else:
        note(trade, event, "is not a step of a trade that was requested before")


# ------------------------------------------------------------------ the steps


def _data_requested(trade: Trade, event: Event) -> None:
    needs(trade, event, State.REQUESTED)
    needs_open(trade, event, trade.deadline)
    trade.data_need = event["dataSpec"]
    enter(trade, event, State.DATA_REQUESTED)


def _quote_declined(trade: Trade, event: Event) -> None:
    needs(trade, event, State.REQUESTED, State.DATA_REQUESTED)
    trade.step = step_of(event)


def _quote_accepted(trade: Trade, event: Event) -> None:
    quote = event["quote"]
    needs(trade, event, State.DATA_REQUESTED)
    for last in (trade.deadline, quote.expiry, *(offer.expiry for offer in quote.data_quotes)):
        needs_open(trade, event, last)
    trade.acceptance = Acceptance(
        quote,
        event["price"],
        event["brokerSignature"],
        event["providerSignatures"],
        event.log.block,
    )
    enter(trade, event, State.FUNDED, trade.request.windows.delivery)


def _data_delivered(trade: Trade, event: Event) -> None:
    needs(trade, event, State.FUNDED)
    needs_open(trade, event, trade.deadline)
    trade.data = DataReport(event["accepted"], event["evidence"], event["signatures"])
    enter(trade, event, State.DATA_DELIVERED, trade.request.windows.gating)


def _gate_committed(trade: Trade, event: Event) -> None:
    needs(trade, event, State.DATA_DELIVERED)
    needs_open(trade, event, trade.deadline)
    trade.gate = GateReport(
        event["experts"], event["weights"], event["evidence"], event["signatures"]
    )
    enter(trade, event, State.GATED, trade.request.windows.attempt)


def _attempt_reported(trade: Trade, event: Event) -> None:
    needs(trade, event, State.GATED)
    needs_open(trade, event, trade.deadline)
    report = event["report"]
    trade.attempts.append(
        ReportedAttempt(event["attempt"], report, event["seals"], event["signatures"])
    )
    windows = trade.request.windows
    if report.passed:
        enter(trade, event, State.PASSED, windows.verification)
    elif len(trade.attempts) < trade.request.max_attempts:
        enter(trade, event, State.GATED, windows.attempt)
    else:
        trade.step = step_of(event)  # the same transaction goes on to end the trade


def _delivery_confirmed(trade: Trade, event: Event) -> None:
    needs(trade, event, State.PASSED)
    needs_open(trade, event, trade.deadline)
    trade.deadline = event.timestamp - 1
    trade.step = step_of(event)


def _audit_attested(trade: Trade, event: Event) -> None:
    needs(trade, event, State.PASSED)
    if trade.attested:
        note(trade, event, "came a second time")
    trade.attestations.append(Attested(event["auditor"], event["report"], event["approved"]))
    trade.step = step_of(event)


def _trade_settled(trade: Trade, event: Event) -> None:
    trade.settlement = Settlement(
        event["experts"], event["amounts"], event["evidence"], event["signatures"]
    )
    grace = trade.request.windows.settlement if trade.settlement.by_gate else 0
    needs(trade, event, State.PASSED)
    needs_lapsed(trade, event, trade.deadline + grace)
    trade.step = step_of(event)


def _trade_ended(trade: Trade, event: Event) -> None:
    state: State = event["state"]
    if not may_end(trade, event, state):
        note(trade, event, f"ended the trade as {state.name} from {trade.state.name}")
    if any(refund.transaction != event.log.transaction for refund in trade.refunds):
        note(trade, event, "came in another transaction than the refund")
    trade.state = state


def _scores_opened(trade: Trade, event: Event) -> None:
    if not trade.ended:
        note(trade, event, f"came while the trade was {trade.state.name}")
    trade.openings.append(
        Opened(event["attempt"], event["signers"], event["scores"], event["salts"])
    )


# -------------------------------------------------------------------- the money


def _locked(trade: Trade, event: Event) -> None:
    if trade.step != ("QuoteAccepted", event.log.transaction):
        note(trade, event, "locked money without an accepted quote")
    trade.locked.append(
        Payment(event["from"], event["currency"], event["amount"], event.log.transaction)
    )


def _credited(trade: Trade, event: Event) -> None:
    purpose: Purpose = event["purpose"]
    if not may_pay(trade, event, purpose):
        note(trade, event, f"paid for {purpose.name} outside the step that orders it")
    paid_in = event.log.transaction
    trade.credits.append(
        Credit(event["account"], event["currency"], event["amount"], paid_in, purpose)
    )


def _refunded(trade: Trade, event: Event) -> None:
    if trade.ended or not trade.locked:
        note(trade, event, f"refunded a trade that was {trade.state.name}")
    trade.refunds.append(
        Payment(event["buyer"], event["currency"], event["amount"], event.log.transaction)
    )


_STEPS: dict[str, Callable[[Trade, Event], None]] = {
    "DataRequested": _data_requested,
    "QuoteDeclined": _quote_declined,
    "QuoteAccepted": _quote_accepted,
    "DataDelivered": _data_delivered,
    "GateCommitted": _gate_committed,
    "AttemptReported": _attempt_reported,
    "DeliveryConfirmed": _delivery_confirmed,
    "AuditAttested": _audit_attested,
    "TradeSettled": _trade_settled,
    "TradeEnded": _trade_ended,
    "ScoresOpened": _scores_opened,
    "Locked": _locked,
    "Credited": _credited,
    "Refunded": _refunded,
}
