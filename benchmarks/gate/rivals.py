"""What could replace the gate: fixed weights, stacking, routers, cascades, and no choice at all.

Every method reads a problem cut to the rows that the buyer has labelled, and answers for the
test rows. Features are the rows' first 50 principal axes, standardised in tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors

from benchmarks.gate.answer import Answer
from benchmarks.gate.learners import TREES
from benchmarks.gate.problem import Problem
from offchain.projection import principal_axes

COMPONENTS = 50
NEIGHBOURS = 10
ROUNDS = 50
Method = Callable[[Problem, int], Answer]


def embedded(problem: Problem) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what methods see of the buyer's and of the test rows."""
    tables = problem.features.shape[1] < 200  # images and texts keep their scale
    mean, axes = principal_axes(torch.from_numpy(problem.features), COMPONENTS, tables)
    both = (problem.features, problem.test_features)
    own, other = ((torch.from_numpy(rows) - mean) @ axes for rows in both)
    scale = own.std()
    return (own / scale).numpy(), (other / scale).numpy()


def right(problem: Problem) -> NDArray[np.bool_]:
    """Return which experts decide the buyer's rows rightly, bool (E, n)."""
    decided: NDArray[np.bool_] = problem.answers.argmax(axis=2) == problem.labels
    return decided


def _all(problem: Problem) -> NDArray[np.bool_]:
    return np.ones((len(problem.test_labels), len(problem.answers)), bool)


def weighted(problem: Problem, weights: NDArray[np.floating]) -> Answer:
    """Average the experts with weights (E,) or (n, E); who has none isn't asked."""
    rows = np.broadcast_to(weights, (len(problem.test_labels), len(problem.answers)))
    shares = rows / rows.sum(axis=1, keepdims=True)
    return Answer(np.einsum("ne,enc->nc", shares, problem.test_answers), rows > 0)


def random_expert(problem: Problem, seed: int) -> Answer:
    """Ask one expert at random for each row."""
    rows, experts = len(problem.test_labels), len(problem.answers)
    chosen = np.random.default_rng(seed).integers(0, experts, rows)
    return weighted(problem, np.eye(experts)[chosen])


def uniform(problem: Problem, seed: int) -> Answer:
    """Average all experts."""
    return weighted(problem, np.ones(len(problem.answers)))


def best_single(problem: Problem, seed: int) -> Answer:
    """Ask the expert that is right most often."""
    return weighted(problem, np.eye(len(problem.answers))[right(problem).mean(axis=1).argmax()])


def by_accuracy(problem: Problem, seed: int) -> Answer:
    """Weigh experts by how often they are right."""
    return weighted(problem, right(problem).mean(axis=1) + 1e-9)


def caruana(problem: Problem, seed: int) -> Answer:
    """Add experts one by one, with replacement, as the log-loss falls (Caruana et al. 2004)."""
    rows = np.arange(len(problem.labels))
    told = problem.answers[:, rows, problem.labels]
    counts, total, best, kept = np.zeros(len(told)), np.zeros(len(rows)), np.inf, None
    for size in range(1, ROUNDS + 1):
        losses = -np.log(np.clip((total + told) / size, 1e-4, 1.0)).mean(axis=1)
        chosen = losses.argmin()
        counts[chosen] += 1
        total = total + told[chosen]
        if losses[chosen] < best:
            best, kept = losses[chosen], counts.copy()
    return weighted(problem, np.asarray(kept))


def stacking(problem: Problem, seed: int) -> Answer:
    """Fit a logistic model to all experts' probabilities, as scikit-learn's stacking does."""
    model = LogisticRegression(max_iter=500)
    model.fit(_side_by_side(problem.answers), problem.labels)
    found = model.predict_proba(_side_by_side(problem.test_answers))
    return Answer(_spread(found, model.classes_, problem.classes), _all(problem))


def stacking_trees(problem: Problem, seed: int) -> Answer:
    """Boost trees on all experts' probabilities and the features."""
    own, other = embedded(problem)
    model = lightgbm.LGBMClassifier(**TREES, random_state=seed)
    model.fit(np.hstack([_side_by_side(problem.answers), own]), problem.labels)
    found = model.predict_proba(np.hstack([_side_by_side(problem.test_answers), other]))
    return Answer(_spread(found, model.classes_, problem.classes), _all(problem))


def buyer_alone(problem: Problem, seed: int) -> Answer:
    """Boost trees on the features of the buyer's rows, without any expert."""
    own, other = embedded(problem)
    model = lightgbm.LGBMClassifier(**TREES, random_state=seed)
    model.fit(own, problem.labels)
    found = _spread(model.predict_proba(other), model.classes_, problem.classes)
    return Answer(found, np.zeros_like(_all(problem)))


