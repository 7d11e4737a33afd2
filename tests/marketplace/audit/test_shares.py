"""The audit's arithmetic against the oracle's: other methods, the same fractions."""

from fractions import Fraction

import numpy as np
import pytest

from marketplace.audit.shares import amounts_due, contributions
from offchain.contribution import shapley, skill
from offchain.oracle.allocation import allocate
from offchain.validation import Evidence

RULES = {"shapley": shapley, "skill": skill}


def votes(seed: int, metric: str):
    """Return random votes with ties, masked experts and rows without any vote."""
    generator = np.random.default_rng(seed)
    experts, rows = int(generator.integers(1, 7)), int(generator.integers(4, 40))
    classes = 2 if metric == "gini" else int(generator.integers(2, 5))
    top = int(generator.choice([2, 6, 2048]))
    predictions = generator.integers(0, top, (experts, rows, classes), dtype=np.int16)
    gates = generator.integers(0, top, (rows, experts), dtype=np.int16)
    gates[generator.random(gates.shape) < 0.3] = 0
    labels = generator.integers(0, classes, rows)
    labels[:2] = 0, 1
    return predictions, gates, labels


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "gini"])
@pytest.mark.parametrize("division", RULES)
@pytest.mark.parametrize("seed", range(100, 125))
def test_two_programs_find_the_same_fractions(division, metric, seed) -> None:
    game = votes(seed, metric)
    names = [f"0x{expert:040x}" for expert in range(len(game[0]))]
    mine = contributions(division, *game, metric)
    expected = RULES[division](*game, metric)
    assert mine == (expected if max(expected) > 0 else shapley(*game, metric))
    if max(mine) > 0:
        votes_cast = Evidence(tuple(names), *game[:2])
        shares = allocate(votes_cast, game[2], metric, names, 10**18 + 7, division)
        assert tuple(share.contribution for share in shares) == mine
        assert [share.amount for share in shares] == amounts_due(10**18 + 7, mine)


def test_shapley_values_divide_where_nobody_has_skill() -> None:
    """One expert, right in two rows of three, always sure, and surest where it is wrong."""
    predictions = np.zeros((1, 6, 2), np.int16)
    predictions[0, :, 0] = 2047
    labels = np.array([0, 0, 0, 0, 1, 1])
    gates = np.full((6, 1), 2047, np.int16)
    assert skill(predictions, gates, labels, "accuracy")[0] < 0
    found = contributions("skill", predictions, gates, labels, "accuracy")
    assert found == shapley(predictions, gates, labels, "accuracy") == (Fraction(2, 3),)
    (share,) = allocate(
        Evidence(("0xa",), predictions, gates), labels, "accuracy", ["0xA"], 7, "skill"
    )
    assert (share.contribution, share.amount) == (Fraction(2, 3), 7)


def test_the_rules_differ() -> None:
    game = votes(100, "accuracy")
    assert contributions("shapley", *game, "accuracy") != contributions("skill", *game, "accuracy")


@pytest.mark.parametrize("metric", ["accuracy", "gini"])
def test_too_many_experts_are_refused(metric) -> None:
    ones = np.ones((21, 2, 2), np.int16), np.ones((2, 21), np.int16), np.array([0, 1])
    with pytest.raises(ValueError, match="21 experts together are over 20"):
        contributions("shapley", *ones, metric)


def test_experts_are_taken_up_to_the_bound(monkeypatch) -> None:
    game = votes(100, "accuracy")
    experts = len(game[0])
    monkeypatch.setattr("marketplace.audit.shares.MAX_EXPERTS", experts)
    assert len(contributions("shapley", *game, "accuracy")) == experts
    monkeypatch.setattr("marketplace.audit.shares.MAX_EXPERTS", experts - 1)
    with pytest.raises(ValueError, match=f"{experts} experts together are over {experts - 1}"):
        contributions("shapley", *game, "accuracy")


def test_shapley_values_divide_where_skills_cancel_out() -> None:
    """One expert, right in the first row of each class, and in sum as good as no opinion at all."""
    towards = [3, -13, 69, -57]  # by so much more for the right class than for the wrong one
    labels = np.array([0, 0, 1, 1])
    predictions = np.zeros((1, 4, 2), np.int16)
    for row, (label, lead) in enumerate(zip(labels, towards, strict=True)):
        predictions[0, row, label], predictions[0, row, 1 - label] = (
            (2047 + lead) // 2,
            (2047 - lead) // 2,
        )
    game = predictions, np.full((4, 1), 2047, np.int16), labels, "accuracy"
    assert skill(*game) == (0,)
    assert contributions("skill", *game) == shapley(*game) == (Fraction(1, 2),)
