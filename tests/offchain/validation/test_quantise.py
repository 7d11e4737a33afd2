import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.validation import SCALE, decide, quantise_gate, quantise_probabilities, vote

WEIGHTS = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=st.floats(0, 1, width=32)
)


def test_probabilities_are_rounded_to_the_nearest_unit() -> None:
    given_values = np.array([0.0, 0.25, 0.5 / SCALE, 1.5 / SCALE, 1.0])
    assert quantise_probabilities(given_values).tolist() == [0, 512, 0, 2, 2047]


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e-9, 1.0000001])
def test_what_is_no_probability_is_refused(value) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantise_probabilities(np.array([0.5, value]))


@given(WEIGHTS)
def test_gate_rows_are_divided_without_loss(weights) -> None:
    units = quantise_gate(weights)
    totals = weights.astype(np.float64).sum(axis=1)
    assert units.dtype == np.int16
    assert (units >= 0).all()
    assert (units[weights == 0] == 0).all()
    np.testing.assert_array_equal(units.sum(axis=1), np.where(totals > 0, SCALE, 0))
    shares = weights[totals > 0] / totals[totals > 0, None] * SCALE
    assert (np.abs(units[totals > 0] - shares) < 1 + 1e-6).all()


def test_gate_remainder_goes_to_the_lower_index_among_equals() -> None:
    assert quantise_gate(np.ones((1, 3))).tolist() == [[683, 682, 682]]
    assert quantise_gate(np.array([[0.0, 1.0, 1.0]])).tolist() == [[0, 1024, 1023]]


@pytest.mark.parametrize("weights", [np.array([[-1.0, 2.0]]), np.array([[np.nan]]), np.ones(3)])
def test_what_is_no_gate_is_refused(weights) -> None:
    with pytest.raises(ValueError, match="gate weights"):
        quantise_gate(weights)


def test_votes_are_exact_at_the_largest_values() -> None:
    predictions = np.full((20, 1, 2), SCALE, np.int16)
    gates = np.full((1, 20), SCALE, np.int16)
    assert vote(predictions, gates).tolist() == [[20 * SCALE**2] * 2]


def test_lowest_class_wins_ties_and_no_votes_decide_nothing() -> None:
    votes = np.array([[5, 9, 9], [4, 4, 4], [0, 0, 0], [0, 0, 1]])
    assert decide(votes).tolist() == [1, 0, -1, 2]
