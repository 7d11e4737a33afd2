"""The stream: handwritten digits seen in four ways, sixteen experts, and what befalls them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from eth_hash.auto import keccak
from numpy.typing import NDArray

from benchmarks.gate.problem import Problem, load_problem
from offchain.data.dataset import Dataset
from offchain.gating.exam import Announcement
from offchain.gating.marks import UNIT, Marks
from offchain.validation import commit, quantise_probabilities

KNOWN, POOL = 500, 1_500
JOIN, RISE, LEAVE, DRIFT, END = 800, 1_600, 2_400, 3_200, 4_000
PHASES = {
    "start": slice(0, JOIN),
    "newcomers": slice(JOIN, RISE),
    "star dear": slice(RISE, LEAVE),
    "star gone": slice(LEAVE, DRIFT),
    "drift": slice(DRIFT, END),
}
NEWCOMERS = ("1-one-side", "1-other-side", "1-whole", "noisy")
STAR, DRIFTING = "star", "last-half"
PRICE, PRICE_HALF, PRICE_STAR, PRICE_STAR_DEAR = 0.02, 0.03, 0.05, 0.20


@dataclass(frozen=True, eq=False)
class Stream:
    """Queries in order, and what each expert would do with each; the newcomers are the last.

    Parameters
    ----------
    problem
        Whose buyer's rows are the known rows and the pool of the exams.
    names
        Of the E experts.
    order
        Int64 (END,): test row of each query; every row comes once.
    labels
        Int64 (END,).
    answers
        Float32 (END, E, C): what each would answer.
    right
        Bool (END, E).
    prices
        Int64 (END, E), in 1 / UNIT of what a right answer is worth.
    present
        Bool (END, E): who can be called.
    """

    problem: Problem
    names: tuple[str, ...]
    order: NDArray[np.int64]
    labels: NDArray[np.int64]
    answers: NDArray[np.float32]
    right: NDArray[np.bool_]
    prices: NDArray[np.int64]
    present: NDArray[np.bool_]

    @property
    def incumbents(self) -> int:
        """How many experts there are from the start."""
        return len(self.names) - len(NEWCOMERS)

    @property
    def known_right(self) -> NDArray[np.bool_]:
        """Who decides the buyer's rows rightly, bool (n, E)."""
        chosen = _experts(self.problem, self.names)
        return (self.problem.answers[chosen].argmax(axis=2) == self.problem.labels).T

    @cached_property
    def incumbents_marks(self) -> Marks:
        """Return what the known rows show of the incumbents."""
        return Marks.of(self.problem.features[:KNOWN], self.known_right[:KNOWN, : self.incumbents])

    def marks(self, questions: int, seed: int) -> Marks:
        """Return the marks after the newcomers' exams, each of so many rows; 0 is no exam.

        The pool is committed to, each exam drawn, opened and marked as a stranger would.
        """
        problem, found = self.problem, self.incumbents_marks
        chosen = _experts(problem, self.names)
        pool = slice(KNOWN, KNOWN + POOL)
        features, labels = problem.features[pool], problem.labels[pool]
        if not questions:
            for _ in NEWCOMERS:
                found = found.joined(features[:0], np.zeros(0, bool))
            return found
        secret = keccak(b"pool" + seed.to_bytes(4, "big"))
        commitment = commit(Dataset(features, labels), secret)
        drawing = keccak(b"seed" + seed.to_bytes(4, "big"))
        announced = Announcement.of(commitment.root, POOL, questions, drawing)
        for place, name in enumerate(NEWCOMERS, self.incumbents):
            answers = quantise_probabilities(problem.answers[chosen[place], pool])
            model = keccak(name.encode() + answers.tobytes())
            drawn = announced.draw(drawing, model)
            right = announced.marked(
                drawing,
                model,
                answers[drawn],
                [commitment.openings[row] for row in drawn],
                [commitment.proof(int(row)) for row in drawn],
            )
            found = found.joined(features[drawn], right)
        return found


def load_stream(seed: int, cache: Path) -> Stream:
    """Read or train the experts of the digits task, and lay out the stream."""
    return stream_of(load_problem("digits", seed, cache), seed)


def stream_of(problem: Problem, seed: int) -> Stream:
    """Lay out the test rows of a problem with at least END of them as a stream."""
    every = [str(name) for name in problem.names]
    names = (*(name for name in every if name not in NEWCOMERS), *NEWCOMERS)
    generator = np.random.default_rng([seed, 4])
    order = generator.permutation(len(problem.test_labels))[:END]
    answers = problem.test_answers[_experts(problem, names)].transpose(1, 0, 2)[order]
    drifting, star = names.index(DRIFTING), names.index(STAR)
    # From then on it answers some other query than it was asked.
    answers[DRIFT:, drifting] = generator.permutation(answers[DRIFT:, drifting])
    labels = problem.test_labels[order]
    prices = np.full((END, len(names)), PRICE)
    prices[:, [names.index("first-half"), drifting]] = PRICE_HALF
    prices[:RISE, star], prices[RISE:, star] = PRICE_STAR, PRICE_STAR_DEAR
    present = np.ones((END, len(names)), bool)
    present[:JOIN, -len(NEWCOMERS) :] = False
    present[LEAVE:, star] = False
    return Stream(
        problem,
        names,
        order,
        labels,
        answers,
        answers.argmax(axis=2) == labels[:, None],
        np.rint(prices * UNIT).astype(np.int64),
        present,
    )


def _experts(problem: Problem, names: tuple[str, ...]) -> list[int]:
    every = [str(name) for name in problem.names]
    return [every.index(name) for name in names]
