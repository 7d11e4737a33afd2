"""The benchmark's streams, on experts whose skill is known by domain."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.gate.problem import Problem
from benchmarks.streams.__main__ import played
from benchmarks.streams.market import (
    DRIFT,
    DRIFTING,
    JOIN,
    LEAVE,
    NEWCOMERS,
    RISE,
    STAR,
    Stream,
    stream_of,
)
from benchmarks.streams.policies import policies

CLASSES = 4
NAMES = (
    *(f"{domain}-{part}" for domain in range(4) for part in ("one-side", "other-side", "whole")),
    "star",
    "first-half",
    "last-half",
    "noisy",
)


@pytest.fixture(scope="module")
def stream() -> Stream:
    """Four far-apart domains; a specialist knows its own, the star knows all a little less."""
    generator = np.random.default_rng(100)

    def drawn(rows: int):
        domain, labels = generator.integers(0, 4, rows), generator.integers(0, CLASSES, rows)
        features = (4.0 * np.eye(4)[domain] + generator.normal(size=(rows, 4))).astype(np.float32)
        chances = np.full((rows, len(NAMES)), 0.3)
        for expert, name in enumerate(NAMES):
            if name[0].isdigit():
                chances[domain == int(name[0]), expert] = 0.9
        chances[:, NAMES.index(STAR)] = 0.8
        right = generator.random(chances.shape) < chances
        said = np.where(right, labels[:, None], (labels[:, None] + 1) % CLASSES)
        answers = (0.1 + 0.6 * np.eye(CLASSES)[said]).transpose(1, 0, 2).astype(np.float32)
        return features, labels, answers, domain

    return stream_of(
        Problem(
            *drawn(2_000),
            *drawn(4_000),
            pooled=np.zeros((4_000, CLASSES), np.float32),
            seconds=np.ones(len(NAMES)),
            names=np.array(NAMES),
        ),
        100,
    )


def test_what_befalls_the_experts(stream) -> None:
    star, drifting = stream.names.index(STAR), stream.names.index(DRIFTING)
    assert stream.names[-len(NEWCOMERS) :] == NEWCOMERS
    assert not stream.present[:JOIN, -len(NEWCOMERS) :].any()
    assert stream.present[JOIN:, -len(NEWCOMERS) :].all()
    assert stream.present[:LEAVE, star].all()
    assert not stream.present[LEAVE:, star].any()
    assert (stream.prices[RISE:, star] > stream.prices[:RISE, star].max()).all()
    assert stream.right[DRIFT:, drifting].mean() < 0.4
    assert len(set(stream.order.tolist())) == len(stream.order)


@pytest.mark.slow
def test_policies_tell_apart_what_they_should(stream) -> None:
    begins = policies(stream, 100)

    def of(name: str) -> dict[str, float]:
        return played(stream, begins[name](), 1, 1.0)

    never, plain = of("competence, newcomers never examined"), of("exam of 500, shrunk")
    ours, capped = of("**exam of 500 + bandit**"), of("exam of 500 + bandit, cap 0.15")
    assert never["newcomers"] == never["noisy"] == 0.0
    assert plain["newcomers"] > 0.15
    assert ours["newcomers"] > 0.15
    assert ours["noisy"] < 0.02
    assert ours["accuracy, star gone"] > never["accuracy, star gone"] + 0.08
    assert capped["star"] < 0.17
    assert of("**exam of 500 + bandit**") == ours
