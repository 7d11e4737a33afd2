"""Intervals against published and independent values."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.product.metrics import measure, wilson


@pytest.mark.parametrize(
    ("right", "rows", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson(right, rows, low, high) -> None:
    """81 of 263 is the example of Newcombe (1998), table I, method 3."""
    assert wilson(right, rows) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_nothing_is_refused() -> None:
    for right, rows in ((0, 0), (3, 2), (-1, 5)):
        with pytest.raises(ValueError, match="is no share"):
            wilson(right, rows)


def _ranked(rows: int, seed: int):
    """Votes of a ranking whose Gini coefficient is 2 Phi(1 / sqrt 2) - 1 = 0.5205 at large."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(2, size=rows)
    votes = np.zeros((rows, 2), np.int64)
    votes[:, 1] = 1e6 * (10 + labels + generator.normal(size=rows))
    votes[:, 0] = 1
    return votes, labels


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(10):
        found = measure(*_ranked(120, seed), "gini")[1]
        assert found.metric == "gini"
        inside += found.low <= 0.5205 <= found.high
    assert inside >= 7


def test_groups_are_measured_apart() -> None:
    votes, labels = _ranked(60, 3)
    groups = ["left"] * 30 + ["right"] * 25 + ["few"] * 5
    found = {(m.group, m.metric): m for m in measure(votes, labels, "gini", groups)}
    assert {group for group, _ in found} == {"", "left", "right", "few"}
    alone = measure(votes[:30], labels[:30], "gini")
    assert found["left", "gini"].estimate == alone[1].estimate
    assert found["few", "gini"].estimate is None
    assert found["few", "accuracy"].rows == 5
