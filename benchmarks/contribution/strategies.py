"""What each rule pays experts that are honest, lazy, noisy, copied or rarely needed.

Experts are trained (`experts`); the dense gate weighs an expert in a row by its accuracy,
squared, on the 20 most similar rows of the buyer's, so that it learns about copies and free
riders as it would about anybody, and is fitted anew in each situation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from benchmarks.contribution.experts import NOISY, SPECIALISTS, STAR, Answers, Parties
from offchain.contribution.banzhaf import banzhaf_value
from offchain.contribution.game import divide, games, whole_game
from offchain.contribution.inclusive import inclusive
from offchain.contribution.least_core import least_core
from offchain.contribution.leave_one_out import leave_one_out_value
from offchain.contribution.owen import owen
from offchain.contribution.shapley import shapley_value
from offchain.contribution.skill import skill
from offchain.validation import quantise_gate, quantise_probabilities, score_votes

NEIGHBOURS, COMPONENTS = 20, 30
BUYER_ROWS, JUDGED_ROWS, RARE_PER_MILLE = 500, 1_000, 30
COPIED, RARE_DOMAIN, RARE_EXPERT = 14, 3, 11

Shares = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Votes:
    """A composite's votes, with who owns each expert.

    Attributes
    ----------
    predictions, gates, labels
        As :func:`offchain.contribution.game.games` takes them.
    owners
        One name per expert.
    """

    predictions: NDArray[np.int16]
    gates: NDArray[np.int16]
    labels: NDArray[np.int64]
    owners: tuple[str, ...]

    @property
    def arrays(self) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int64]]:
        """What every rule reads."""
        return self.predictions, self.gates, self.labels

    def shares(self) -> dict[str, Shares]:
        """Return what each rule pays each expert, as parts of the pool."""
        parts = list(games(*self.arrays, "accuracy"))
        experts = len(self.owners)
        linear: Mapping[str, Callable[[NDArray[np.int64]], Sequence[Fraction]]] = {
            "Shapley": shapley_value,
            "Banzhaf": banzhaf_value,
            "leave one out": leave_one_out_value,
        }
        values: dict[str, Sequence[Fraction] | Shares] = {
            name: divide(parts, experts, rule) for name, rule in linear.items()
        }
        values["least core"] = least_core(whole_game(parts, experts)).values
        values["Owen"] = owen(parts, self.owners)
        values["inclusive"] = inclusive(*self.arrays, "accuracy")
        values["skill"] = skill(*self.arrays, "accuracy")
        values["gate weight"] = self.gates.sum(axis=0) / self.gates.sum()
        return {name: _paid(found) for name, found in values.items()}

    @property
    def score(self) -> float:
        """The composite's accuracy."""
        return float(score_votes(*self.arrays, "accuracy").fraction)


