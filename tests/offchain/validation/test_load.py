"""Caps on a trade's public integers."""

from __future__ import annotations

import numpy as np
import pytest

from offchain.validation import SCALE, Evidence, quantise_gate
from offchain.validation.load import capped_gates, load_costs

ROWS, EXPERTS = 300, 4


@pytest.fixture(scope="module")
def trade():
    """A star that is always called and mostly right, and others that are called by halves."""
    generator = np.random.default_rng(100)
    labels = generator.integers(0, 2, ROWS)
    right = generator.random((EXPERTS, ROWS)) < np.array([0.95, 0.6, 0.6, 0.6])[:, None]
    said = np.where(right, labels, 1 - labels)
    predictions = np.where(said[..., None] == np.arange(2), 1_800, 247).astype(np.int16)
    weights = generator.random((ROWS, EXPERTS)) * (generator.random((ROWS, EXPERTS)) < 0.5)
    weights[:, 0] = 2.0 + generator.random(ROWS)
    return Evidence(("star", "b", "c", "d"), predictions, quantise_gate(weights)), labels


def shares(gates):
    called = gates > 0
    return called.sum(axis=0) / called.sum()


@pytest.mark.parametrize("cap", [0.4, 0.35])
def test_a_cap_is_kept_and_only_takes_calls_away(trade, cap) -> None:
    gates = trade[0].gates
    assert shares(gates).max() > 0.4
    found = capped_gates(gates, cap)
    assert shares(found).max() <= cap
    assert not ((found > 0) & (gates == 0)).any()
    np.testing.assert_array_equal(found.sum(axis=1), SCALE)
    kept, taken = (found > 0)[:, 0], (found == 0)[:, 0]
    alone = (gates > 0).sum(axis=1) == 1
    assert kept[alone].all()
    # What was taken weighed less than what was kept where it could have been taken.
    assert gates[taken, 0].max() <= gates[kept & ~alone, 0].min()


def test_no_cap_changes_nothing(trade) -> None:
    np.testing.assert_array_equal(capped_gates(trade[0].gates, 1.0), trade[0].gates)


def test_a_cap_that_cannot_be_kept_leaves_every_row_a_vote(trade) -> None:
    found = capped_gates(trade[0].gates, 0.01)
    assert (found > 0).any(axis=1).all()
    # Of four, none can have less than a quarter at most; the star comes down to about that.
    assert 0.25 <= shares(found).max() < 0.3 < shares(trade[0].gates).max()
    silent = np.zeros((5, 3), np.int16)
    np.testing.assert_array_equal(capped_gates(silent, 0.2), silent)


def test_the_price_of_a_cap_is_told_in_score(trade) -> None:
    evidence, labels = trade
    table = load_costs(evidence, labels, "accuracy", [0.4, 0.3])
    free, loose, tight = table
    assert [line.cap for line in table] == [1.0, 0.4, 0.3]
    assert free.loss == 0
    assert free.score.ppm > 900_000
    assert free.top_share > loose.top_share > tight.top_share
    assert free.calls > loose.calls > tight.calls
    # The star carries this trade: the less of it, the worse.
    assert 0 < loose.loss < tight.loss
    assert tight.loss == free.score.ppm - tight.score.ppm


def test_nothing_is_taken_for_a_cap_that_cannot_be_had() -> None:
    even = quantise_gate(np.ones((50, 3), dtype=np.int64))
    np.testing.assert_array_equal(capped_gates(even, 0.3), even)
