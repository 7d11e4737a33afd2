"""A cheap look at one provider's data before it is paid: whether labels follow from features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.errors import UnusableData
from offchain.data.dataset import Dataset, Task
from offchain.experts import expert

FOLDS = 3
LEAST_EVIDENCE = 4.0
MAX_ROWS = 2_000
KINDS = ("nearest-neighbours", "logistic")


@dataclass(frozen=True)
class Acceptance:
    """What was found about one provider's rows.

    Parameters
    ----------
    evidence
        How many standard errors the labels are easier to predict than shuffled ones, by the
        first kind of model that finds enough.
    accepted
        Whether that is enough.
    """

    evidence: float
    accepted: bool


def examine(dataset: Dataset, task: Task, seed: int) -> Acceptance:
    """Measure whether a model of two thirds of the rows predicts the last third's labels.

    Each row's predicted probability of its own label is compared with that of the labels
    of all rows: under shuffled labels the difference is zero on average. Only the
    provider's own rows are used, so that data unlike everybody else's is not refused.
    """
    generator = np.random.default_rng([seed, 2])
    chosen = generator.permutation(len(dataset))[:MAX_ROWS]
    rows = dataset.take(chosen)
    counts = np.bincount(rows.labels, minlength=len(task.classes))
    if len(rows) < 2 * FOLDS or np.count_nonzero(counts) < 2:
        return Acceptance(0.0, False)
    strongest = 0.0
    for kind in KINDS:
        strongest = max(strongest, _evidence(rows, kind, counts, seed))
        if strongest >= LEAST_EVIDENCE:
            break
    return Acceptance(strongest, strongest >= LEAST_EVIDENCE)


def require_usable(datasets: Mapping[str, Dataset], task: Task, seed: int) -> None:
    """Refuse the first provider whose labels do not follow from its features.

    Raises
    ------
    UnusableData
        Naming the provider and the evidence found.
    """
    for name, dataset in datasets.items():
        found = examine(dataset, task, seed)
        if not found.accepted:
            raise UnusableData(
                f"the labels of provider {name!r} do not follow from its features"
                f" ({found.evidence:.1f} standard errors above chance)",
                f"deliver rows whose labels reach at least {LEAST_EVIDENCE:g}",
            )


def _evidence(rows: Dataset, kind: str, counts: NDArray[np.int64], seed: int) -> float:
    fold = np.arange(len(rows)) % FOLDS
    frequencies = counts / counts.sum()
    gains = np.zeros(len(rows))
    for held in range(FOLDS):
        learn, judge = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        fitted = expert(kind).fit(
            rows.features[learn],
            rows.labels[learn],
            np.ones(len(learn), np.float32),
            len(counts),
            seed,
        )
        answers = fitted.predict_proba(rows.features[judge])
        typical = answers @ frequencies
        gains[judge] = answers[np.arange(len(judge)), rows.labels[judge]] - typical
    error = gains.std() / np.sqrt(len(gains))
    return float(gains.mean() / error) if error > 0 else 0.0
