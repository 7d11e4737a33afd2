"""Movements of money, and the balances that they leave."""

from __future__ import annotations

from marketplace.index import tables
from marketplace.index.contracts import MARKET, Event
from marketplace.index.rows import Rows
from marketplace.protocol.states import Purpose
from marketplace.protocol.terms import NATIVE


def locked(rows: Rows, event: Event) -> None:
    """Move money into a trade's escrow."""
    _move(rows, event, "locked", event["from"])
    _into_escrow(rows, event, event["amount"])


def credited(rows: Rows, event: Event) -> None:
    """Move payments out of a trade's escrow, one line each, in their order."""
    for position, payment in enumerate(event["payments"]):
        account, amount = str(payment["account"]), int(payment["amount"])
        purpose = Purpose(payment["purpose"]).name
        _move(rows, event, "credited", account, amount, position=position, purpose=purpose)
        _into_balance(rows, MARKET, account, event["currency"], amount)
        _into_escrow(rows, event, -amount)


def refunded(rows: Rows, event: Event) -> None:
    """Give what is left of a trade's escrow back to the buyer."""
    _move(rows, event, "refunded", event["buyer"])
    _into_balance(rows, MARKET, event["buyer"], event["currency"], event["amount"])
    _into_escrow(rows, event, -event["amount"])


def withdrawn(rows: Rows, event: Event) -> None:
    """Move an account's balance out of any of the contracts."""
    _move(rows, event, "withdrawn", event["account"])
    _into_balance(rows, event.part, event["account"], event["currency"], -event["amount"])


def bonded(rows: Rows, event: Event) -> None:
    """Move a challenger's bond in."""
    _move(rows, event, "bonded", event["challenger"], event["bond"])


def awarded(rows: Rows, event: Event) -> None:
    """Give an account what a ruling or a penalty awards."""
    _move(rows, event, "awarded", event["account"])
    _into_balance(rows, event.part, event["account"], event["currency"], event["amount"])


def staked(rows: Rows, event: Event) -> None:
    """Add to a member's stake."""
    _move(rows, event, "staked", event["member"])
    _into_stake(rows, event, event["amount"], 0)


def unstake_requested(rows: Rows, event: Event) -> None:
    """Put a part of a stake on its way out."""
    _move(rows, event, "unstaking", event["member"])
    _into_stake(rows, event, -event["amount"], event["amount"])


def stake_withdrawn(rows: Rows, event: Event) -> None:
    """Move a part of a stake out."""
    _move(rows, event, "unstaked", event["member"])
    _into_stake(rows, event, 0, -event["amount"])


def slashed(rows: Rows, event: Event) -> None:
    """Give a part of a stake to somebody else; first what is on its way out."""
    member, receiver, amount = event["member"], event["to"], event["amount"]
    _move(rows, event, "slashed", member)
    _move(rows, event, "credited", receiver, position=1)
    _into_balance(rows, event.part, receiver, NATIVE, amount)
    stake = rows.get(tables.reputations, event.part, member)
    leaving = min(amount, stake["unbonding"]) if stake else 0
    _into_stake(rows, event, leaving - amount, -leaving, amount)


def _move(
    rows: Rows,
    event: Event,
    kind: str,
    account: str,
    amount: int | None = None,
    *,
    position: int = 0,
    purpose: str = "",
) -> None:
    rows.add(
        tables.movements,
        block=event.block,
        log_index=event.index,
        position=position,
        ledger=event.part,
        kind=kind,
        trade=event.trade,
        account=account,
        currency=str(event.values.get("currency", NATIVE)),
        amount=int(event["amount"]) if amount is None else int(amount),
        purpose=purpose,
    )


def _into_balance(rows: Rows, ledger: str, account: str, currency: str, amount: int) -> None:
    key = (ledger, account, currency)
    before = rows.get(tables.balances, *key)
    names = dict(zip(("ledger", "account", "currency"), key, strict=True))
    rows.put(tables.balances, **names, amount=(before["amount"] if before else 0) + amount)


def _into_escrow(rows: Rows, event: Event, amount: int) -> None:
    trade = rows.get(tables.trades, event.trade)
    if trade is not None:
        rows.put(tables.trades, **(trade | {"escrow": trade["escrow"] + amount}))


def _into_stake(rows: Rows, event: Event, bonded: int, unbonding: int, slashed: int = 0) -> None:
    member = str(event["member"])
    before = rows.get(tables.reputations, event.part, member) or {
        "bonded": 0,
        "unbonding": 0,
        "slashed": 0,
        "slashes": 0,
    }
    rows.put(
        tables.reputations,
        office=event.part,
        member=member,
        bonded=before["bonded"] + bonded,
        unbonding=before["unbonding"] + unbonding,
        slashed=before["slashed"] + slashed,
        slashes=before["slashes"] + (slashed > 0),
    )
