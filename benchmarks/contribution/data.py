"""What providers' rows are worth: honest, copied, poisoned and split, on the digits scenario.

Two measures: nearest neighbours in closed form, and logistic experts trained for every
coalition of providers. 150 rows of each provider, 400 of the buyer's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from offchain.contribution.providers import by_provider, knn_shapley, retrained_shapley
from offchain.data.dataset import Dataset
from offchain.data.scenarios import load_scenario
from offchain.experts import expert

ROWS, JUDGED, CLASSES = 150, 400, 10

Values = NDArray[np.float64]


def provider_values(seed: int) -> dict[str, dict[str, Values]]:
    """Return values by situation and measure; provider 0 is the one that tries something."""
    scenario = load_scenario("digits", seed)
    judged = scenario.validation.take(np.arange(JUDGED))
    honest = [data.take(np.arange(ROWS)) for data in scenario.providers.values()]
    first, others = honest[0], honest[1:]
    generator = np.random.default_rng([seed, 3])
    wrong = Dataset(first.features, generator.permutation(first.labels))
    halves = [first.take(np.arange(start, ROWS, 2)) for start in (0, 1)]
    situations: Mapping[str, list[Dataset]] = {
        "honest": honest,
        "another copies it": [*honest, first],
        "its labels are shuffled": [wrong, *others],
        "it splits into two": [halves[0], *others, halves[1]],
    }
    return {name: _values(providers, judged, seed) for name, providers in situations.items()}


def _values(providers: list[Dataset], judged: Dataset, seed: int) -> dict[str, Values]:
    features = np.concatenate([data.features for data in providers])
    labels = np.concatenate([data.labels for data in providers])
    owner = np.repeat(np.arange(len(providers)), [len(data) for data in providers])
    near = knn_shapley(features, labels, judged.features, judged.labels)

    def score(members: tuple[int, ...]) -> float:
        if not members:
            return 0.0
        rows = np.isin(owner, members)
        weights = np.ones(int(rows.sum()), np.float32)
        fitted = expert("logistic").fit(features[rows], labels[rows], weights, CLASSES, seed)
        decided = fitted.predict_proba(judged.features).argmax(axis=1)
        return float((decided == judged.labels).mean())

    return {
        "neighbours": by_provider(near, owner, len(providers)),
        "retrained": retrained_shapley(len(providers), score),
    }


def lines(found: Mapping[str, Mapping[str, Values]], measure: str) -> dict[str, float]:
    """Return what is printed of one seed."""
    honest, copied = found["honest"][measure], found["another copies it"][measure]
    poisoned, split = (
        found["its labels are shuffled"][measure],
        found["it splits into two"][measure],
    )
    return {
        "honest provider": float(honest[0]),
        "the others, on average": float(honest[1:].mean()),
        "when another copies it: the original": float(copied[0]),
        "when another copies it: the copy": float(copied[4]),
        "with shuffled labels": float(poisoned[0]),
        "split into two, together": float(split[0] + split[4]),
    }
