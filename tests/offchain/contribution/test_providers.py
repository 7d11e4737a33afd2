"""What providers' rows are worth: against the definition, and against three tricks."""

from itertools import permutations

import numpy as np
import pytest

from offchain.contribution.providers import by_provider, knn_shapley, retrained_shapley


def neighbours_right(features, labels, judged, judged_labels, members, k) -> float:
    """Return the utility of some rows: the share of the K nearest that have the label."""
    total = 0.0
    for row, label in zip(judged, judged_labels, strict=True):
        far = sorted(members, key=lambda index: (((features[index] - row) ** 2).sum(), index))
        total += sum(labels[index] == label for index in far[:k]) / k
    return total / len(judged)


@pytest.mark.parametrize("k", [1, 2, 3, 7])
def test_equals_the_definition(k) -> None:
    generator = np.random.default_rng(110 + k)
    features = generator.integers(0, 4, (5, 2)).astype(np.float32)  # with equal distances
    labels = generator.integers(0, 2, 5)
    judged = generator.normal(1.5, 1, (6, 2)).astype(np.float32)
    truth = generator.integers(0, 2, 6)
    values = np.zeros(5)
    orders = list(permutations(range(5)))
    for order in orders:
        for place, row in enumerate(order):
            before, after = (
                neighbours_right(features, labels, judged, truth, order[:size], k)
                for size in (place, place + 1)
            )
            values[row] += (after - before) / len(orders)
    assert knn_shapley(features, labels, judged, truth, k) == pytest.approx(values, abs=1e-12)


def rows(generator: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two overlapping clouds, one for each class."""
    labels = generator.integers(0, 2, size)
    return (generator.normal(0, 1, (size, 4)) + labels[:, None]).astype(np.float32), labels


def test_what_a_copy_poison_and_a_split_are_worth() -> None:
    generator = np.random.default_rng(115)
    features, labels = rows(generator, 120)
    judged, truth = rows(generator, 300)
    provider = np.repeat([0, 1, 2], 40)
    honest = by_provider(knn_shapley(features, labels, judged, truth), provider, 3)
    assert honest.min() > 0

    wrong = labels.copy()
    wrong[provider == 2] = 1 - wrong[provider == 2]
    poisoned = by_provider(knn_shapley(features, wrong, judged, truth), provider, 3)
    assert poisoned[2] < 0 < poisoned[:2].min()

    halves = np.where((provider == 2) & (np.arange(120) % 2 == 1), 3, provider)
    split = by_provider(knn_shapley(features, labels, judged, truth), halves, 4)
    assert split[2] + split[3] == pytest.approx(honest[2])

    both = np.concatenate([features, features[:40]]), np.concatenate([labels, labels[:40]])
    owner = np.concatenate([provider, np.full(40, 3)])
    copied = by_provider(knn_shapley(*both, judged, truth), owner, 4)
    assert copied[0] < honest[0]
    assert copied[0] + copied[3] > honest[0]


def test_retraining_for_every_coalition() -> None:
    worth = {(): 0.0, (0,): 0.2, (1,): 0.4, (0, 1): 0.9}
    asked: list[tuple[int, ...]] = []

    def score(members: tuple[int, ...]) -> float:
        asked.append(members)
        return worth[members]

    assert retrained_shapley(2, score) == pytest.approx([0.35, 0.55])
    assert sorted(asked) == sorted(worth)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x, y: knn_shapley(x, y[:2], x, y), "3 training rows have 2 labels"),
        (lambda x, y: knn_shapley(x, y, x[:0], y[:0]), "0 test rows"),
        (lambda x, y: knn_shapley(x, y, x[:, :1], y), "do not compare"),
        (lambda x, y: knn_shapley(x, y, x, y, 0), "at least one"),
        (lambda _x, _y: retrained_shapley(7, len), "take 1 to 6"),
    ],
)
def test_refusals(call, words) -> None:
    with pytest.raises(ValueError, match=words):
        call(np.zeros((3, 2), np.float32), np.zeros(3, np.int64))
