"""The Gini coefficient as an exact fraction of pairs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from marketplace.protocol.errors import ConfigurationError
from offchain.data import Task
from offchain.validation import gini

rows = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40)


@given(rows)
def test_is_twice_the_auc_less_one(pairs: list[tuple[int, bool]]) -> None:
    ranks = np.array([rank for rank, _ in pairs], np.int64)
    labels = np.array([label for _, label in pairs], np.int64)
    if len(set(labels.tolist())) < 2:
        with pytest.raises(ValueError, match="both classes"):
            gini(ranks, labels)
        return
    assert float(gini(ranks, labels).fraction) == pytest.approx(
        2 * roc_auc_score(labels, ranks) - 1
    )
    assert gini(-ranks, labels).fraction == -gini(ranks, labels).fraction


def test_a_ranking_worse_than_chance_counts_as_zero_on_chain() -> None:
    score = gini(np.array([1, 0]), np.array([0, 1]))
    assert (score.fraction, score.ppm) == (-1, 0)


def test_needs_two_classes() -> None:
    with pytest.raises(ConfigurationError, match="two classes"):
        Task("digits", (8, 8), ("0", "1", "2"), "gini")
