"""Small games of votes, with ties and rows without votes, and the definition of each rule."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import permutations

import numpy as np
from hypothesis import strategies as st

from offchain.contribution import coalition_score

METRICS = ("accuracy", "balanced_accuracy")


@st.composite
def games(draw, most_experts=5, metrics=METRICS):
    """Small integers, so that ties and rows without votes are common."""
    experts = draw(st.integers(1, most_experts))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    metric = draw(st.sampled_from(metrics))
    rows = int(generator.integers(2, 9))
    classes = 2 if metric == "gini" else int(generator.integers(2, 4))
    top = int(generator.choice([2, 5, 2048]))
    predictions = generator.integers(0, top, (experts, rows, classes), dtype=np.int16)
    gates = generator.integers(0, top, (rows, experts), dtype=np.int16)
    gates[generator.random(gates.shape) < 0.3] = 0
    labels = generator.integers(0, classes, rows)
    if metric == "gini":
        labels[:2] = 0, 1
    return predictions, gates, labels, metric


def worth_of(game) -> Callable[[tuple[int, ...]], Fraction]:
    """Return v, straight from the definition of the score."""
    return lambda members: coalition_score(*game, members).fraction


def average_gain(experts: int, worth, orders=None) -> tuple[Fraction, ...]:
    """Average marginal contribution over all, or the given, orders of arrival."""
    orders = list(permutations(range(experts))) if orders is None else orders
    values = [Fraction(0)] * experts
    for order in orders:
        before = Fraction(0)
        for place, player in enumerate(order):
            after = worth(order[: place + 1])
            values[player] += after - before
            before = after
    return tuple(value / len(orders) for value in values)


def subsets(players):
    """Every subset of the players, as tuples."""
    players = tuple(players)
    return [
        tuple(p for bit, p in enumerate(players) if mask >> bit & 1)
        for mask in range(1 << len(players))
    ]
