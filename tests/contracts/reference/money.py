"""How amounts divide: exact, in whole units, by fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def fee_of(parts: int, basis_points: int) -> int:
    """Return the protocol's fee on a sum, rounded down."""
    return int(Fraction(parts * basis_points, 10_000))


def evenly(total: int, count: int) -> list[int]:
    """Divide by heads; the units left over go one each to the first."""
    return [total // count + (place < total % count) for place in range(count)]


def by_weight(total: int, weights: Sequence[int]) -> list[int]:
    """Divide by weights (Hamilton); units left over go to the largest remainders, in order."""
    exact = [Fraction(total * weight, sum(weights)) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(weights)), key=lambda i: (shares[i] - exact[i], i))
    for place in by_remainder[: total - sum(shares)]:
        shares[place] += 1
    return shares


def upper_median(values: Sequence[int]) -> int:
    """Return the middle value, of an even number the higher of the two."""
    return sorted(values)[len(values) // 2]
