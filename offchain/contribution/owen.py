"""Owen values: Shapley among owners first, then among the experts of each owner.

The average gain over the orders of arrival in which an owner's experts come one after the
other (Owen 1977). Who splits one expert into many arrives only once:

``o_i = sum over H of owners without u, T of u without i:
h! (m - h - 1)! / m! * t! (|u| - t - 1)! / |u|! * (v(H + T + i) - v(H + T))``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from offchain.contribution.game import Game, Table, merged


def owen(parts: Iterable[Game], owners: Sequence[object]) -> tuple[Fraction, ...]:
    """Return each expert's Owen value; they sum to v(all).

    Parameters
    ----------
    parts
        Games whose sum is v.
    owners
        Who each expert belongs to, one entry per expert.
    """
    values = [Fraction(0)] * len(owners)
    for part in merged(parts):
        found = owen_value(part.table, [owners[player] for player in part.players])
        for player, value in zip(part.players, found, strict=True):
            values[player] += part.worth * value
    return tuple(values)


def owen_value(table: Table, owners: Sequence[object]) -> list[Fraction]:
    """Return the Owen values (k,) of a game given by its value at every bit mask.

    Raises
    ------
    ValueError
        If there is not one owner for each player.
    """
    if len(table) != 1 << len(owners):
        raise ValueError(f"{len(owners)} owners do not fit {len(table)} coalitions")
    unions: dict[object, list[int]] = {}
    for player, owner in enumerate(owners):
        unions.setdefault(owner, []).append(player)
    values = [Fraction(0)] * len(owners)
    for owner, members in unions.items():
        others, outside = _unite(
            [
                sum(1 << player for player in union)
                for name, union in unions.items()
                if name != owner
            ]
        )
        for player in members:
            friends, inside = _unite([1 << friend for friend in members if friend != player])
            without = friends[:, None] | others[None, :]
            gains = table[without | (1 << player)] - table[without]
            values[player] = sum(
                (
                    _weight(size, len(members))
                    * _weight(crowd, len(unions))
                    * int(gains[np.ix_(inside == size, outside == crowd)].sum())
                    for size in range(len(members))
                    for crowd in range(len(unions))
                ),
                Fraction(0),
            )
    return values


def _unite(masks: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the union of every subset of the masks, and how many masks are in it."""
    unions, counts = np.zeros(1, np.int64), np.zeros(1, np.int64)
    for mask in masks:
        unions = np.concatenate([unions, unions | mask])
        counts = np.concatenate([counts, counts + 1])
    return unions, counts


def _weight(before: int, players: int) -> Fraction:
    """Return how often exactly these ``before`` come first in an order of all players."""
    ways = math.factorial(before) * math.factorial(players - before - 1)
    return Fraction(ways, math.factorial(players))