def competence_gate(buyer: Answers, rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return weights (n, E) for rows: squared accuracy on similar rows of the buyer's.

    One right and one wrong answer are added, so that no expert is quite without weight.
    """
    known = buyer.features.reshape(len(buyer.labels), -1).astype(np.float64)
    mean = known.mean(axis=0)
    axes = np.linalg.svd(known - mean, full_matrices=False)[2][:COMPONENTS].T
    known, asked = (known - mean) @ axes, (rows.reshape(len(rows), -1) - mean) @ axes
    far = (known**2).sum(axis=1) - 2.0 * asked @ known.T
    nearest = np.argsort(far, axis=1, kind="stable")[:, :NEIGHBOURS]
    right = (buyer.probabilities.argmax(axis=2) == buyer.labels).T.astype(np.float64)
    counted = (right[nearest].sum(axis=1) + 1.0) / (NEIGHBOURS + 2.0)
    competence: NDArray[np.float64] = counted**2
    return competence


def situations(
    parties: Parties, seed: int, judged: int = JUDGED_ROWS, copied: Sequence[int] = (2, 4)
) -> dict[str, Votes]:
    """Return the composite's votes in each situation.

    One expert registers one, two or four copies; two free riders join; the gate divides the
    weight of one expert among four copies of it instead; a domain of which only one expert
    knows anything is 3 % of all rows.
    """
    generator = np.random.default_rng([seed, 2])
    buyer = _some(parties.buyer, generator.permutation(len(parties.buyer.labels))[:BUYER_ROWS])
    test = _some(parties.test, generator.permutation(len(parties.test.labels))[:judged])
    experts = len(test.probabilities)
    names = [f"owner {number}" for number in range(experts)]
    found = {"honest": _vote(buyer, test, names)}
    for copies in copied:
        more = [COPIED] * (copies - 1)
        found[f"{copies} copies"] = _vote(
            _with(buyer, buyer.probabilities[more]),
            _with(test, test.probabilities[more]),
            [*names, *(names[expert] for expert in more)],
        )
    riders = [
        _with(part, _riders(len(part.labels), part.probabilities.shape[2], generator))
        for part in (buyer, test)
    ]
    found["free riders"] = _vote(*riders, [*names, "random", "constant"])
    found["weight split in 4"] = _split(found["honest"])
    found["rare domain"] = _rare(parties, judged, generator)
    return found


def _rare(parties: Parties, judged: int, generator: np.random.Generator) -> Votes:
    """Keep the specialists of three domains and one expert of the fourth, a rare one."""
    experts = [expert for expert in SPECIALISTS if expert // 3 != RARE_DOMAIN] + [RARE_EXPERT]
    parts = []
    for answers, rows in ((parties.buyer, BUYER_ROWS), (parties.test, judged)):
        rare = np.flatnonzero(answers.domains == RARE_DOMAIN)
        often = np.flatnonzero(answers.domains != RARE_DOMAIN)
        few = rows * RARE_PER_MILLE // 1_000
        chosen = [generator.permutation(rare)[:few], generator.permutation(often)[: rows - few]]
        some = _some(answers, np.concatenate(chosen))
        parts.append(replace(some, probabilities=some.probabilities[experts]))
    return _vote(*parts, [f"owner {number}" for number in experts])


def _split(votes: Votes) -> Votes:
    """Divide the weight of the copied expert among four copies, as whole numbers."""
    quarter = votes.gates[:, COPIED] // 4
    gates = np.concatenate([votes.gates, np.stack([quarter] * 3, axis=1)], axis=1)
    gates[:, COPIED] -= 3 * quarter
    copies = [*range(len(votes.owners)), *[COPIED] * 3]
    owners = tuple(votes.owners[expert] for expert in copies)
    return Votes(votes.predictions[copies], gates, votes.labels, owners)


def _vote(buyer: Answers, test: Answers, owners: Sequence[str]) -> Votes:
    gates = quantise_gate(competence_gate(buyer, test.features))
    return Votes(quantise_probabilities(test.probabilities), gates, test.labels, tuple(owners))


def _riders(rows: int, classes: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Return random answers and the answer that every class is as likely, (2, n, C)."""
    random = generator.dirichlet(np.full(classes, 0.2), rows)
    return np.stack([random, np.full((rows, classes), 1.0 / classes)]).astype(np.float32)


def _with(answers: Answers, more: NDArray[np.float32]) -> Answers:
    return replace(answers, probabilities=np.concatenate([answers.probabilities, more]))


def _some(answers: Answers, rows: NDArray[np.int64]) -> Answers:
    return Answers(
        answers.features[rows],
        answers.labels[rows],
        answers.domains[rows],
        answers.probabilities[:, rows],
    )


def _paid(values: Sequence[Fraction] | Shares) -> Shares:
    paid = np.array([max(0.0, float(value)) for value in values])
    return paid / (paid.sum() or 1.0)


Reader = Callable[[Mapping[str, Mapping[str, Shares]], str], float]


def _of(situation: str, experts: Sequence[int]) -> Reader:
    return lambda found, rule: float(found[situation][rule][list(experts)].sum())


COPIES = (COPIED, 16, 17, 18)
LINES: Mapping[str, Reader] = MappingProxyType(
    {
        "star": _of("honest", [STAR]),
        "12 specialists, together": _of("honest", SPECIALISTS),
        "best paid specialist": lambda found, rule: float(
            found["honest"][rule][list(SPECIALISTS)].max()
        ),
        "median specialist": lambda found, rule: float(
            np.median(found["honest"][rule][list(SPECIALISTS)])
        ),
        "half its labels random": _of("honest", [NOISY]),
        "an expert, one copy": _of("honest", [COPIED]),
        "its owner with 2 copies": _of("2 copies", COPIES[:2]),
        "its owner with 4 copies": _of("4 copies", COPIES),
        "its weight split among 4 copies": _of("weight split in 4", COPIES),
        "free rider, random answers": _of("free riders", [16]),
        "free rider, constant answer": _of("free riders", [17]),
        "only expert for 3 % of rows": _of("rare domain", [9]),
    }
)
"""What is printed: a name, and how to read it off the shares by situation and rule."""
