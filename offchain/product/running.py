"""Running an exported model, and holding its answers against those of the composite."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from offchain.product.export import INPUT
from offchain.product.gates import LEAST_CHANCE
from offchain.training import Composite
from offchain.training.predictions import predict_each
from offchain.validation import vote


@dataclass(frozen=True, eq=False)
class Answers:
    """What an exported model answers to n rows.

    Attributes
    ----------
    labels
        Int64 (n,).
    probabilities
        Float32 (n, C).
    votes
        Int64 (n, C).
    weights
        Int64 (n, E), in units of the gate.
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    votes: NDArray[np.int64]
    weights: NDArray[np.int64]


@dataclass(frozen=True)
class Agreement:
    """How an exported model compares with its composite.

    Attributes
    ----------
    rows
        How many were asked.
    labels_apart, votes_apart
        In how many rows the label differs, and any integer vote.
    furthest
        Largest distance between two probabilities.
    """

    rows: int
    labels_apart: int
    votes_apart: int
    furthest: float


def session(model: bytes) -> onnxruntime.InferenceSession:
    """Load an exported model on one thread, so that the same rows give the same bits."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(model: bytes, features: NDArray[np.float32]) -> Answers:
    """Answer rows (n, *feature_shape), n >= 1, with an exported model."""
    return Answers(*session(model).run(None, {INPUT: features}))


def compare(model: bytes, composite: Composite, features: NDArray[np.float32]) -> Agreement:
    """Compare an exported model with its composite on rows (n, *feature_shape), n >= 1."""
    theirs, ours = run(model, features), composite.evidence(features)
    votes = vote(ours.predictions, ours.gates)
    distances = np.abs(theirs.probabilities - chances(composite, features))
    return Agreement(
        rows=len(features),
        labels_apart=int((theirs.labels != composite.predict(features)).sum()),
        votes_apart=int((theirs.votes != votes).any(axis=1).sum()),
        furthest=float(distances.max()),
    )


def chances(composite: Composite, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the composite's probabilities (n, C) as its gate was fitted to give them.

    The weighted mean of the calibrated answers, before any rounding, raised to the pool's
    power; see :mod:`offchain.gating.pool`.
    """
    classes = len(composite.task.classes)
    answers = predict_each(list(composite.experts.values()), features, classes)
    gate = composite.gate
    shares, calibrated = gate.weights(features), gate.calibrated(answers)
    mixed = np.einsum("ne,enc->nc", shares, calibrated, dtype=np.float64)
    powered = np.maximum(mixed, LEAST_CHANCE) ** float(gate.pool.power)
    result: NDArray[np.float64] = powered / powered.sum(axis=1, keepdims=True)
    return result
