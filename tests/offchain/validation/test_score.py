from fractions import Fraction

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from offchain.validation import Score, class_weights, score_decisions, score_votes

LABELS = hnp.arrays(np.int64, 24, elements=st.integers(0, 3))


@given(LABELS, LABELS)
def test_scores_agree_with_scikit_learn(labels, decisions) -> None:
    assume(len(np.unique(labels)) > 1)  # scikit-learn warns about a single class
    present = np.unique(labels)
    decisions = present[decisions % len(present)]
    plain = score_decisions(decisions, labels, "accuracy")
    balanced = score_decisions(decisions, labels, "balanced_accuracy")
    assert float(plain.fraction) == pytest.approx(accuracy_score(labels, decisions))
    assert float(balanced.fraction) == pytest.approx(balanced_accuracy_score(labels, decisions))


@given(LABELS)
def test_every_class_can_earn_equally_much(labels) -> None:
    points, total = class_weights(labels, "balanced_accuracy")
    earned = {points[label] * int((labels == label).sum()) for label in points}
    assert earned == {total // len(points)}


def test_parts_per_million_round_down() -> None:
    assert Score(2, 3).ppm == 666_666
    assert Score(2, 3).fraction == Fraction(2, 3)
    assert Score(3, 3).ppm == 1_000_000


def test_a_row_without_votes_is_wrong() -> None:
    predictions = np.array([[[2047, 0], [2047, 0]]], np.int16)
    gates = np.array([[2047], [0]], np.int16)
    assert score_votes(predictions, gates, np.array([0, 0]), "accuracy") == Score(1, 2)


def test_no_rows_have_no_score() -> None:
    with pytest.raises(ValueError, match="at least one"):
        class_weights(np.zeros(0, np.int64), "accuracy")
