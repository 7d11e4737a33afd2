"""Who paid whom in a trade, as its events say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from marketplace.audit.abi import Event
from marketplace.audit.chain import Contracts
from marketplace.audit.digests import NOTHING
from marketplace.audit.reporting.records import Movement, Reason
from marketplace.audit.trade import Trade
from marketplace.protocol.states import Purpose
from marketplace.protocol.terms import NATIVE
from offchain.storage.cid import cid_of_digest

_PAYEES = {
    Purpose.DATA: "provider",
    Purpose.EXPERT: "expert",
    Purpose.BROKER: "broker",
    Purpose.AUDIT: "auditor",
    Purpose.ORACLE: "oracle signer",
    Purpose.PROTOCOL: "treasury",
}

Party = tuple[str, str]
"""A role and an account."""


def movements(trade: Trade, events: Iterable[Event], contracts: Contracts) -> list[Movement]:
    """Return every amount that the events of a trade moved, in their order.

    Parameters
    ----------
    trade
        As the whole log tells it.
    contracts
        Who holds escrow, bonds and stakes.
    """
    return [
        moved for event in events for moved in _moved(trade, event, contracts) if moved.amount > 0
    ]


def withdrawals(events: Iterable[Event]) -> list[Movement]:
    """Return what accounts withdrew of their credits, from whichever contract, in their order."""
    return [
        _movement(
            event, ("credit of", event["account"]), ("receiver", event["to"]), "withdrawal", None
        )
        for event in events
    ]


def _moved(trade: Trade, event: Event, contracts: Contracts) -> Iterator[Movement]:
    escrow = "escrow", contracts.market
    challenges = "challenges", contracts.challenges or event.log.address
    if event.name == "Locked":
        specification = _cid(trade.request.spec)
        yield _movement(event, ("buyer", event["from"]), escrow, "escrow", specification)
    elif event.name == "Credited":
        for payment in event["payments"]:
            purpose: Purpose = payment["purpose"]
            yield _movement(
                event,
                escrow,
                (_PAYEES[purpose], payment["account"]),
                cast("Reason", purpose.name.lower()),
                _grounds(trade, purpose),
                payment["amount"],
            )
    elif event.name == "Refunded":
        yield _movement(event, escrow, ("buyer", event["buyer"]), "refund", _verdict(trade))
    elif event.name == "Challenged":
        challenger = "challenger", event["challenger"]
        yield _movement(event, challenger, challenges, "bond", _cid(event["claim"]), event["bond"])
    elif event.name == "Awarded":
        yield _movement(event, challenges, ("awarded", event["account"]), "award", None)
    elif "slashed" in event.values:
        yield _movement(
            event,
            ("stakes", contracts.committee),
            challenges,
            "slash",
            _cid(event.values.get("evidence", NOTHING)),
            event["slashed"],
            NATIVE,
        )


def _movement(
    event: Event,
    payer: Party,
    payee: Party,
    reason: Reason,
    evidence: str | None,
    amount: int | None = None,
    currency: str | None = None,
) -> Movement:
    return Movement(
        block=event.log.block,
        transaction="0x" + event.log.transaction.hex(),
        log_index=event.log.index,
        time=event.timestamp,
        payer_role=payer[0],
        payer=payer[1],
        payee_role=payee[0],
        payee=payee[1],
        reason=reason,
        currency=event["currency"] if currency is None else currency,
        amount=event["amount"] if amount is None else amount,
        evidence=evidence,
    )


def _grounds(trade: Trade, purpose: Purpose) -> str | None:
    """Name the document on which a credit rests."""
    if purpose is Purpose.DATA:
        return _data(trade)
    if purpose is Purpose.AUDIT:
        return next((_cid(attested.report) for attested in trade.attestations), None)
    if purpose is Purpose.EXPERT and trade.deciding is None:
        return None if trade.data is None else _cid(trade.data.finding.gate_evidence)
    return _verdict(trade)


def _verdict(trade: Trade) -> str | None:
    """Name what the last verdict rests on: the attempt's evidence, else the data manifest."""
    return _cid(trade.attempts[-1].finding.evidence) if trade.attempts else _data(trade)


def _data(trade: Trade) -> str | None:
    return None if trade.data is None else _cid(trade.data.finding.data_evidence)


def _cid(digest: bytes) -> str | None:
    return cid_of_digest(digest) if any(digest) else None
