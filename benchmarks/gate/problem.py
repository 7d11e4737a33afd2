"""What every method reads: experts' answers on the buyer's and the test rows, kept on disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate.division import Division
from benchmarks.gate.images import clothes, digits
from benchmarks.gate.learners import Learned
from benchmarks.gate.tables import TABLES
from benchmarks.gate.texts import tweets

TASKS: Mapping[str, Callable[[int], Division]] = {
    "digits": digits,
    "clothes": clothes,
    "tweets": tweets,
    **TABLES,
}


@dataclass(frozen=True, eq=False)
class Problem:
    """A task with its experts' answers.

    Parameters
    ----------
    features, labels, answers
        The buyer's rows: float32 (n, d), int64 (n,), float32 (E, n, C).
    test_features, test_labels, test_answers
        The same of the test rows.
    domain, test_domain
        Int64: where each row comes from.
    pooled
        Float32 (n_test, C): answers of one model trained on all owners' rows.
    seconds
        Float64 (E,): time that each expert takes for one row in batches of thousands.
    names
        (E,) of the experts.
    """

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    answers: NDArray[np.float32]
    domain: NDArray[np.int64]
    test_features: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    test_answers: NDArray[np.float32]
    test_domain: NDArray[np.int64]
    pooled: NDArray[np.float32]
    seconds: NDArray[np.float64]
    names: NDArray[Any]

    @property
    def classes(self) -> int:
        """Number of classes C."""
        return self.answers.shape[2]

    def first(self, rows: int) -> Problem:
        """Return the problem of a buyer that has labelled so many rows only."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values |= {name: values[name][:rows] for name in ("features", "labels", "domain")}
        return Problem(**(values | {"answers": self.answers[:, :rows]}))


def load_problem(task: str, seed: int, cache: Path) -> Problem:
    """Read a problem from the cache, or train the experts and keep what they answer."""
    path = cache / f"{task}-{seed}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        problem = _trained(TASKS[task](seed), seed)
        unfinished = path.with_suffix(".part.npz")
        np.savez(unfinished, **{f.name: getattr(problem, f.name) for f in fields(problem)})
        unfinished.rename(path)
    with np.load(path) as arrays:
        return Problem(**arrays)


def _trained(division: Division, seed: int) -> Problem:
    answers, tested, seconds = [], [], []
    for at, owner in enumerate(division.owners):
        rows = owner.rows
        model = Learned(owner.kind, rows.features, rows.labels, division.classes, seed * 100 + at)
        answers.append(model.predict_proba(division.buyer.features))
        start = time.process_time()
        tested.append(model.predict_proba(division.test.features))
        seconds.append((time.process_time() - start) / len(division.test.labels))
    everything = [owner.rows for owner in division.owners]
    pooled = Learned(
        division.pooled_kind,
        np.concatenate([rows.features for rows in everything]),
        np.concatenate([rows.labels for rows in everything]),
        division.classes,
        seed,
    )
    return Problem(
        division.buyer.features,
        division.buyer.labels,
        np.stack(answers),
        division.buyer.domain,
        division.test.features,
        division.test.labels,
        np.stack(tested),
        division.test.domain,
        pooled.predict_proba(division.test.features),
        np.array(seconds),
        np.array([owner.name for owner in division.owners]),
    )
