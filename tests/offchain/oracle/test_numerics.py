"""When two machines' results count as the same, and what a failing routine becomes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marketplace.protocol.errors import MissingContent, UnusableData
from offchain.data import Dataset
from offchain.oracle.numerics import (
    QUANTUM,
    TOLERANCE,
    refusing,
    routing_apart,
    same_votes,
    subsets_apart,
    votes_apart,
)
from offchain.training import Subset
from offchain.validation import SCALE, Evidence

EXPERTS, ROWS, CLASSES = 2, 60, 3


def evidence(seed: int = 0) -> Evidence:
    generator = np.random.default_rng(seed)
    return Evidence(
        ("a", "b"),
        generator.integers(2, SCALE - 2, (EXPERTS, ROWS, CLASSES)).astype(np.int16),
        generator.integers(2, SCALE - 2, (ROWS, EXPERTS)).astype(np.int16),
    )


def moved(votes: Evidence, entries: int, by: int) -> Evidence:
    predictions = votes.predictions.copy()
    predictions.reshape(-1)[:entries] += np.int16(by)
    return Evidence(votes.experts, predictions, votes.gates)


def test_votes_on_the_other_side_of_a_border_are_the_same() -> None:
    votes = evidence()
    assert same_votes(votes, votes)
    assert same_votes(moved(votes, 3, QUANTUM), votes)
    assert same_votes(moved(votes, 3, -QUANTUM), votes)


def test_votes_further_apart_are_not() -> None:
    votes = evidence()
    assert not same_votes(moved(votes, 1, 2 * QUANTUM), votes)
    assert not same_votes(moved(votes, votes.predictions.size // 2, QUANTUM), votes)
    gates = votes.gates.copy()
    gates[5, 1] += 2
    assert not same_votes(Evidence(votes.experts, votes.predictions, gates), votes)
    assert not same_votes(Evidence(("b", "a"), votes.predictions, votes.gates), votes)
    assert not same_votes(
        Evidence(votes.experts, votes.predictions[:, :-1], votes.gates[:-1]), votes
    )


def test_distances_are_shares() -> None:
    votes = evidence()
    assert votes_apart(votes, votes) == 0.0
    assert votes_apart(votes, Evidence(("a",), votes.predictions[:1], votes.gates[:, :1])) == 1.0
    here, there = np.zeros((4, 2), np.int16), np.zeros((4, 2), np.int16)
    here[:, 0], there[:, 1] = SCALE, SCALE
    assert routing_apart(here, there) == 1.0
    there[0] = here[0]
    assert routing_apart(here, there) == 0.75
    assert routing_apart(here, here[:3]) == 1.0


@given(arrays(np.int16, (5, 3), elements=st.integers(0, SCALE)))
def test_a_routing_is_like_itself(routed: np.ndarray[tuple[int, int], np.dtype[np.int16]]) -> None:
    assert routing_apart(routed, routed) == 0.0


def subset(rows: int, weight: float = 1.0) -> Subset:
    generator = np.random.default_rng(3)
    features = generator.normal(size=(rows, 4)).astype(np.float32)
    labels = generator.integers(0, 2, rows)
    return Subset(Dataset(features, labels), np.full(rows, weight, np.float32))


@given(st.permutations(range(20)))
def test_the_order_of_a_subsets_rows_does_not_matter(order: list[int]) -> None:
    one, rows = subset(20), np.array(order)
    other = Subset(one.dataset.take(rows), one.weights[rows])
    assert subsets_apart(other, one) == 0.0


def test_other_rows_labels_and_weights_do() -> None:
    ours = subset(100)
    fewer = Subset(ours.dataset.take(np.arange(90)), ours.weights[:90])
    assert subsets_apart(fewer, ours) == pytest.approx(0.1)
    doubled = Subset(ours.dataset, ours.weights * np.float32(2))
    assert subsets_apart(doubled, ours) == pytest.approx(1.0)
    flipped = Subset(Dataset(ours.dataset.features, 1 - ours.dataset.labels), ours.weights)
    assert subsets_apart(flipped, ours) == pytest.approx(2.0)
    nearly = Subset(ours.dataset.take(np.arange(99)), ours.weights[:99])
    assert subsets_apart(nearly, ours) <= TOLERANCE


@pytest.mark.parametrize(
    "failure",
    [
        ZeroDivisionError("by zero"),
        RuntimeError("did not converge\nbecause"),
        ValueError(),
        KeyError(3),
    ],
)
def test_a_routine_that_fails_becomes_a_refusal(failure: Exception) -> None:
    expected = r"^the rows can't be pooled \(.+\); drop them$"
    with (
        pytest.raises(UnusableData, match=expected) as seen,
        refusing("the rows can't be pooled", "drop them"),
    ):
        raise failure
    assert "\n" not in str(seen.value)


def test_refusals_and_crashes_pass_through() -> None:
    with pytest.raises(MissingContent), refusing("x", "y"):
        raise MissingContent("gone", "look elsewhere")
    with pytest.raises(AssertionError), refusing("x", "y"):
        raise AssertionError
