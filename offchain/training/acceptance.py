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
MAX_ROWS = 4_000
KINDS = ("nearest-neighbours", "boosted-trees")
TEXT_KINDS = ("hashed-text", "boosted-trees")


@dataclass(frozen=True)
class Acceptance:
    """What was found about one provider's rows.

    Parameters
    ----------
    evidence
        How many standard errors the labels are easier to rank than shuffled ones, by the
        first kind of model that finds enough.
    accepted
        Whether that is enough.
    """

    evidence: float
    accepted: bool


def examine(dataset: Dataset, task: Task, seed: int) -> Acceptance:
    """Measure whether a model of two thirds of the rows ranks the last third's labels.

    For each class, rows of the class should get more of its probability than others
    (Mann and Whitney 1947). Under shuffled labels the evidence is a standard normal number,
    whatever the shares of the classes. Only the provider's own rows are used, so that data
    unlike everybody else's is not refused.
    """
    chosen = np.random.default_rng([seed, 2]).permutation(len(dataset))[:MAX_ROWS]
    rows = dataset.take(chosen)
    if len(rows) < 2 * FOLDS or len(np.unique(rows.labels)) < 2:
        return Acceptance(0.0, False)
    strongest = 0.0
    for kind in _kinds(task):
        strongest = max(strongest, _evidence(rows, kind, len(task.classes), seed))
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


def require_agreeing(
    name: str, dataset: Dataset, reference: Dataset, task: Task, seed: int
) -> None:
    """Refuse a provider whose labels mean something else than the buyer's.

    Labels that were turned round, or renamed, follow from the features as well as right
    ones do. A model of the buyer's own rows ranks them below chance. It is asked about this
    provider's rows alone, so that nobody is refused for having rows of another sort.

    Parameters
    ----------
    reference
        The buyer's rows.

    Raises
    ------
    UnusableData
        If every kind of model ranks the labels clearly below chance.
    """
    generator = np.random.default_rng([seed, 4])
    rows = dataset.take(generator.permutation(len(dataset))[:MAX_ROWS])
    known = reference.take(generator.permutation(len(reference))[:MAX_ROWS])
    found = -np.inf
    for kind in _kinds(task):
        found = max(found, _combined(_scores(known, rows, kind, len(task.classes), seed)))
        if found > -LEAST_EVIDENCE:
            return
    raise UnusableData(
        f"the labels of provider {name!r} contradict the buyer's"
        f" ({-found:.1f} standard errors below chance)",
        "label the rows as the task's class names say",
    )


def _kinds(task: Task) -> tuple[str, ...]:
    return TEXT_KINDS if task.text else KINDS


def _evidence(rows: Dataset, kind: str, classes: int, seed: int) -> float:
    """Judge each fold by a model of the others."""
    fold = np.arange(len(rows)) % FOLDS
    scores: list[float] = []
    for held in range(FOLDS):
        learn = rows.take(np.flatnonzero(fold != held))
        scores += _scores(learn, rows.take(np.flatnonzero(fold == held)), kind, classes, seed)
    return _combined(scores)


def _scores(learn: Dataset, judge: Dataset, kind: str, classes: int, seed: int) -> list[float]:
    """Return the normal score of each class's ranking by a model of other rows."""
    counts = np.bincount(learn.labels, minlength=classes)
    weights = (1.0 / counts[learn.labels]).astype(np.float32)
    fitted = expert(kind).fit(learn.features, learn.labels, weights, classes, seed)
    answers = fitted.predict_proba(judge.features)
    judged = range(1, 2) if classes == 2 else range(classes)
    return [_normal_score(answers[:, label], judge.labels == label) for label in judged]


def _combined(scores: list[float]) -> float:
    """Combine normal scores into one (Stouffer's method)."""
    return float(np.sum(scores) / np.sqrt(len(scores)))


def _normal_score(values: NDArray[np.float32], inside: NDArray[np.bool_]) -> float:
    """Return the Mann-Whitney statistic of values inside against outside, standardised."""
    ours, theirs = values[inside], np.sort(values[~inside])
    if not ours.size or not theirs.size:
        return 0.0
    below = np.searchsorted(theirs, ours, "left") + np.searchsorted(theirs, ours, "right")
    expected = ours.size * theirs.size
    error = np.sqrt(expected * (len(values) + 1) / 12.0)
    return float((below.sum() - expected) / 2.0 / error)
