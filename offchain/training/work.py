"""Training of several experts: those of one kind together, and none that was trained before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from offchain.arithmetic import CHOICES, arithmetic, computing
from offchain.compute import work_on_one_core
from offchain.data.dataset import Task
from offchain.engines import engine
from offchain.experts import Lesson, TrainsTogether, expert
from offchain.storage.cid import cid_of
from offchain.training.journal import Journal
from offchain.training.subset import Subset, decode_subset, encode_subset, train_expert

DOING = {"probe": "probing", "train": "training"}


def train_experts(
    journal: Journal,
    stage: str,
    roster: Mapping[str, str],
    subsets: Mapping[str, Subset],
    task: Task,
    seed: int,
    effort: int = 1,
    progress: Callable[[str], None] = lambda message: None,
) -> dict[str, bytes]:
    """Return each named expert's model, as :func:`train_expert` makes it alone.

    Parameters
    ----------
    journal
        Where finished models are found and kept.
    stage
        ``probe`` or ``train``.
    roster
        Kind of each expert by name.
    subsets
        What each one learns from, by name: who is missing here is not trained.
    progress
        Called with one line before each training.
    """
    given = {name: encode_subset(subset) for name, subset in subsets.items()}
    steps = {
        name: (
            f"{stage} {roster[name]}",
            training_inputs(roster[name], subset, task, seed, effort),
        )
        for name, subset in given.items()
    }
    models: dict[tuple[str, tuple[str, ...]], bytes] = {}
    waiting: dict[str, list[str]] = {}
    for name, step in steps.items():
        found = models.get(step) or journal.find(step[0], *step[1])
        if found is not None:
            progress(f"{DOING[stage]} {name}: done before")
            models[step] = found
        elif all(steps[other] != step for other in waiting.get(roster[name], ())):
            waiting.setdefault(roster[name], []).append(name)
    batches = [batch for kind, names in waiting.items() for batch in _batches(kind, names)]

    def jobs() -> Iterator[tuple[Any, ...]]:
        for batch in batches:
            for name in batch:
                progress(f"{DOING[stage]} {name} with {len(subsets[name])} rows")
            yield training_job(
                roster[batch[0]], [given[name] for name in batch], task, seed, effort
            )

    for number, made in engine().each(train_batch, jobs()):
        for name, model in zip(batches[number], made(), strict=True):
            journal.keep(*steps[name], model)
            models[steps[name]] = model
    return {name: models[step] for name, step in steps.items()}


def training_job(
    kind: str, given: Sequence[bytes], task: Task, seed: int, effort: int
) -> tuple[Any, ...]:
    """Return the arguments of :func:`train_batch`."""
    return kind, task.to_json(), seed, effort, arithmetic().name, *given


def train_batch(
    kind: str, about: dict[str, Any], seed: int, effort: int, numbers: str, *given: bytes
) -> list[bytes]:
    """Train experts of one kind in whatever process this is; return their models.

    Parameters
    ----------
    about
        The task as JSON.
    numbers
        Name of the arithmetic.
    given
        Each one's subset as :func:`encode_subset` writes it.
    """
    work_on_one_core()
    task = Task.from_json(about)
    with computing(CHOICES[numbers]):
        return _trained(kind, [decode_subset(each, task) for each in given], task, seed, effort)


def training_inputs(
    kind: str, subset: bytes, task: Task, seed: int, effort: int
) -> tuple[str, ...]:
    """Return what names a training in a journal: kind, task, rows by CID, seed and effort."""
    about = json.dumps(task.to_json(), sort_keys=True, separators=(",", ":")).encode()
    return kind, cid_of(about), cid_of(subset), str(seed), str(effort)


def _batches(kind: str, names: list[str]) -> list[list[str]]:
    together = isinstance(expert(kind), TrainsTogether)
    return [names] if together else [[name] for name in names]


def _trained(kind: str, subsets: list[Subset], task: Task, seed: int, effort: int) -> list[bytes]:
    offered = expert(kind)
    if not isinstance(offered, TrainsTogether):
        return [train_expert(kind, subset, task, seed, effort) for subset in subsets]
    lessons = [
        Lesson(subset.dataset.features, subset.dataset.labels, subset.weights, seed)
        for subset in subsets
    ]
    fitted = offered.fit_together(lessons, len(task.classes), effort)
    return [model.to_bytes() for model in fitted]
