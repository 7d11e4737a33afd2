"""Networks that learn together end as they would alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from marketplace.protocol.errors import ConfigurationError
from offchain.arithmetic import FAST, MIXED, REPLAYABLE, Arithmetic, computing
from offchain.compute import device
from offchain.data import Dataset
from offchain.experts import Lesson, TrainsTogether, expert
from offchain.experts.cohort import Cohorts, Learner, linear_chain, needed_bytes, train_together
from offchain.experts.networks import initialise
from offchain.experts.schedule import Schedule
from offchain.experts.stepping import step_choice

CLASSES = 10
TOGETHER = ("logistic", "mlp", "additive", "random-features")
CUTS = ((0, 130), (130, 64), (200, 5), (210, 201))
SCHEDULE = Schedule(epochs=2, rate=1e-2, least_steps=40)
LONGER = Schedule(epochs=2, rate=1e-2, least_steps=200)


def _lessons(rows: Dataset) -> list[Lesson]:
    """Different rows, counts, weights and seeds."""
    return [
        Lesson(
            rows.features[start : start + count],
            rows.labels[start : start + count],
            np.linspace(0.5, 2, count, dtype=np.float32),
            seed,
        )
        for seed, (start, count) in enumerate(CUTS)
    ]


def _learners(seeds: range, width: int = 20, rows: int = 90) -> list[Learner]:
    learners = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        inputs = torch.randn(rows + seed, width, generator=generator)
        labels = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long()
        head = nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, 3))
        initialise(head, generator)
        learners.append(Learner(head, inputs, labels, torch.ones(len(labels)), generator))
    return learners


def _weights(learner: Learner) -> torch.Tensor:
    return torch.cat([p.detach().double().flatten() for p in learner.head.parameters()])


def _answers(learner: Learner) -> torch.Tensor:
    with torch.no_grad():
        answers: torch.Tensor = learner.head.float()(learner.inputs).softmax(dim=1)
    return answers


def _right(learner: Learner) -> float:
    return float((_answers(learner).argmax(dim=1) == learner.labels).double().mean())


@pytest.mark.parametrize("kind", TOGETHER)
def test_together_is_alone_bit_for_bit(table: Dataset, kind: str) -> None:
    offered = expert(kind)
    assert isinstance(offered, TrainsTogether)
    lessons = _lessons(table)
    together = offered.fit_together(lessons, CLASSES)
    for lesson, fitted in zip(lessons, together, strict=True):
        parts = lesson.features, lesson.labels, lesson.weights
        assert offered.fit(*parts, CLASSES, lesson.seed).to_bytes() == fitted.to_bytes()


def test_memory_is_bounded_and_changes_nothing() -> None:
    apart, whole = _learners(range(6)), _learners(range(6))
    each = max(needed_bytes(learner, SCHEDULE, REPLAYABLE) for learner in apart)
    trained = []
    for learners, allowed in ((apart, 2 * each), (whole, 100 * each)):
        cohorts = Cohorts(SCHEDULE, REPLAYABLE, allowed)
        for learner in learners:
            cohorts.add(learner)
        cohorts.train()
        assert 0 < cohorts.peak <= allowed
        trained.append(cohorts.peak)
    assert trained[0] < trained[1]
    for one, other in zip(apart, whole, strict=True):
        assert torch.equal(_weights(one), _weights(other))


def test_heads_of_several_shapes_take_turns() -> None:
    cohorts = Cohorts(LONGER, REPLAYABLE)
    learners = [*_learners(range(2)), *_learners(range(2, 4), width=30)]
    for learner in learners:
        cohorts.add(learner)
    cohorts.train()
    alone = _learners(range(2))[1]
    train_together([alone], LONGER, REPLAYABLE)
    assert torch.equal(_weights(learners[1]), _weights(alone))
    assert min(map(_right, learners)) > 0.8


@pytest.mark.parametrize(("arithmetic", "bound"), [(FAST, 5e-3), (MIXED, 5e-2)])
def test_other_numbers_end_nearby(arithmetic: Arithmetic, bound: float) -> None:
    near, exact = _learners(range(3)), _learners(range(3))
    train_together(near, SCHEDULE, arithmetic)
    train_together(exact, SCHEDULE, REPLAYABLE)
    for one, other in zip(near, exact, strict=True):
        # Of a weight whose gradient almost vanishes the optimizer may go the other way, by a
        # whole step; what counts is what the network answers.
        assert not torch.equal(_weights(one), _weights(other))
        assert float((_answers(one) - _answers(other)).abs().max()) < bound


def test_fast_numbers_alone_and_together_end_within_their_tolerance() -> None:
    together, alone = _learners(range(5)), _learners(range(5))
    train_together(together, SCHEDULE, FAST)
    for one, other in zip(together, alone, strict=True):
        train_together([other], SCHEDULE, FAST)
        assert float((_weights(one) - _weights(other)).abs().max()) < 1e-5


def test_weights_are_on_the_grid() -> None:
    (learner,) = _learners(range(1))
    train_together([learner], SCHEDULE, REPLAYABLE)
    weights = _weights(learner)
    mantissas, _ = torch.frexp(weights)
    assert bool((mantissas * 2**16 == (mantissas * 2**16).round()).all())
    assert len(weights.unique()) > len(weights) / 2


def test_what_can_join_a_cohort() -> None:
    one, two = nn.Linear(3, 4), nn.Linear(4, 2)
    assert linear_chain(one) == [one]
    assert linear_chain(nn.Sequential(one, nn.ReLU(), two)) == [one, two]
    assert linear_chain(nn.Sequential(one, nn.Tanh(), two)) == []
    assert linear_chain(nn.Sequential(one, nn.ReLU())) == []
    assert linear_chain(nn.Conv2d(1, 2, 3)) == []


def test_a_way_of_stepping_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOEMARKET_STEP", "faster")
    with pytest.raises(ConfigurationError, match="'faster', which is no way of stepping"):
        step_choice(torch.device("cpu"))
    monkeypatch.setenv("MOEMARKET_STEP", "graph")
    assert step_choice(torch.device("cpu")) == "eager"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("choice", ["graph", "compile"])
def test_captured_and_compiled_steps_end_as_eager_ones(
    table: Dataset, choice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert device().type == "cuda"
    offered = expert("mlp")
    assert isinstance(offered, TrainsTogether)
    fitted = []
    for way in ("eager", choice):
        monkeypatch.setenv("MOEMARKET_STEP", way)
        with computing(FAST):
            fitted.append(offered.fit_together(_lessons(table), CLASSES))
    for one, other in zip(*fitted, strict=True):
        before, after = (model.predict_proba(table.features[600:900]) for model in (one, other))
        np.testing.assert_allclose(before, after, atol=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_a_cuda_device_repeats_the_processors_bits(table: Dataset) -> None:
    place = torch.device("cuda")
    ours, theirs = _learners(range(3)), _learners(range(3))
    moved = [
        Learner(
            one.head.to(place),
            one.inputs.to(place),
            one.labels.to(place),
            one.weights.to(place),
            one.generator,
        )
        for one in theirs
    ]
    train_together(ours, SCHEDULE, REPLAYABLE)
    train_together(moved, SCHEDULE, REPLAYABLE)
    for one, other in zip(ours, moved, strict=True):
        assert torch.equal(_weights(one), _weights(other).cpu())
