"""Leave one out: what the composite loses without an expert, all others present.

``l_i = v(all) - v(all - i)``. Two experts that can stand in for each other both get nothing.
"""

from __future__ import annotations

from fractions import Fraction

from offchain.contribution.game import Table


def leave_one_out_value(table: Table) -> list[Fraction]:
    """Return the losses (k,) of a game given by its value at every bit mask."""
    everybody = len(table) - 1
    return [
        Fraction(int(table[everybody] - table[everybody ^ (1 << player)]))
        for player in range(everybody.bit_length())
    ]
