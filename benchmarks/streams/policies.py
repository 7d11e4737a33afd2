"""Whom to call: competence alone, bandits without exams, and the two together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.streams.market import END, JOIN, KNOWN, Stream
from offchain.gating.bandit import Bandit
from offchain.gating.embedding import Embedding
from offchain.gating.marks import UNIT, Marks

COMPONENTS = 50
RIDGE = 1.0
EXAMS = (50, 100, 500)


class Policy(Protocol):
    """What a stream asks at each query."""

    def choose(self, at: int, calls: int) -> NDArray[np.int64]:
        """Return whom query ``at`` calls, at most ``calls``."""
        ...

    def belief(self, at: int) -> NDArray[np.float64]:
        """Return how likely each expert (E,) is thought right; those called vote by its odds."""
        ...

    def learn(self, at: int, chosen: NDArray[np.int64], told: bool) -> None:
        """Take in whom it called and, if told, who of them was right."""


@dataclass
class Standing:
    """Competence from marks, with a bandit on top."""

    stream: Stream
    competence: NDArray[np.int64]
    cells: NDArray[np.int64]
    bandit: Bandit

    def choose(self, at: int, calls: int) -> NDArray[np.int64]:
        """Ask the bandit."""
        stream = self.stream
        return self.bandit.choose(
            self.competence[at], int(self.cells[at]), stream.prices[at], stream.present[at], calls
        )

    def belief(self, at: int) -> NDArray[np.float64]:
        """Return the corrected competence."""
        return self.bandit.corrected(self.competence[at], int(self.cells[at])) / UNIT

    def learn(self, at: int, chosen: NDArray[np.int64], told: bool) -> None:
        """Tell the bandit."""
        right = self.stream.right[at, chosen] if told else None
        self.bandit = self.bandit.learned(chosen, self.competence[at], int(self.cells[at]), right)


class LinUcb:
    """Disjoint LinUCB (Li et al. 2010, algorithm 1), started on the known rows of incumbents."""

    def __init__(self, stream: Stream, boldness: float) -> None:
        self.stream, self.boldness = stream, boldness
        known = stream.problem.features[:KNOWN]
        embedding = Embedding.fit(known, COMPONENTS, level=False)

        def with_one(features: NDArray[np.float32]) -> NDArray[np.float64]:
            rows = embedding.apply(features).numpy().astype(np.float64)
            return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)

        self.rows = with_one(stream.problem.test_features)[stream.order]
        start, experts = with_one(known), len(stream.names)
        self.inverse = np.stack([np.eye(COMPONENTS + 1) / RIDGE] * experts)
        self.reward = np.zeros((experts, COMPONENTS + 1))
        self.inverse[: stream.incumbents] = np.linalg.inv(
            RIDGE * np.eye(COMPONENTS + 1) + start.T @ start
        )
        right = stream.known_right[:KNOWN, : stream.incumbents]
        self.reward[: stream.incumbents] = right.T.astype(np.float64) @ start
        self.slopes = np.einsum("eij,ej->ei", self.inverse, self.reward)

    def choose(self, at: int, calls: int) -> NDArray[np.int64]:
        """Take the highest upper bounds less prices."""
        row = self.rows[at]
        doubt = np.sqrt(np.maximum((self.inverse @ row) @ row, 0.0))
        bound = self.slopes @ row + self.boldness * doubt - self.stream.prices[at] / UNIT
        bound[~self.stream.present[at]] = -np.inf
        best = np.argsort(-bound, kind="stable")[:calls]
        return best[self.stream.present[at, best]]

    def belief(self, at: int) -> NDArray[np.float64]:
        """Return the estimates."""
        return self.slopes @ self.rows[at]

    def learn(self, at: int, chosen: NDArray[np.int64], told: bool) -> None:
        """Update by Sherman and Morrison's formula."""
        row = self.rows[at]
        for expert in chosen if told else ():
            along = self.inverse[expert] @ row
            self.inverse[expert] -= np.outer(along, along) / (1.0 + row @ along)
            self.reward[expert] += row * self.stream.right[at, expert]
            self.slopes[expert] = self.inverse[expert] @ self.reward[expert]


@dataclass(frozen=True, eq=False)
class Fixed:
    """Competence less price, which nothing changes."""

    worth: NDArray[np.int64]
    chances: NDArray[np.float64]

    def choose(self, at: int, calls: int) -> NDArray[np.int64]:
        """Take the best."""
        return np.argsort(-self.worth[at], kind="stable")[:calls]

    def belief(self, at: int) -> NDArray[np.float64]:
        """Return the competence."""
        return self.chances[at]

    def learn(self, at: int, chosen: NDArray[np.int64], told: bool) -> None:
        """Learn nothing."""


def fixed(stream: Stream, competence: NDArray[np.int64]) -> Fixed:
    """Return the policy of calling who is best by what was known on arrival."""
    worth = np.where(stream.present, competence - stream.prices, -2 * UNIT)
    return Fixed(worth, competence / UNIT)


def policies(stream: Stream, seed: int) -> Mapping[str, Callable[[], Policy]]:
    """Return each policy's start, by name."""
    experts, features = len(stream.names), stream.problem.test_features[stream.order]
    before = stream.incumbents_marks.competence(features[:JOIN])
    everywhere = stream.incumbents_marks.cells(features)

    def competence(marks: Marks) -> NDArray[np.int64]:
        found = marks.competence(features)
        found[:JOIN, : stream.incumbents] = before
        return found

    shrunk, naive = {}, {}
    for m in (0, *EXAMS):
        marks = stream.marks(m, seed)
        shrunk[m], naive[m] = competence(marks), competence(replace(marks, strength=0, overall=0))
        # Only newcomers' scores are taken as they are: that alone is what shrinking changes.
        naive[m][:, : stream.incumbents] = shrunk[m][:, : stream.incumbents]
    never = shrunk[0].copy()
    never[:, stream.incumbents :] = -UNIT
    overall = stream.known_right[:KNOWN, : stream.incumbents].mean(axis=0)
    flat = np.full(experts, overall.mean())
    flat[: stream.incumbents] = overall
    without_rows = np.tile(np.rint(flat * UNIT).astype(np.int64), (END, 1))

    def corrected(known: NDArray[np.int64], bandit: Bandit) -> Callable[[], Policy]:
        return lambda: Standing(stream, known, everywhere % bandit.weight.shape[1], bandit)

    found: dict[str, Callable[[], Policy]] = {
        "competence, newcomers never examined": lambda: fixed(stream, never)
    }
    for m in EXAMS:
        found[f"exam of {m}, naive"] = partial(fixed, stream, naive[m])
        found[f"exam of {m}, shrunk"] = partial(fixed, stream, shrunk[m])
    plain = Bandit.over(experts, cells=1, boldness=UNIT)
    found |= {
        "discounted UCB, blind to rows, no exam": corrected(without_rows, plain),
        "LinUCB .3, no exam": lambda: LinUcb(stream, 0.3),
        "LinUCB 1, no exam": lambda: LinUcb(stream, 1.0),
        "bandit, no exam": corrected(shrunk[0], Bandit.over(experts)),
        "exam of 50, naive, + bandit": corrected(naive[50], Bandit.over(experts)),
    }
    for m in EXAMS:
        found[f"**exam of {m} + bandit**"] = corrected(shrunk[m], Bandit.over(experts))
    for cap in (0.40, 0.25, 0.15):
        bandit = Bandit.over(experts, cap)
        found[f"exam of 500 + bandit, cap {cap:.2f}"] = corrected(shrunk[500], bandit)
    return found
