"""Intervals: centred on the exact share, and as wide as shares really scatter."""

import numpy as np
import pytest

from offchain.contribution import shapley, skill
from offchain.contribution.intervals import share_intervals

RULES = {"shapley": shapley, "skill": skill}


def draw(generator: np.random.Generator, rows: int, classes: int):
    """Three experts of different skill, and rows without votes."""
    labels = generator.integers(0, classes, rows)
    labels[:classes] = np.arange(classes)
    knows = np.array([0.9, 0.6, 0.3])
    right = generator.random((3, rows)) < knows[:, None]
    said = np.where(right, labels, generator.integers(0, classes, (3, rows)))
    predictions = generator.integers(0, 500, (3, rows, classes), dtype=np.int16)
    np.put_along_axis(predictions, said[:, :, None], 1500, axis=2)
    gates = generator.choice(np.array([[800, 700, 547], [0, 1200, 847], [0, 0, 0]]), rows)
    return predictions, gates.astype(np.int16), labels


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "gini"])
@pytest.mark.parametrize("division", RULES)
def test_the_share_is_the_exact_one(metric, division) -> None:
    votes = draw(np.random.default_rng(106), 300, 2)
    values = [float(value) for value in RULES[division](*votes, metric)]
    paid = sum(max(0.0, value) for value in values)
    for value, found in zip(values, share_intervals(*votes, metric, division), strict=True):
        assert found.share == pytest.approx(max(0.0, value) / paid, abs=1e-5)
        assert 0.0 <= found.low <= found.share <= found.high <= 1.0


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "gini"])
@pytest.mark.parametrize("division", RULES)
def test_about_95_of_100_intervals_hold_the_truth(metric, division) -> None:
    """The truth from 5,000 rows; 100 samples of 200 rows, so 95 % has a deviation of 2.2."""
    generator = np.random.default_rng(107)
    population = draw(generator, 5_000, 2)
    truth = [found.share for found in share_intervals(*population, metric, division)]
    held = np.zeros(3)
    for _ in range(100):
        rows = generator.integers(0, 5_000, 200)
        predictions, gates, labels = population
        sample = predictions[:, rows], gates[rows], labels[rows]
        found = share_intervals(*sample, metric, division)
        held += [part.low <= true <= part.high for part, true in zip(found, truth, strict=True)]
    assert np.all(held >= 0.88 * 100)
    assert held.mean() <= 0.99 * 100


def test_more_rows_make_narrower_intervals() -> None:
    few, many = (
        share_intervals(*draw(np.random.default_rng(108), rows, 4), "accuracy", "shapley")[0]
        for rows in (200, 3_200)
    )
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(4, rel=0.3)


def test_nobody_earns_and_nothing_is_known() -> None:
    labels = np.zeros(4, np.int64)
    votes = np.zeros((2, 4, 2), np.int16), np.ones((4, 2), np.int16), labels
    found = share_intervals(*votes, "accuracy", "shapley")
    assert [(part.share, part.low, part.high) for part in found] == [(0.0, 0.0, 1.0)] * 2


def test_one_row_of_a_class_says_nothing_about_others() -> None:
    predictions, gates, labels = draw(np.random.default_rng(109), 40, 2)
    labels[:] = 0
    labels[0] = 1
    found = share_intervals(predictions, gates, labels, "balanced_accuracy", "shapley")
    assert {(part.low, part.high) for part in found} == {(0.0, 1.0)}
