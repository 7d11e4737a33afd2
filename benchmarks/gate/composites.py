"""The project's own gates as methods of the benchmark."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from benchmarks.gate.answer import Answer
from benchmarks.gate.problem import Problem
from benchmarks.gate.rivals import Method, right
from offchain.gating import Gate, SequentialGate
from offchain.gating.embedding import Embedding
from offchain.gating.nearby import Nearby
from offchain.gating.sequential import COMPONENTS, MARGIN


def pooling_gate(problem: Problem, seed: int) -> Answer:
    """Weigh experts by the row's features alone: the gate that routes training."""
    ones = np.ones(len(problem.labels), np.float32)
    gate = Gate.fit(problem.features, problem.answers, problem.labels, ones, seed)
    weights = gate.weights(problem.test_features)
    chances = np.einsum("ne,enc->nc", weights, gate.calibrated(problem.test_answers))
    return Answer(chances / chances.sum(axis=1, keepdims=True), weights > 0)


def sequential_gate(problem: Problem, seed: int, budget: float = 4.0) -> Answer:
    """Ask one expert after another, within the budget on average."""
    ones = np.ones(len(problem.labels), np.float32)
    gate = SequentialGate.fit(
        problem.features, problem.answers, problem.labels, ones, budget=budget
    )
    start = time.process_time()
    found = gate.decide(problem.test_features, problem.test_answers)
    seconds = (time.process_time() - start) / len(problem.test_labels)
    return Answer(found.chances, found.weights > 0, seconds)


def neighbours_alone(problem: Problem, seed: int) -> Answer:
    """Decide by what the sequential gate knows of the row before it asks anybody."""
    ones = np.ones(len(problem.labels), np.float32)
    gate = SequentialGate.fit(problem.features, problem.answers, problem.labels, ones)
    rows = gate.embedding.apply(problem.test_features)
    opinion, _ = gate.nearby(rows, gate.record.accuracy)
    chances = (opinion * gate.voice.gamma.exp()).softmax(dim=1).numpy()
    return Answer(chances, np.zeros((len(chances), len(problem.answers)), bool))


def stacking_with_neighbours(problem: Problem, seed: int) -> Answer:
    """Stack what all experts say and what the gate's neighbours say of the row.

    For the rows it is fitted to, the neighbours answer as if they didn't know the row.
    """
    embedding = Embedding.fit(problem.features, COMPONENTS, level=False)
    decided = torch.from_numpy(right(problem).T.astype(np.float32))
    truth = torch.from_numpy(problem.labels)
    rows = embedding.apply(problem.features)
    nearby, own = Nearby.fit(rows, truth, decided, problem.classes)
    other, _ = nearby(embedding.apply(problem.test_features), decided.mean(dim=0))
    model = LogisticRegression(max_iter=500)
    model.fit(np.hstack([*problem.answers, own.numpy()]), problem.labels)
    chances = np.zeros((len(problem.test_labels), problem.classes))
    chances[:, model.classes_] = model.predict_proba(
        np.hstack([*problem.test_answers, other.numpy()])
    )
    return Answer(chances, np.ones((len(chances), len(problem.answers)), bool))


def all_called(problem: Problem, seed: int) -> Answer:
    """Fit and use the sequential gate where calls cost nothing: every row may ask everybody."""
    ones = np.ones(len(problem.labels), np.float32)
    experts = len(problem.answers)
    gate = SequentialGate.fit(
        problem.features, problem.answers, problem.labels, ones, experts / MARGIN, experts
    )
    found = gate.decide(problem.test_features, problem.test_answers)
    return Answer(found.chances, found.weights > 0)


COMPOSITES: Mapping[str, Method] = {
    "gate by features, top 4": pooling_gate,
    "**sequential gate**": sequential_gate,
    "the sequential gate, everybody called": all_called,
    "stacking, logistic, with the gate's neighbours": stacking_with_neighbours,
    "the sequential gate's neighbours alone, no calls": neighbours_alone,
}
