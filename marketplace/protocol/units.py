"""Money and shares as integers: units, exact splits, and how amounts are shown."""

from __future__ import annotations

from collections.abc import Sequence

PARTS = 1_000_000
"""Scores, thresholds and gate weights are parts per million."""

BASIS_POINTS = 10_000
"""Fees are basis points."""

WEI = 10**18
"""Smallest units in one coin or 18-decimal token."""


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """Split an amount by integer weights without losing a unit (Hamilton's method).

    Everyone gets the rounded-down share; the units left over go one each to the
    largest remainders, the earlier position first among equal ones. Give the
    weights in ascending order of the payees' addresses, as the contracts do, and
    the result does not depend on anyone's choice of order.

    Parameters
    ----------
    total
        Amount in the smallest unit (wei), not negative.
    weights
        Non-negative integers with a positive sum.

    Returns
    -------
    list of int
        One amount per weight; they sum to `total`, and a zero weight gets zero.

    Raises
    ------
    ValueError
        If the total or a weight is negative, or all weights are zero.
    """
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("total and weights must not be negative")
    whole = sum(weights)
    if whole == 0:
        raise ValueError("at least one weight must be positive")
    amounts = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for i in by_remainder[: total - sum(amounts)]:
        amounts[i] += 1
    return amounts


def even_split(total: int, count: int) -> list[int]:
    """Split an amount evenly; the units left over go one each to the first positions."""
    return largest_remainder(total, [1] * count)


def in_coins(wei: int, symbol: str = "ETH") -> str:
    """Show an amount in coins, exactly: ``1.25 ETH`` for 1250000000000000000 wei."""
    whole, rest = divmod(abs(wei), WEI)
    fraction = f"{rest:018d}".rstrip("0")
    sign = "-" if wei < 0 else ""
    return f"{sign}{whole}{'.' + fraction if fraction else ''} {symbol}"


def in_percent(parts: int) -> str:
    """Show parts per million as percent: ``93.5 %`` for 935000."""
    return f"{parts / 10_000:.4g} %"
