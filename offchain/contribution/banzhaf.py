"""Banzhaf values: what an expert adds, averaged over all coalitions of the others.

``b_i = 2^(1 - k) * sum over S without i of (v(S + i) - v(S))`` (Banzhaf 1965; for data,
Wang and Jia 2023). They do not sum to v(all): they say who matters, and become a payment only
in proportion.
"""

from __future__ import annotations

from fractions import Fraction

from offchain.contribution.game import Table
from offchain.contribution.shapley import gains_by_size


def banzhaf_value(table: Table) -> list[Fraction]:
    """Return the Banzhaf values (k,) of a game given by its value at every bit mask."""
    return [Fraction(2 * int(gains.sum()), len(table)) for gains in gains_by_size(table)]
