"""The steps of a trade: what was asked, agreed, reported and decided."""

from __future__ import annotations

import json
from typing import Any

from marketplace.chain.market import attempt_in, struct_in
from marketplace.index import tables
from marketplace.index.contracts import Event, hexadecimal
from marketplace.index.judging import signed
from marketplace.index.rows import Row, Rows
from marketplace.protocol.agreement import price_of
from marketplace.protocol.errors import ChainError
from marketplace.protocol.states import State
from marketplace.protocol.terms import DataFinding, ModelQuote, Request, Windows

_NOT_YET = {
    "accepted": -1,
    "price": 0,
    "expert_pool": 0,
    "broker_fee": 0,
    "auditor_fee": 0,
    "oracle_fee": 0,
    "protocol_fee": 0,
    "attempts": 0,
    "attested": False,
    "approved": False,
    "disputed": False,
    "overturned": False,
    "escrow": 0,
}


def model_requested(rows: Rows, event: Event) -> None:
    """Begin a trade."""
    request = struct_in(Request, event["request"])
    rows.add(
        tables.trades,
        id=event.trade,
        requested=event.block,
        state=State.REQUESTED.name,
        deadline=event.timestamp + request.windows.quote,
        buyer=event["buyer"],
        broker=event["broker"],
        auditor=request.auditor,
        currency=request.currency,
        budget=request.budget,
        threshold=request.threshold,
        max_attempts=request.max_attempts,
        min_rows=request.min_rows,
        fee_bps=request.fee_bps,
        committee=hexadecimal(request.committee),
        panel=hexadecimal(request.panel),
        spec=hexadecimal(request.spec),
        licence=hexadecimal(request.licence),
        windows=json.dumps(request.windows.as_tuple()),
        **_NOT_YET,
    )
    for role in ("buyer", "broker", "auditor", "treasury"):
        _party(rows, event, getattr(request, role), role)


def quote_accepted(rows: Rows, event: Event) -> None:
    """Fund the trade: the providers deliver, the committee judges."""
    quote, windows = struct_in(ModelQuote, event["quote"]), _windows(rows, event)
    price, protocol_fee = price_of(quote, _trade(rows, event)["fee_bps"])
    _enter(
        rows,
        event,
        State.FUNDED,
        windows.delivery + windows.judging,
        accepted=event.block,
        price=price,
        expert_pool=quote.expert_pool,
        broker_fee=quote.broker_fee,
        auditor_fee=quote.auditor_fee,
        oracle_fee=quote.oracle_fee,
        protocol_fee=protocol_fee,
    )
    for position, offer in enumerate(quote.data_quotes):
        rows.add(
            tables.offers,
            trade=event.trade,
            position=position,
            provider=offer.provider,
            dataset=hexadecimal(offer.dataset),
            rows=offer.rows,
            price=offer.price,
            outcome="open",
        )
        _party(rows, event, offer.provider, "provider")


def data_reported(rows: Rows, event: Event) -> None:
    """Take the report on the data; with enough rows, the gate chose experts."""
    finding, windows = struct_in(DataFinding, event["report"]), _windows(rows, event)
    delivered = 0
    for offer in rows.find(tables.offers, trade=event.trade):
        accepted = bool(finding.accepted >> offer["position"] & 1)
        delivered += offer["rows"] * accepted
        rows.put(tables.offers, **(offer | {"outcome": "accepted" if accepted else "dropped"}))
    chosen = zip(finding.experts, finding.weights, strict=True)
    for position, (expert, weight) in enumerate(chosen):
        rows.add(tables.gates, trade=event.trade, position=position, expert=expert, weight=weight)
        _party(rows, event, expert, "expert")
    signed(rows, event)
    if delivered >= _trade(rows, event)["min_rows"]:
        _enter(rows, event, State.GATED, windows.training + windows.validation)


def attempt_reported(rows: Rows, event: Event) -> None:
    """Take one attempt: it passed, failed, or was the last that may fail."""
    attempt, trade, windows = attempt_in(event.values), _trade(rows, event), _windows(rows, event)
    finding = attempt.finding
    rows.add(
        tables.attempts,
        trade=event.trade,
        attempt=attempt.number,
        block=event.block,
        passed=attempt.passed,
        signers=attempt.record.signers,
        verdicts=attempt.record.verdicts,
        model=hexadecimal(finding.model),
        training=hexadecimal(finding.training),
        delivery=hexadecimal(finding.delivery),
        evidence=hexadecimal(finding.evidence),
    )
    experts = [row["expert"] for row in rows.find(tables.gates, trade=event.trade)]
    for position, amount in enumerate(finding.amounts):
        rows.add(
            tables.allocations,
            trade=event.trade,
            attempt=attempt.number,
            position=position,
            expert=experts[position],
            amount=amount,
        )
    signed(rows, event)
    tried = trade["attempts"] + 1
    if not attempt.passed and tried < trade["max_attempts"]:
        again = windows.training + windows.validation
        _enter(rows, event, State.GATED, again, attempts=tried)
    else:
        verdict = State.PASSED if attempt.passed else State.REJECTED
        _enter(rows, event, verdict, windows.review, attempts=tried)


def audit_attested(rows: Rows, event: Event) -> None:
    """Take the auditor's report; the first one counts."""
    trade = _trade(rows, event)
    if not trade["attested"]:
        approved = bool(event["approved"])
        rows.put(tables.trades, **(trade | {"attested": True, "approved": approved}))


def trade_disputed(rows: Rows, event: Event) -> None:
    """Freeze the settlement until a ruling, or a time."""
    window = int(event["until"]) - event.timestamp
    _enter(rows, event, State.DISPUTED, window, disputed=True)


def dispute_ended(rows: Rows, event: Event) -> None:
    """Go back to the verdict, which stands or fell, for the rest of the review."""
    last = rows.get(tables.attempts, event.trade, _trade(rows, event)["attempts"])
    verdict = State.PASSED if last and last["passed"] else State.REJECTED
    rest = int(event["until"]) - event.timestamp
    _enter(rows, event, verdict, rest, overturned=bool(event["overturned"]))


def trade_ended(rows: Rows, event: Event) -> None:
    """End the trade: nothing moves its escrow any more."""
    _enter(rows, event, State(event["state"]), _windows(rows, event).settlement)


def _trade(rows: Rows, event: Event) -> Row:
    trade = rows.get(tables.trades, event.trade)
    if trade is None:
        raise ChainError(
            f"{event.name} in block {event.block} is of trade {event.trade}, which no log requests",
            "ask a node that gives the whole log, after `moemarket index rebuild`",
        )
    return trade


def _windows(rows: Rows, event: Event) -> Windows:
    return Windows(*json.loads(_trade(rows, event)["windows"]))


def _enter(rows: Rows, event: Event, state: State, window: int, **changes: Any) -> None:
    """Move the trade on and start a new clock, in seconds."""
    moved = {"state": state.name, "deadline": event.timestamp + window}
    rows.put(tables.trades, **(_trade(rows, event) | moved | changes))


def _party(rows: Rows, event: Event, account: str, role: str) -> None:
    rows.put(tables.parties, account=account, trade=event.trade, role=role)
