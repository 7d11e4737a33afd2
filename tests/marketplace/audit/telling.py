"""Events as a log would tell them, for parts of the audit that fold events in memory."""

from __future__ import annotations

from typing import Any

from eth_utils.crypto import keccak

from marketplace.audit.abi import Event
from marketplace.audit.blocks import Log
from marketplace.audit.chain import Contracts

CONTRACT = "0x" + "cc" * 20
BY_NAME = Contracts(
    market="the market",
    rules="the rules",
    committee="the committee",
    panel="the panel",
    challenges="the challenges",
    registry="the registry",
)
"""A market's contracts by names instead of addresses, for what only compares them."""


def told(name: str, timestamp: int = 0, *, by: str = CONTRACT, **values: Any) -> Event:
    """Return an event in a transaction of its own.

    Parameters
    ----------
    timestamp
        When its block was made, in seconds since 1970.
    by
        Who logged it.
    """
    transaction = keccak(text=f"{name} {timestamp} {values}")
    return Event(name, values, Log(by, (), b"", 1, bytes(32), transaction, 0), timestamp)
