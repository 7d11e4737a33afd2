"""The rows that an index should hold, from what the audit's replay of the log found.

Trades, balances, stakes, committees and disputes are read from the replay; only where rows lie
in the chain, which the replay doesn't keep, comes from the events as the audit decoded them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from marketplace.audit.abi import Event
from marketplace.audit.disputes import CHALLENGE, Act
from marketplace.audit.history import History
from marketplace.audit.office import Office
from marketplace.audit.trade import Trade
from marketplace.crosscheck.movements import movements
from marketplace.protocol.terms import NATIVE

Row = dict[str, Any]
Expected = list[Row]


def expected_rows(
    history: History, events: Sequence[Event], parents: Mapping[int, str]
) -> dict[str, Expected]:
    """Return the rows of every table of an index, by the table's name.

    Parameters
    ----------
    history
        The replay of `events`.
    parents
        Hashes (0x-hex) of the parents of the blocks with events.
    """
    parts = _parts(history)
    trades = list(history.trades.values())
    offices = {"committee": history.committee, "panel": history.panel}
    return {
        "blocks": _blocks(events, parents),
        "events": [_event(event, parts) for event in events],
        "trades": [_trade(trade, events) for trade in trades],
        "parties": _each(trades, _parties),
        "offers": _each(trades, _offers),
        "gates": _each(trades, _gate),
        "attempts": _each(trades, lambda trade: _attempts(trade, events)),
        "scores": _each(trades, _scores),
        "allocations": _each(trades, _allocations),
        "movements": movements(events, parts),
        "balances": _balances(history),
        "seats": [
            row for title, office in offices.items() for row in _seats(title, office, events, parts)
        ],
        "reputations": [row for title, office in offices.items() for row in _stakes(title, office)],
        "penalties": _penalties(history),
        "disputes": _disputes(history),
    }


def _parts(history: History) -> dict[str, str]:
    """Name each contract by its address."""
    return {address: part for part, address in asdict(history.contracts).items() if address}


def _each(trades: Iterable[Trade], rows: Callable[[Trade], Iterable[Row]]) -> Expected:
    return [row for trade in trades for row in rows(trade)]


# --------------------------------------------------------------------- the log


def _blocks(events: Sequence[Event], parents: Mapping[int, str]) -> Expected:
    counted = Counter(event.log.block for event in events)
    found = {event.log.block: event for event in events}
    return [
        {
            "number": number,
            "hash": _hex(event.log.block_hash),
            "parent": parents[number],
            "timestamp": event.timestamp,
            "events": counted[number],
        }
        for number, event in found.items()
    ]


def _event(event: Event, parts: Mapping[str, str]) -> Row:
    log = event.log
    return {
        "block": log.block,
        "log_index": log.index,
        "transaction": _hex(log.transaction),
        "address": log.address,
        "contract": parts[log.address],
        "name": event.name,
        "trade": _hex(event.trade) if event.trade is not None else "",
        "topics": "".join(_hex(topic) for topic in log.topics),
        "data": _hex(log.data),
    }


# ------------------------------------------------------------------- the trades


def _trade(trade: Trade, events: Sequence[Event]) -> Row:
    request, acceptance = trade.request, trade.acceptance
    quote = acceptance.quote if acceptance else None
    asked = next(e for e in events if e.name == "ModelRequested" and e.trade == trade.id)
    return {
        "id": trade.name,
        "requested": asked.log.block,
        "state": trade.state.name,
        "deadline": trade.deadline,
        "buyer": trade.buyer,
        "broker": trade.broker,
        "auditor": request.auditor,
        "currency": request.currency,
        "budget": request.budget,
        "threshold": request.threshold,
        "max_attempts": request.max_attempts,
        "min_rows": request.min_rows,
        "fee_bps": request.fee_bps,
        "committee": _hex(request.committee),
        "panel": _hex(request.panel),
        "spec": _hex(request.spec),
        "licence": _hex(request.licence),
        "windows": json.dumps(list(vars(request.windows).values())),
        "accepted": acceptance.block if acceptance else -1,
        "price": acceptance.components + trade.protocol_fee if acceptance else 0,
        "expert_pool": quote.expert_pool if quote else 0,
        "broker_fee": quote.broker_fee if quote else 0,
        "auditor_fee": quote.auditor_fee if quote else 0,
        "oracle_fee": quote.oracle_fee if quote else 0,
        "protocol_fee": trade.protocol_fee,
        "attempts": len(trade.attempts),
        "attested": trade.attested,
        "approved": trade.approved,
        "disputed": trade.disputed is not None,
        "overturned": trade.overturned,
        "escrow": trade.escrow,
    }


def _parties(trade: Trade) -> Expected:
    request = trade.request
    roles = {(getattr(request, role), role) for role in ("buyer", "broker", "auditor", "treasury")}
    roles |= {(supply.provider, "provider") for supply in trade.supplies}
    roles |= {(expert, "expert") for expert in (trade.data.finding.experts if trade.data else ())}
    roles |= {
        (member, "signer") for i, member in enumerate(trade.members) if trade.signers >> i & 1
    }
    return [{"account": account, "trade": trade.name, "role": role} for account, role in roles]


def _offers(trade: Trade) -> Expected:
    quotes = trade.acceptance.quote.data_quotes if trade.acceptance else ()

    def outcome(position: int) -> str:
        if trade.data is None:
            return "open"
        return "accepted" if trade.data.finding.accepted >> position & 1 else "dropped"

    return [
        {
            "trade": trade.name,
            "position": i,
            "provider": offer.provider,
            "dataset": _hex(offer.dataset),
            "rows": offer.rows,
            "price": offer.price,
            "outcome": outcome(i),
        }
        for i, offer in enumerate(quotes)
    ]


def _gate(trade: Trade) -> Expected:
    finding = trade.data.finding if trade.data else None
    chosen = zip(finding.experts, finding.weights, strict=True) if finding else ()
    return [
        {"trade": trade.name, "position": i, "expert": expert, "weight": weight}
        for i, (expert, weight) in enumerate(chosen)
    ]


def _attempts(trade: Trade, events: Sequence[Event]) -> Expected:
    blocks = {
        event["attempt"]: event.log.block
        for event in events
        if event.name == "AttemptReported" and event.trade == trade.id
    }
    return [
        {
            "trade": trade.name,
            "attempt": attempt.number,
            "block": blocks[attempt.number],
            "passed": attempt.passed,
            "signers": attempt.signers,
            "verdicts": attempt.verdicts,
            "model": _hex(attempt.finding.model),
            "training": _hex(attempt.finding.training),
            "delivery": _hex(attempt.finding.delivery),
            "evidence": _hex(attempt.finding.evidence),
        }
        for attempt in trade.attempts
    ]


def _scores(trade: Trade) -> Expected:
    return [
        {"trade": trade.name, "attempt": attempt.number, "seat": seat, "score": score}
        for attempt in trade.attempts
        for seat, score in trade.opened(attempt).items()
    ]


def _allocations(trade: Trade) -> Expected:
    experts = trade.data.finding.experts if trade.data else ()
    return [
        {
            "trade": trade.name,
            "attempt": attempt.number,
            "position": i,
            "expert": expert,
            "amount": amount,
        }
        for attempt in trade.attempts
        for i, (expert, amount) in enumerate(zip(experts, attempt.finding.amounts, strict=False))
    ]


# ------------------------------------------------------------- what is around them


def _balances(history: History) -> Expected:
    books: dict[str, dict[tuple[str, str], int]] = {
        "market": history.credit,
        "challenges": history.disputes.credit,
        "committee": {(account, NATIVE): wei for account, wei in history.committee.credit.items()},
        "panel": {(account, NATIVE): wei for account, wei in history.panel.credit.items()},
    }
    return [
        {"ledger": ledger, "account": account, "currency": currency, "amount": amount}
        for ledger, book in books.items()
        for (account, currency), amount in book.items()
    ]


def _seats(
    title: str, office: Office, events: Sequence[Event], parts: Mapping[str, str]
) -> Expected:
    own = [event for event in events if parts[event.log.address] == title]
    starts = {e["version"]: e["effectiveAt"] for e in own if e.name == "RotationScheduled"}
    cancelled = {e["version"] for e in own if e.name == "RotationCancelled"}
    return [
        {
            "office": title,
            "version": version,
            "seat": seat,
            "member": member,
            "threshold": committee.threshold,
            "effective_at": starts[version],
            "cancelled": version in cancelled,
            "digest": _hex(committee.digest),
        }
        for version, committee in office.committees.items()
        for seat, member in enumerate(committee.members)
    ]


def _stakes(title: str, office: Office) -> Expected:
    return [
        {
            "office": title,
            "member": member,
            "bonded": office.bonded.get(member, 0),
            "unbonding": office.unbonding.get(member, 0),
            "slashed": sum(slash.amount for slash in office.slashes if slash.member == member),
            "slashes": sum(slash.member == member and slash.amount > 0 for slash in office.slashes),
        }
        for member in office.bonded.keys() | office.unbonding.keys()
    ]


_PENALTIES = {
    "VerdictOverturned": "verdict",
    "ClosedSealsPenalised": "closed-seals",
    "SilencePenalised": "silence",
}
_RULINGS = {
    "VerdictUpheld": "upheld",
    "VerdictOverturned": "overturned",
    "ChallengeLapsed": "lapsed",
}


def _penalties(history: History) -> Expected:
    return [
        {
            "block": act.event.log.block,
            "log_index": act.event.log.index,
            "trade": _hex(trade),
            "kind": _PENALTIES[act.event.name],
            "attempt": act.event.values.get("attempt", 0),
            "seats": act.event.values.get("closed", 0),
            "slashed": act.event["slashed"],
        }
        for trade, acts in history.disputes.acts.items()
        for act in acts
        if act.event.name in _PENALTIES
    ]


def _disputes(history: History) -> Expected:
    return [
        {
            "trade": _hex(trade),
            "challenger": act.event["challenger"],
            "claim": _hex(act.event["claim"]),
            "currency": act.event["currency"],
            "bond": act.event["bond"],
            "deadline": act.event["deadline"],
            "ruling": _ruling(acts),
        }
        for trade, acts in history.disputes.acts.items()
        for act in acts
        if act.event.name == CHALLENGE
    ]


def _ruling(acts: Sequence[Act]) -> str:
    rulings = [_RULINGS[act.event.name] for act in acts if act.event.name in _RULINGS]
    return rulings[-1] if rulings else "open"


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
