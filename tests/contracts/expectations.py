"""How the tests of the contracts say what they expect: refusals, events and money."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from parties import PARTIES
from web3.types import TxReceipt

from marketplace.chain.market import Market
from marketplace.protocol.errors import TransactionReverted
from marketplace.protocol.states import Purpose
from marketplace.protocol.terms import NATIVE


@contextmanager
def refused(error: str, *values: object) -> Iterator[None]:
    """Expect the contracts to refuse with exactly this Solidity error and these values."""
    with pytest.raises(TransactionReverted) as refusal:
        yield
    assert refusal.value.reason == f"{error}({', '.join(_shown(value) for value in values)})"
    assert refusal.value.transaction is None  # refused before it was sent


@contextmanager
def refused_for_one_of(*names: str) -> Iterator[None]:
    """Expect one of these errors, where the values in it can't be known beforehand."""
    with pytest.raises(TransactionReverted) as refusal:
        yield
    assert refusal.value.reason.partition("(")[0] in names


@contextmanager
def seat_refused(seat: int = 0) -> Iterator[None]:
    """Expect that the member in a seat has not signed what was posted."""
    with refused("BadSeatSignature", seat, PARTIES.signers[seat].address):
        yield


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, str):
        return value.lower() if value.startswith("0x") else value
    return str(int(value)) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def events(market: Market, receipt: TxReceipt) -> list[tuple[str, dict[str, Any]]]:
    """Return name and arguments of the market's events in a transaction, in order."""
    return [(event["event"], dict(event["args"])) for event in market.decoded(receipt)]


def only_event(market: Market, receipt: TxReceipt, name: str) -> dict[str, Any]:
    """Return the arguments of the one event of a transaction."""
    ((found, arguments),) = events(market, receipt)
    assert found == name
    return arguments


def payments(market: Market, receipt: TxReceipt) -> list[tuple[str, int, Purpose]]:
    """Return account, amount and purpose of each credit in a transaction, in order."""
    return [
        (paid["account"], paid["amount"], Purpose(paid["purpose"]))
        for name, said in events(market, receipt)
        if name == "Credited"
        for paid in said["payments"]
    ]


def refund(market: Market, receipt: TxReceipt) -> int:
    """Return what the buyer got back in a transaction."""
    return sum(said["amount"] for name, said in events(market, receipt) if name == "Refunded")


def credits_of(market: Market, currency: str = NATIVE) -> dict[str, int]:
    """Return what each party may withdraw, those with nothing left out."""
    known = {
        party.address: market.credit_of(party.address, currency) for party in PARTIES.everyone()
    }
    return {account: credit for account, credit in known.items() if credit}


def held_by(market: Market, currency: str = NATIVE) -> int:
    """Return how much of a currency the market's contract has."""
    if currency == NATIVE:
        return market.node.balance(market.address)
    token = market.node.contract("DevToken", currency)
    return int(market.node.call(token.functions.balanceOf(market.address)))
