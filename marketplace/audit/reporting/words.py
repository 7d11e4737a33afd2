"""Amounts and times for people, without ever rounding."""

from __future__ import annotations

from datetime import UTC, datetime

from marketplace.audit.report import counted
from marketplace.protocol.terms import NATIVE

_SPANS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def decimal(amount: int, decimals: int) -> str:
    """Shift an amount in the smallest unit by some digits, exactly: ``1.25`` for 125 and 2."""
    digits = f"{amount:0{decimals + 1}d}"
    whole, rest = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return f"{whole}.{rest}" if rest else whole


def money(amount: int, currency: str, decimals: int | None) -> str:
    """Return an amount with its currency; in the smallest unit, if the token says no other."""
    unit = "coins" if currency == NATIVE else f"of {currency}"
    if decimals is None:
        return f"{amount} smallest units {unit}"
    return f"{decimal(amount, decimals)} {unit}"


def moment(seconds: int) -> str:
    """Return a time in seconds since 1970 as ISO 8601, UTC; as it is, if no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return str(seconds)


def span(seconds: int) -> str:
    """Return a duration by its two largest units, e.g. ``2 days 3 hours``."""
    if seconds <= 0:
        return "at once"
    parts = []
    for unit, size in _SPANS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(counted(count, unit))
    return " ".join(parts[:2])


def short(name: str, kept: int = 8) -> str:
    """Return the beginning and end of an account, a hash or a CID."""
    return name if len(name) <= 2 * kept + 1 else f"{name[:kept]}…{name[-kept:]}"
