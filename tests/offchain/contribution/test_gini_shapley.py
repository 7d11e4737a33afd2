"""Shapley values of a ranking: exact against the definition, and efficient."""

from fractions import Fraction
from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.contribution import coalition_score, shapley
from offchain.validation import score_votes


def game(seed: int, experts: int, rows: int = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    predictions = generator.integers(0, 2048, (experts, rows, 2)).astype(np.int16)
    gates = generator.integers(0, 3, (rows, experts)).astype(np.int16)
    labels = np.arange(rows) % 2
    return predictions, gates, labels


@given(seed=st.integers(0, 10_000), experts=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_equals_the_definition(seed: int, experts: int) -> None:
    predictions, gates, labels = game(seed, experts)

    def worth(members: tuple[int, ...]) -> Fraction:
        return coalition_score(predictions, gates, labels, "gini", members).fraction

    found = shapley(predictions, gates, labels, "gini")
    for player in range(experts):
        others = [other for other in range(experts) if other != player]
        assert found[player] == sum(
            Fraction(factorial(size) * factorial(experts - size - 1), factorial(experts))
            * (worth((*members, player)) - worth(members))
            for size in range(experts)
            for members in combinations(others, size)
        )
    assert sum(found) == score_votes(predictions, gates, labels, "gini").fraction


def test_an_expert_that_is_never_called_gets_nothing() -> None:
    predictions, gates, labels = game(1, 3)
    gates[:, 1] = 0
    assert shapley(predictions, gates, labels, "gini")[1] == 0


def test_refuses_more_experts_than_can_be_ranked() -> None:
    predictions, gates, labels = game(1, 17)
    with pytest.raises(ValueError, match="17 experts, over 16"):
        shapley(predictions, gates, labels, "gini")
