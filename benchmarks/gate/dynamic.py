"""DESlib's dynamic selection, KNORA-U and META-DES, over experts that have answered already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from deslib.base import BaseDS
from deslib.des.knora_u import KNORAU
from deslib.des.meta_des import METADES
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import validate_data

from benchmarks.gate.answer import Answer
from benchmarks.gate.problem import Problem
from benchmarks.gate.rivals import Method, embedded

# DESlib 0.3.7 calls a method of estimators that scikit-learn 1.7 took away and offers as a
# function since. Upstream has mended it, without a release.
BaseDS._validate_data = lambda self, *arrays, **options: validate_data(self, *arrays, **options)

ROW = 1e-9
"""Unit of the last column, which holds a row's number: far too small to move a neighbour."""


class Answered(ClassifierMixin, BaseEstimator):
    """A classifier that looks its answer up by the row's number."""

    def __init__(self, answers: NDArray[np.float32]) -> None:
        self.answers = answers
        self.classes_ = np.arange(answers.shape[1])

    def fit(self, rows: NDArray[Any], labels: NDArray[Any]) -> Answered:
        """Do nothing: the expert is trained."""
        return self

    def predict_proba(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Return the answers (n, C)."""
        return self.answers[np.rint(rows[:, -1] / ROW).astype(int)]

    def predict(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """Return the likeliest classes (n,)."""
        return self.predict_proba(rows).argmax(axis=1)


def _select(kind: type[BaseDS], problem: Problem, **options: Any) -> Answer:
    own, other = embedded(problem)
    number = np.arange(len(own) + len(other))[:, None] * ROW
    rows = np.hstack([np.concatenate([own, other]).astype(np.float64), number])
    both = np.concatenate([problem.answers, problem.test_answers], axis=1)
    # A class that the buyer has no row of would be unknown to DESlib's encoder.
    pool = [Answered(answers) for answers in both]
    chooser = kind(pool, n_jobs=1, **options)
    labels = problem.labels
    missing = np.setdiff1d(np.arange(problem.classes), labels)
    known = np.concatenate([rows[: len(own)], rows[np.zeros(len(missing), int)]])
    chooser.fit(known, np.concatenate([labels, missing]))
    parts = [chooser.predict_proba(part) for part in np.array_split(rows[len(own) :], 8)]
    called = np.ones((len(other), len(pool)), bool)  # competence is judged from all answers
    return Answer(np.concatenate(parts), called)


def knora_u(problem: Problem, seed: int) -> Answer:
    """KNORA-U (Ko, Sabourin and Britto 2008), 7 neighbours."""
    return _select(KNORAU, problem, k=min(7, len(problem.labels) - 1), voting="soft")


def meta_des(problem: Problem, seed: int) -> Answer:
    """META-DES (Cruz et al. 2015), DESlib's settings."""
    return _select(METADES, problem, random_state=seed, voting="soft")


DYNAMIC: Mapping[str, Method] = {"DESlib KNORA-U": knora_u, "DESlib META-DES": meta_des}
