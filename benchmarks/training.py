"""Many small networks trained one after another and together, in one run.

    python -m benchmarks.training

Prints a table of ratios and writes ``docs/benchmarks/training.json`` and ``training.md``.
"One after another" is an ordinary loop over torch's layers, autograd and AdamW in float32,
and, for what a trade uses, the same networks in replayable arithmetic, each by itself. All
ways see the same rows in the same order. Every repeat runs all ways in turn, so that a busy
machine slows all of them; a ratio is taken within a repeat, of processor seconds.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from offchain.arithmetic import FAST, REPLAYABLE, Arithmetic
from offchain.compute import work_on_one_core
from offchain.environment import environment
from offchain.experts.cohort import Cohorts, Learner
from offchain.experts.networks import initialise
from offchain.experts.schedule import Schedule

SHAPES = {"64-32-10": (64, 32, 10, 500), "784-64-10": (784, 64, 10, 1_000)}
"""Inputs, hidden units, classes, and rows of each network."""

OUT = Path("docs/benchmarks/training")
PLAIN = "one after another, torch float32"


def learners(shape: tuple[int, int, int, int], count: int, seed: int) -> list[Learner]:
    """Return equal networks, each with rows of its own: one prototype per class, and noise."""
    width, hidden, classes, rows = shape
    drawing = torch.Generator().manual_seed(seed)
    prototypes = torch.randn(classes, width, generator=drawing)
    made = []
    for number in range(count):
        labels = torch.randint(classes, (rows,), generator=drawing)
        inputs = prototypes[labels] + 3.0 * torch.randn(rows, width, generator=drawing)
        head = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, classes))
        generator = torch.Generator().manual_seed(number)
        initialise(head, generator)
        made.append(Learner(head, inputs, labels, torch.ones(rows), generator))
    return made


def one_after_another(chosen: list[Learner], schedule: Schedule) -> None:
    """Train with autograd and torch's own AdamW, as one would write it for one network."""
    for learner in chosen:
        optimizer = torch.optim.AdamW(learner.head.parameters(), weight_decay=schedule.decay)
        rows, step = len(learner.labels), 0
        steps = schedule.steps(rows)
        while step < steps:
            order = torch.randperm(rows, generator=learner.generator)
            for batch in torch.split(order, schedule.batch):
                optimizer.param_groups[0]["lr"] = schedule.rate_at(step, steps)
                logits = learner.head(learner.inputs[batch])
                optimizer.zero_grad(set_to_none=True)
                nn.functional.cross_entropy(logits, learner.labels[batch]).backward()
                optimizer.step()
                step += 1


def alone(chosen: list[Learner], schedule: Schedule, arithmetic: Arithmetic) -> None:
    """Train each as a cohort of its own."""
    for learner in chosen:
        together([learner], schedule, arithmetic)


def together(chosen: list[Learner], schedule: Schedule, arithmetic: Arithmetic) -> int:
    """Train all as the pipeline does; returns the bytes that the largest cohort took."""
    cohorts = Cohorts(schedule, arithmetic)
    for learner in chosen:
        cohorts.add(learner)
    cohorts.train()
    return cohorts.peak


Way = Callable[[list[Learner], Schedule], int | None]

WAYS: dict[str, Way] = {
    PLAIN: one_after_another,
    "together, fast": lambda chosen, schedule: together(chosen, schedule, FAST),
    "one after another, replayable": lambda chosen, schedule: alone(chosen, schedule, REPLAYABLE),
    "together, replayable": lambda chosen, schedule: together(chosen, schedule, REPLAYABLE),
}


def weights(chosen: list[Learner]) -> Tensor:
    """Return all weights of all networks in one vector."""
    return torch.cat([p.detach().flatten() for one in chosen for p in one.head.parameters()])


def accuracy(chosen: list[Learner]) -> float:
    """Return the mean share of its own rows that a network gets right."""
    with torch.no_grad():
        right = [(one.head(one.inputs).argmax(1) == one.labels).double().mean() for one in chosen]
    return float(torch.stack(right).mean())


def measure(name: str, count: int, epochs: int, repeats: int) -> dict[str, object]:
    """Run all ways in turn, several times over."""
    schedule = Schedule(epochs=epochs, rate=2e-3, least_steps=1)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    clock: dict[str, list[float]] = {way: [] for way in WAYS}
    notes: dict[str, dict[str, float]] = {}
    ends: dict[str, Tensor] = {}
    for _ in range(repeats):
        for way, run in WAYS.items():
            chosen = learners(SHAPES[name], count, seed=0)
            started, cpu = time.perf_counter(), time.process_time()
            peak = run(chosen, schedule)
            seconds[way].append(time.process_time() - cpu)
            clock[way].append(time.perf_counter() - started)
            ends[way] = weights(chosen)
            notes[way] = {"accuracy": accuracy(chosen), "peak_bytes": float(peak or 0)}
    rows = [
        {
            "way": way,
            "cpu_seconds": spread(seconds[way]),
            "wall_seconds": spread(clock[way]),
            "faster": spread([a / b for a, b in zip(seconds[PLAIN], seconds[way], strict=True)]),
            "most_weight_apart": float((ends[way] - ends[PLAIN]).abs().max()),
            **notes[way],
        }
        for way in WAYS
    ]
    replayable = [ends[way] for way in WAYS if way.endswith("replayable")]
    return {
        "shape": name,
        "networks": count,
        "rows": SHAPES[name][3],
        "steps": schedule.steps(SHAPES[name][3]),
        "replayable_alone_equals_together": bool(torch.equal(*replayable)),
        "ways": rows,
    }


def spread(values: list[float]) -> dict[str, float]:
    """Return the least, the middle and the largest."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def table(found: list[dict[str, object]]) -> str:
    """Lay the ratios out as Markdown."""
    lines = [
        "| networks | way | times as fast (min, median, max) | CPU s | accuracy | memory |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for shape in found:
        ways = shape["ways"]
        assert isinstance(ways, list)  # noqa: S101  # for the type checker
        for way in ways:
            ratio = ", ".join(f"{way['faster'][key]:.1f}" for key in ("min", "median", "max"))
            memory = f"{way['peak_bytes'] / 2**20:.0f} MiB" if way["peak_bytes"] else "-"
            lines.append(
                f"| {shape['networks']} x {shape['shape']}, {shape['rows']} rows,"
                f" {shape['steps']} steps | {way['way']} | {ratio}"
                f" | {way['cpu_seconds']['median']:.2f} | {way['accuracy']:.4f} | {memory} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--networks", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    work_on_one_core()
    found = [measure(name, given.networks, given.epochs, given.repeats) for name in SHAPES]
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    here = environment()
    text = table(found)
    print(text)
    content = {
        "environment": here,
        "repeats": given.repeats,
        "peak_resident_bytes": most,
        "shapes": found,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")
    head = (
        "# Training many small networks\n\n`python -m benchmarks.training`, one core,"
        f" {given.repeats} repeats; the baseline is the first line of each shape.\n\n"
        + ", ".join(f"{name} {value}" for name, value in here.items())
        + f". Largest resident memory of the process: {most / 2**20:.0f} MiB.\n\n"
    )
    given.out.with_suffix(".md").write_text(head + text + "\n")


if __name__ == "__main__":
    main()
