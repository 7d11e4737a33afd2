"""Every rule against its definition on random small games, and on games with known answers."""

from fractions import Fraction
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.contribution.banzhaf import banzhaf_value
from offchain.contribution.game import divide, whole_game
from offchain.contribution.game import games as parts_of
from offchain.contribution.inclusive import LEAST_HOME, homes, inclusive
from offchain.contribution.least_core import least_core
from offchain.contribution.leave_one_out import leave_one_out_value
from offchain.contribution.owen import owen, owen_value
from offchain.contribution.sampled import sampled_shapley
from offchain.contribution.shapley import shapley, shapley_value
from offchain.contribution.wins import count_wins
from offchain.validation import score_votes

from .voting_games import average_gain, games, subsets, worth_of

ALL_METRICS = ("accuracy", "balanced_accuracy", "gini")
GLOVES = np.array([0, 0, 0, 1, 0, 1, 0, 1])  # a left glove, two right ones
MAJORITY = np.array([0, 0, 0, 1, 0, 1, 1, 1])


@settings(deadline=None, max_examples=20)
@given(games(4, ALL_METRICS))
def test_banzhaf_is_the_mean_gain_over_all_coalitions(game) -> None:
    experts, worth = len(game[0]), worth_of(game)
    found = divide(parts_of(*game), experts, banzhaf_value)
    for player in range(experts):
        others = subsets(set(range(experts)) - {player})
        gains = [worth((*members, player)) - worth(members) for members in others]
        assert found[player] == sum(gains) / Fraction(len(gains))


@settings(deadline=None, max_examples=20)
@given(games(5, ALL_METRICS))
def test_leave_one_out_is_what_everybody_loses(game) -> None:
    experts, worth = len(game[0]), worth_of(game)
    everybody = tuple(range(experts))
    found = divide(parts_of(*game), experts, leave_one_out_value)
    for player in everybody:
        assert found[player] == worth(everybody) - worth(tuple(set(everybody) - {player}))


@settings(deadline=None, max_examples=20)
@given(games(5, ALL_METRICS), st.lists(st.integers(0, 2), min_size=5, max_size=5))
def test_owen_is_the_mean_gain_over_orders_without_interruptions(game, owner) -> None:
    experts = len(game[0])
    owner = owner[:experts]
    together = [
        order
        for order in permutations(range(experts))
        if len(set(owner)) == 1 + sum(owner[a] != owner[b] for a, b in pairwise(order))
    ]
    assert owen(parts_of(*game), owner) == average_gain(experts, worth_of(game), together)


@settings(deadline=None, max_examples=15)
@given(games(6, ALL_METRICS))
def test_owen_of_lone_experts_is_shapley(game) -> None:
    assert owen(parts_of(*game), range(len(game[0]))) == shapley(*game)


@settings(deadline=None, max_examples=15)
@given(games(5, ALL_METRICS))
def test_the_whole_game_is_v(game) -> None:
    table = whole_game(parts_of(*game), len(game[0]))
    worth = worth_of(game)
    for mask, members in enumerate(subsets(range(len(game[0])))):
        assert table[mask] == pytest.approx(float(worth(members)), abs=1e-12)


@settings(deadline=None, max_examples=15)
@given(games(5, ALL_METRICS))
def test_nobody_misses_more_than_the_excess_of_the_least_core(game) -> None:
    values = whole_game(parts_of(*game), len(game[0]))
    found = least_core(values)
    assert found.values.sum() == pytest.approx(values[-1], abs=1e-7)
    for mask, members in enumerate(subsets(range(len(game[0])))):
        if 0 < mask < len(values) - 1:
            assert found.values[list(members)].sum() >= values[mask] - found.excess - 1e-6


def test_known_values() -> None:
    assert shapley_value(GLOVES) == [Fraction(2, 3), Fraction(1, 6), Fraction(1, 6)]
    assert banzhaf_value(GLOVES) == [Fraction(3, 4), Fraction(1, 4), Fraction(1, 4)]
    assert leave_one_out_value(GLOVES) == [1, 0, 0]
    assert owen_value(GLOVES, "abb") == [Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)]
    assert owen_value(GLOVES, "aab") == [Fraction(3, 4), Fraction(1, 4), 0]
    assert shapley_value(MAJORITY) == [Fraction(1, 3)] * 3
    assert banzhaf_value(MAJORITY) == [Fraction(1, 2)] * 3


def test_known_least_cores() -> None:
    gloves = least_core(GLOVES.astype(float))
    assert gloves.values == pytest.approx([1, 0, 0], abs=1e-6)
    assert gloves.excess == pytest.approx(0, abs=1e-6)
    majority = least_core(MAJORITY.astype(float))
    assert majority.values == pytest.approx([1 / 3] * 3, abs=1e-6)
    assert majority.excess == pytest.approx(1 / 3, abs=1e-6)