def local_competence(problem: Problem) -> NDArray[np.float64]:
    """Return how many of the ten nearest buyer's rows each expert has right, (n_test, E)."""
    own, other = embedded(problem)
    found = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(own))).fit(own)
    near = found.kneighbors(other, return_distance=False)
    overall = right(problem).mean(axis=1)
    return np.asarray(right(problem).T[near].mean(axis=1) + 1e-3 * overall)


def router(problem: Problem, seed: int, top: int = 4) -> Answer:
    """Ask the experts that are best among the nearest rows (RouterBench's kNN)."""
    known = local_competence(problem)
    last = np.sort(known, axis=1)[:, [-top]]
    return weighted(problem, np.where(known >= last, known, 0.0))


def cascade(problem: Problem, seed: int, enough: float = 0.9) -> Answer:
    """Ask the locally best experts one by one until their average is sure (like FrugalML)."""
    known = local_competence(problem)
    order = np.argsort(-known, axis=1)
    rows = np.arange(len(known))
    weights, open_rows = np.zeros_like(known), np.ones(len(known), bool)
    for step in range(min(4, known.shape[1])):
        asked = order[open_rows, step]
        weights[rows[open_rows], asked] = known[rows[open_rows], asked] + 1e-6
        sure = weighted(problem, weights + 1e-12).probabilities.max(axis=1)
        open_rows &= sure < enough
    return weighted(problem, weights)


def softmax_gate(problem: Problem, seed: int, top: int | None = None) -> Answer:
    """Fit a network from features to experts' weights by the mixture's likelihood."""
    torch.manual_seed(seed)
    own, other = (torch.from_numpy(rows) for rows in embedded(problem))
    experts = len(problem.answers)
    gate = torch.nn.Sequential(
        torch.nn.Linear(own.shape[1], 64), torch.nn.ReLU(), torch.nn.Linear(64, experts)
    )
    told = torch.from_numpy(problem.answers[:, np.arange(len(own)), problem.labels].T)
    optimizer = torch.optim.Adam(gate.parameters(), lr=3e-3, weight_decay=1e-4)
    held = torch.arange(len(own)) % 5 == 0
    best, kept, waited = np.inf, None, 0
    for _ in range(400):
        loss = -((gate(own).softmax(1) * told).sum(1) + 1e-4).log()
        if float(loss[held].mean()) < best:
            best, kept, waited = float(loss[held].mean()), gate(other).softmax(1).detach(), 0
        waited += 1
        if waited > 40:
            break
        optimizer.zero_grad()
        torch.autograd.backward(loss[~held].mean())
        optimizer.step()
    weights = np.asarray(kept, np.float64)
    if top is not None:
        weights[weights < np.sort(weights, axis=1)[:, [-top]]] = 0.0
    return weighted(problem, weights)


def known_domain(problem: Problem, seed: int) -> Answer:
    """Ask the best expert of a row's domain, which no method is told."""
    decided = right(problem)
    best = {
        at: decided[:, problem.domain == at].mean(axis=1).argmax() for at in set(problem.domain)
    }
    chosen = np.array([best.get(at, 0) for at in problem.test_domain])
    return weighted(problem, np.eye(len(decided))[chosen])


def pooled_model(problem: Problem, seed: int) -> Answer:
    """Return one model of all owners' rows, as if nobody owned them."""
    return Answer(problem.pooled, np.zeros_like(_all(problem)))


def _side_by_side(answers: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate(list(answers), axis=1)


def _spread(
    found: NDArray[np.floating], seen: NDArray[np.int64], classes: int
) -> NDArray[np.floating]:
    answers = np.zeros((len(found), classes))
    answers[:, seen] = found
    return answers


RIVALS: Mapping[str, Method] = {
    "random": random_expert,
    "uniform": uniform,
    "best single": best_single,
    "weights by accuracy": by_accuracy,
    "Caruana selection": caruana,
    "stacking, logistic": stacking,
    "stacking, LightGBM with features": stacking_trees,
    "softmax gate, dense": softmax_gate,
    "softmax gate, top 2": lambda problem, seed: softmax_gate(problem, seed, 2),
    "kNN router, top 4": router,
    "cascade": cascade,
}
REFERENCES: Mapping[str, Method] = {
    "buyer's rows alone, LightGBM": buyer_alone,
    "best expert per domain, domain known": known_domain,
    "one model on all owners' rows": pooled_model,
}
