"""Skill against its definition, and what it was chosen for."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offchain.contribution import skill
from offchain.validation import SCALE, class_weights

from .voting_games import average_gain, games

ALL_METRICS = ("accuracy", "balanced_accuracy", "gini")


def brier_skill(game):
    """Return v(S): how much less squared error than the classes' frequencies have."""
    predictions, gates, labels, metric = game
    points, total = class_weights(labels, metric)
    classes = predictions.shape[2]
    u = [Fraction(points.get(c, 0) * int((labels == c).sum()), total) for c in range(classes)]

    def worth(members):
        gained = Fraction(0)
        for row, label in enumerate(labels.tolist()):
            for c in range(classes):
                said = u[c] + sum(
                    Fraction(int(gates[row, e]), SCALE)
                    * (Fraction(int(predictions[e, row, c]), SCALE) - u[c])
                    for e in members
                )
                truth = int(c == label)
                gained += Fraction(points[label], total) * (
                    (truth - u[c]) ** 2 - (truth - said) ** 2
                )
        return gained

    return worth


@settings(deadline=None, max_examples=25)
@given(games(4, ALL_METRICS))
def test_is_the_shapley_value_of_the_brier_skill(game) -> None:
    found = skill(*game)
    worth = brier_skill(game)
    assert found == average_gain(len(game[0]), worth)
    assert sum(found) == worth(tuple(range(len(game[0]))))


@settings(deadline=None, max_examples=25)
@given(games(5, ALL_METRICS), st.integers(0, 4))
def test_an_expert_that_splits_its_weight_gets_as_much(game, player) -> None:
    predictions, gates, labels, metric = game
    player %= len(predictions)
    half = gates[:, player] // 2
    split = np.concatenate([gates, half[:, None]], axis=1)
    split[:, player] -= half
    copies = np.concatenate([predictions, predictions[player : player + 1]])
    found = skill(copies, split, labels, metric)
    alone = skill(*game)
    assert found[player] + found[-1] == alone[player]
    assert [v for e, v in enumerate(found[:-1]) if e != player] == [
        v for e, v in enumerate(alone) if e != player
    ]


@settings(deadline=None, max_examples=15)
@given(games(5, ALL_METRICS), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_experts_changes_no_bit(game, random) -> None:
    predictions, gates, labels, metric = game
    rows, experts = list(range(len(labels))), list(range(len(predictions)))
    random.shuffle(rows)
    random.shuffle(experts)
    moved = skill(predictions[experts][:, rows], gates[rows][:, experts], labels[rows], metric)
    alone = skill(*game)
    assert moved == tuple(alone[expert] for expert in experts)


def test_who_says_the_frequencies_gets_almost_nothing() -> None:
    """One row in four is of class 1; an expert that always says so is off by a rounding."""
    labels = np.arange(400) % 4 // 3
    predictions = np.zeros((2, 400, 2), np.int16)
    predictions[0] = 1535, 512
    predictions[1, np.arange(400), labels] = SCALE
    gates = np.full((400, 2), 1023, np.int16)
    idle, knows = skill(predictions, gates, labels, "accuracy")
    assert abs(idle) < Fraction(1, 10_000)
    assert knows > Fraction(1, 4)


def test_hundreds_of_experts_are_exact() -> None:
    generator = np.random.default_rng(105)
    predictions = generator.integers(0, 2048, (300, 20, 3), dtype=np.int16)
    gates = np.full((20, 300), 6, np.int16)
    found = skill(predictions, gates, generator.integers(0, 3, 20), "accuracy")
    assert len(found) == 300
    assert all(isinstance(value, Fraction) for value in found)


def test_sums_beyond_64_bits_do_not_wrap() -> None:
    """The largest votes that int16 can hold, against Python's own integers."""
    predictions = np.full((60, 9, 2), 2047, np.int16)
    gates = np.full((9, 60), 2047, np.int16)
    labels = np.arange(9) % 2
    # u is 5/9 and 4/9, p - u is 1 - u, for all; the composite's is 60 times that.
    u = (Fraction(5, 9), Fraction(4, 9))
    value = sum(
        Fraction(1, 9) * (1 - u[c]) * (2 * (int(c == label) - u[c]) - 60 * (1 - u[c]))
        for label in labels.tolist()
        for c in (0, 1)
    )
    assert skill(predictions, gates, labels, "accuracy") == (value,) * 60


@pytest.mark.parametrize(
    ("predictions", "gates", "words"),
    [
        (np.ones((2, 3, 2)), np.ones((3, 2), np.int16), "float64, not int16"),
        (np.ones((2, 3, 2), np.int16), np.ones((3, 1), np.int16), "do not fit"),
    ],
)
def test_refusals(predictions, gates, words) -> None:
    with pytest.raises(ValueError, match=words):
        skill(predictions, gates, np.zeros(3, np.int64), "accuracy")