def test_more_rows_than_a_byte_counts() -> None:
    """A chunk's wins are summed in bytes."""
    generator = np.random.default_rng(100)
    predictions = generator.integers(0, 2048, (2, 2_000, 3), dtype=np.int16)
    gates = generator.integers(1, 900, (2_000, 2), dtype=np.int16)
    won = count_wins(predictions, gates, 1)
    votes = score_votes(predictions, gates, np.ones(2_000, np.int64), "accuracy")
    assert won[3] == votes.numerator > 255
    done: list[int] = []
    count_wins(predictions, gates, 1, done.append)
    assert sum(done) == 2_000


@settings(deadline=None, max_examples=15)
@given(games(6), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_bit(game, random) -> None:
    predictions, gates, labels, metric = game
    order = list(range(len(labels)))
    random.shuffle(order)
    moved = predictions[:, order], gates[order], labels[order], metric
    assert [part.table.tolist() for part in parts_of(*game)] == [
        part.table.tolist() for part in parts_of(*moved)
    ]


def test_inclusive_counts_every_home() -> None:
    """Two experts, 300 and 100 rows; each is right at home, where the other has no weight."""
    gates = np.zeros((400, 2), np.int16)
    gates[:300, 0] = gates[300:, 1] = 2047
    labels = np.arange(400) % 2
    predictions = np.zeros((2, 400, 2), np.int16)
    predictions[:, np.arange(400), labels] = 2047
    assert shapley(predictions, gates, labels, "accuracy") == (Fraction(3, 4), Fraction(1, 4))
    assert inclusive(predictions, gates, labels, "accuracy") == (Fraction(5, 8), Fraction(3, 8))


def test_small_homes_are_one_home() -> None:
    gates = np.zeros((100, 4), np.int16)
    gates[:60, 0] = gates[60 : 60 + LEAST_HOME, 1] = 5
    gates[90:94, 2] = gates[94:99, 3] = 5
    assert np.unique(homes(gates), return_counts=True)[1].tolist() == [1, 60, LEAST_HOME, 9]


def test_a_ranking_has_no_homes() -> None:
    votes = np.ones((1, 4, 2), np.int16), np.ones((4, 1), np.int16), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match="no rows of its own"):
        inclusive(*votes, "gini")


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_sampling_finds_the_values(metric) -> None:
    generator = np.random.default_rng(101)
    classes = 2 if metric == "gini" else 4
    predictions = generator.integers(0, 2048, (6, 80, classes), dtype=np.int16)
    gates = generator.integers(0, 300, (80, 6), dtype=np.int16)
    labels = np.arange(80) % classes
    exact = np.array([float(value) for value in shapley(predictions, gates, labels, metric)])
    found = sampled_shapley(predictions, gates, labels, metric, pairs=300, seed=102)
    assert np.all(np.abs(found.values - exact) < 4.5 * found.errors)
    assert found.errors.max() < 0.02
    assert found.values.sum() == pytest.approx(exact.sum())
    again = sampled_shapley(predictions, gates, labels, metric, pairs=300, seed=102)
    assert again.values.tolist() == found.values.tolist()


def test_more_experts_than_can_be_listed_are_sampled() -> None:
    generator = np.random.default_rng(103)
    predictions = generator.integers(0, 2048, (24, 30, 3), dtype=np.int16)
    gates = generator.integers(1, 80, (30, 24), dtype=np.int16)
    labels = np.arange(30) % 3
    with pytest.raises(ValueError, match="over 20"):
        shapley(predictions, gates, labels, "accuracy")
    found = sampled_shapley(predictions, gates, labels, "accuracy", pairs=20, seed=104)
    score = score_votes(predictions, gates, labels, "accuracy")
    assert found.values.sum() == pytest.approx(float(score.fraction))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: owen_value(GLOVES, "ab"), "2 owners do not fit 8 coalitions"),
        (lambda: least_core(np.zeros(6)), "6 values"),
        (lambda: whole_game([], 21), "21 experts have too many coalitions"),
        (
            lambda: sampled_shapley(
                np.ones((1, 1, 2), np.int16),
                np.ones((1, 1), np.int16),
                np.zeros(1),
                "accuracy",
                1,
                0,
            ),
            "at least two",
        ),
        (
            lambda: shapley(np.ones((1, 1, 2)), np.ones((1, 1), np.int16), np.zeros(1), "accuracy"),
            "predictions are float64, not int16",
        ),
        (
            lambda: shapley(np.ones((1, 1, 2), np.int16), np.ones((1, 1)), np.zeros(1), "accuracy"),
            "gate weights are float64, not int16",
        ),
    ],
)
def test_refusals(call, words) -> None:
    with pytest.raises(ValueError, match=words):
        call()
