"""Who paid whom, as events say: in a trade, and apart from trades."""

from __future__ import annotations

from collections.abc import Iterable

from marketplace.audit.abi import Event
from marketplace.audit.digests import NOTHING
from marketplace.audit.postings import Posting, Postings
from marketplace.audit.reporting.records import Movement
from marketplace.audit.trade import Trade
from marketplace.protocol.states import Purpose
from offchain.storage.cid import cid_of_digest


def movements(trade: Trade, events: Iterable[Event], postings: Postings) -> list[Movement]:
    """Return every amount that the events of a trade moved, in their order.

    Parameters
    ----------
    trade
        As the whole log tells it.
    events
        The trade's, and what was taken from stakes for it.
    """
    told = list(events)
    grounds = {
        event.log.transaction: event.values.get("evidence", NOTHING)
        for event in told
        if "slashed" in event.values
    }
    found = []
    for event in told:
        for posting in postings.of(event):
            if posting.reason == "slash":
                evidence = _cid(grounds.get(event.log.transaction, NOTHING))
            else:
                evidence = _grounds(trade, event, posting)
            found.append(_movement(event, posting, evidence))
    return found


def movements_beside(events: Iterable[Event], postings: Postings) -> list[Movement]:
    """Return every amount that events of no trade moved, in their order.

    Parameters
    ----------
    postings
        That has seen none of them yet.
    """
    return [_movement(event, each, None) for event in events for each in postings.of(event)]


def _movement(event: Event, posting: Posting, evidence: str | None) -> Movement:
    return Movement(
        contract=event.log.address,
        block=event.log.block,
        transaction="0x" + event.log.transaction.hex(),
        log_index=event.log.index,
        time=event.timestamp,
        payer_role=posting.payer[0],
        payer=posting.payer[1],
        payee_role=posting.payee[0],
        payee=posting.payee[1],
        reason=posting.reason,
        currency=posting.currency,
        amount=posting.amount,
        evidence=evidence,
    )


def _grounds(trade: Trade, event: Event, posting: Posting) -> str | None:
    """Name the document on which a movement rests."""
    reason = posting.reason
    if reason == "escrow":
        return _cid(trade.request.spec)
    if reason == "bond":
        return _cid(event["claim"])
    if reason == "award":
        return None
    if reason == Purpose.DATA.name.lower():
        return _data(trade)
    if reason == Purpose.AUDIT.name.lower():
        return next((_cid(attested.report) for attested in trade.attestations), None)
    if reason == Purpose.EXPERT.name.lower() and trade.deciding is None:
        return None if trade.data is None else _cid(trade.data.finding.gate_evidence)
    return _verdict(trade)


def _verdict(trade: Trade) -> str | None:
    """Name what the last verdict rests on: the attempt's evidence, else the data manifest."""
    return _cid(trade.attempts[-1].finding.evidence) if trade.attempts else _data(trade)


def _data(trade: Trade) -> str | None:
    return None if trade.data is None else _cid(trade.data.finding.data_evidence)


def _cid(digest: bytes) -> str | None:
    return cid_of_digest(digest) if any(digest) else None
