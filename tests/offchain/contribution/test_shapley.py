import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.contribution import coalition_score, payout_weights, shapley
from offchain.validation import score_votes

from .voting_games import average_gain, games, worth_of


@settings(deadline=None)
@given(games())
def test_values_equal_the_definition(game) -> None:
    assert shapley(*game) == average_gain(len(game[0]), worth_of(game))


@settings(deadline=None)
@given(games(9))
def test_values_sum_to_the_score(game) -> None:
    assert sum(shapley(*game)) == score_votes(*game).fraction


@settings(deadline=None)
@given(games(7), st.randoms(use_true_random=False))
def test_order_of_experts_changes_nothing(game, random) -> None:
    predictions, gates, labels, metric = game
    order = list(range(len(predictions)))
    random.shuffle(order)
    values = shapley(*game)
    moved = shapley(predictions[order], gates[:, order], labels, metric)
    assert moved == tuple(values[index] for index in order)


@settings(deadline=None)
@given(games())
def test_twins_earn_the_same(game) -> None:
    predictions, gates, labels, metric = game
    twice = shapley(
        np.concatenate([predictions, predictions[:1]]),
        np.concatenate([gates, gates[:, :1]], axis=1),
        labels,
        metric,
    )
    assert twice[0] == twice[-1]


@settings(deadline=None)
@given(games())
def test_an_expert_without_weight_earns_nothing_and_changes_nothing(game) -> None:
    predictions, gates, labels, metric = game
    idle = np.zeros_like(gates[:, :1])
    values = shapley(
        np.concatenate([predictions, predictions[:1]]),
        np.concatenate([gates, idle], axis=1),
        labels,
        metric,
    )
    assert values == (*shapley(*game), Fraction(0))


def test_masking_equals_renormalising_the_gate() -> None:
    generator = np.random.default_rng(3)
    predictions = generator.integers(0, 2048, (4, 50, 3), dtype=np.int16)
    gates = generator.integers(0, 500, (50, 4), dtype=np.int16)
    labels = generator.integers(0, 3, 50)
    masked = coalition_score(predictions, gates, labels, "accuracy", [0, 2])
    scaled = gates[:, [0, 2]] * np.int16(4)
    assert masked == score_votes(predictions[[0, 2]], scaled, labels, "accuracy")


def test_nobody_is_worth_nothing() -> None:
    predictions = np.full((2, 3, 2), 5, np.int16)
    gates = np.ones((3, 2), np.int16)
    labels = np.zeros(3, np.int64)
    assert coalition_score(predictions, gates, labels, "accuracy", []).numerator == 0


def test_sixteen_experts_in_every_row_are_exact() -> None:
    generator = np.random.default_rng(1)
    predictions = generator.integers(0, 2048, (16, 40, 4), dtype=np.int16)
    gates = generator.integers(1, 200, (40, 16), dtype=np.int16)
    labels = generator.integers(0, 4, 40)
    values = shapley(predictions, gates, labels, "balanced_accuracy")
    assert sum(values) == score_votes(predictions, gates, labels, "balanced_accuracy").fraction


def test_arrays_must_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        shapley(
            np.zeros((2, 3, 2), np.int16),
            np.zeros((3, 1), np.int16),
            np.zeros(3, np.int64),
            "accuracy",
        )


def test_too_many_experts_in_a_row_are_refused() -> None:
    with pytest.raises(ValueError, match="over 20"):
        shapley(
            np.ones((21, 1, 2), np.int16),
            np.ones((1, 21), np.int16),
            np.zeros(1, np.int64),
            "accuracy",
        )


@given(st.lists(st.fractions(-1, 1), min_size=1, max_size=6))
def test_payout_weights_keep_exact_proportions(values) -> None:
    weights = payout_weights(values)
    positive = [max(value, Fraction(0)) for value in values]
    assert all(isinstance(weight, int) and weight >= 0 for weight in weights)
    total, whole = sum(positive), sum(weights)
    if total == 0:
        assert whole == 0
    else:
        assert [Fraction(weight, whole) for weight in weights] == [v / total for v in positive]
        assert math.gcd(*weights) == 1
