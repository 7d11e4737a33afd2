"""Each movement of money that the audit's events tell of, as a row of an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from marketplace.audit.abi import Event
from marketplace.protocol.terms import NATIVE

_SINGLE: dict[tuple[str, str], tuple[str, str, str]] = {
    ("market", "Locked"): ("locked", "from", "amount"),
    ("market", "Refunded"): ("refunded", "buyer", "amount"),
    ("market", "Withdrawn"): ("withdrawn", "account", "amount"),
    ("challenges", "Challenged"): ("bonded", "challenger", "bond"),
    ("challenges", "Awarded"): ("awarded", "account", "amount"),
    ("challenges", "CreditWithdrawn"): ("withdrawn", "account", "amount"),
} | {
    (office, event): (kind, account, "amount")
    for office in ("committee", "panel")
    for event, kind, account in (
        ("Staked", "staked", "member"),
        ("UnstakeRequested", "unstaking", "member"),
        ("StakeWithdrawn", "unstaked", "member"),
        ("CreditWithdrawn", "withdrawn", "account"),
    )
}
"""Kind of movement, and which arguments hold account and amount, by contract and event."""


def movements(events: Sequence[Event], parts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows; `parts` names the contracts by their addresses."""
    rows = []
    for event in events:
        ledger = parts[event.log.address]
        for position, (kind, account, amount, purpose) in enumerate(_moved(ledger, event)):
            rows.append(
                {
                    "block": event.log.block,
                    "log_index": event.log.index,
                    "position": position,
                    "ledger": ledger,
                    "kind": kind,
                    "trade": "" if event.trade is None else "0x" + event.trade.hex(),
                    "account": account,
                    "currency": event.values.get("currency", NATIVE),
                    "amount": amount,
                    "purpose": purpose,
                }
            )
    return rows


def _moved(ledger: str, event: Event) -> list[tuple[str, str, int, str]]:
    if (ledger, event.name) == ("market", "Credited"):
        return [
            ("credited", payment["account"], payment["amount"], payment["purpose"].name)
            for payment in event["payments"]
        ]
    if ledger in ("committee", "panel") and event.name == "Slashed":
        amount = event["amount"]
        return [("slashed", event["member"], amount, ""), ("credited", event["to"], amount, "")]
    if (ledger, event.name) in _SINGLE:
        kind, account, amount = _SINGLE[ledger, event.name]
        return [(kind, event[account], event[amount], "")]
    return []
