"""What rules pay whom, on a small version of the benchmark: scikit-learn's 8 x 8 digits."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from benchmarks.contribution.experts import CLASSES, DOMAINS, Answers, Parties
from benchmarks.contribution.strategies import LINES, Shares, situations

SEED, ROWS = 100, 200


def learned(features: NDArray[np.float32], labels: NDArray[np.int64]) -> LogisticRegression:
    return LogisticRegression(max_iter=40, tol=1e-2).fit(features.reshape(len(labels), -1), labels)


@pytest.fixture(scope="module")
def small() -> Parties:
    """Twelve specialists, a star, two half-generalists, and one with half its labels random."""
    pixels, digits = load_digits(return_X_y=True)
    images, digits = (pixels.reshape(-1, 8, 8) / 16.0).astype(np.float32), digits.astype(np.int64)
    generator = np.random.default_rng(SEED)
    train, buyer, test = np.split(generator.permutation(len(digits)), [1_000, 1_400])
    holdings = []
    for view in range(len(DOMAINS)):
        low, high = train[digits[train] < 5], train[digits[train] >= 5]
        holdings += [(rows, [view]) for rows in (low, high, generator.choice(train, 150))]
    views = list(range(len(DOMAINS)))
    for size, some in ((600, views), (300, views[:2]), (300, views[2:]), (400, views)):
        holdings.append((generator.choice(train, size), some))
    models = []
    for number, (rows, some) in enumerate(holdings):
        seen = np.stack([DOMAINS[generator.choice(some)](images[row][None])[0] for row in rows])
        labels = digits[rows].copy()
        if number == len(holdings) - 1:
            labels[::2] = generator.integers(0, CLASSES, len(labels[::2]))
        models.append(learned(seen, labels))
    return Parties(*(asked(models, images[rows], digits[rows]) for rows in (buyer, test)))


def asked(models: list[LogisticRegression], images, digits) -> Answers:
    features = np.ascontiguousarray(np.concatenate([see(images) for see in DOMAINS]))
    said = np.zeros((len(models), len(features), CLASSES), np.float32)
    for answers, model in zip(said, models, strict=True):
        answers[:, model.classes_] = model.predict_proba(features.reshape(len(features), -1))
    domains = np.repeat(np.arange(len(DOMAINS)), len(digits))
    return Answers(features, np.tile(digits, len(DOMAINS)), domains, said)


@pytest.fixture(scope="module")
def shares(small: Parties) -> dict[str, dict[str, Shares]]:
    found = situations(small, SEED, judged=ROWS, copied=(2,))
    return {name: votes.shares() for name, votes in found.items()}


def test_splitting_a_weight_pays_under_shapley_and_not_under_skill(shares) -> None:
    alone, split = LINES["an expert, one copy"], LINES["its weight split among 4 copies"]
    assert split(shares, "skill") == pytest.approx(alone(shares, "skill"))
    assert split(shares, "Owen") == pytest.approx(alone(shares, "Owen"), abs=1e-3)
    assert split(shares, "Shapley") > 1.5 * alone(shares, "Shapley")


def test_a_second_copy_pays_less_to_a_declared_owner(shares) -> None:
    both = LINES["its owner with 2 copies"]
    assert both(shares, "Owen") < both(shares, "Shapley")


@pytest.mark.parametrize("rule", ["Shapley", "Banzhaf", "inclusive", "skill"])
def test_free_riders_get_little(shares, rule) -> None:
    for rider in ("free rider, random answers", "free rider, constant answer"):
        assert LINES[rider](shares, rule) < 0.02


def test_skill_pays_the_noisy_expert_less_than_its_weight(shares) -> None:
    """Shapley value pays it more: alone or in small company it is better than nobody."""
    noisy = LINES["half its labels random"]
    assert noisy(shares, "skill") < 0.5 * noisy(shares, "gate weight")
    assert noisy(shares, "Shapley") > noisy(shares, "gate weight")
    assert noisy(shares, "skill") < LINES["median specialist"](shares, "skill")


def test_leave_one_out_pays_nothing_for_a_copy(shares) -> None:
    assert LINES["its owner with 2 copies"](shares, "leave one out") < 0.02


def test_shares_are_parts_of_the_pool(shares) -> None:
    for found in shares.values():
        for paid in found.values():
            assert paid.sum() == pytest.approx(1.0)
            assert paid.min() >= 0
    assert shares["2 copies"]["Shapley"].shape == (17,)
