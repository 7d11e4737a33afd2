"""What an exported model and the composite itself take: sparse, dense, experts, and the gate.

    python -m benchmarks.product

Writes ``docs/benchmarks/product.json`` and ``product.md``. Seeds 0 and up; everything runs in one
process, each way in turn. Times are of the processor, so other work on the machine counts little.

- sparse, dense: the two exports of the composite, by onnxruntime. What `export` chooses by itself
  is sparse where the gate leaves experts out (`credit`), and dense where it can't (`digits`).
- called: the composite's own experts, each weighted by the share of rows that call it.
- gate: what the composite adds when the experts have answered: it calibrates their answers,
  weighs them by the features, and votes. ``gate / called`` is its overhead.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offchain.arithmetic import arithmetic
from offchain.data.scenarios import Scenario, load_scenario, scenario_names
from offchain.product import compare, export
from offchain.product.export import INPUT
from offchain.product.running import session
from offchain.training import Composite, run_local
from offchain.training.predictions import ask

OUT = Path(__file__).parents[1] / "docs" / "benchmarks"
PACKAGES = ("lightgbm", "numpy", "onnx", "onnxruntime", "scikit-learn", "torch")
BATCHES = (1, 1_000)


def measured(name: str, seed: int, cut: int, repeats: int) -> dict[str, object]:
    """Train one composite on at most `cut` rows of each provider and time its two exports."""
    whole = load_scenario(name, seed)
    providers = {
        who: data.take(np.arange(min(cut, len(data)))) for who, data in whole.providers.items()
    }
    composite = run_local(Scenario(whole.task, providers, whole.validation), seed).composite
    features = whole.validation.features
    start = time.perf_counter()
    sparse = export(composite, sparse=True)
    seconds = time.perf_counter() - start
    found = compare(sparse, composite, features)
    running = {"sparse": session(sparse), "dense": session(export(composite, sparse=False))}
    times: dict[str, dict[str, float]] = {}
    for batch in BATCHES:
        rows = features[:batch]
        ways: dict[str, Callable[[], object]] = {
            way: lambda model=model, rows=rows: model.run(None, {INPUT: rows})
            for way, model in running.items()
        }
        composite.predict(rows)  # from here on the experts' answers are remembered
        ways["gate"] = lambda rows=rows: composite.predict(rows)
        experts = _experts(composite, rows)
        spent = _spent(ways | experts, repeats)
        calls = (composite.gate.weights(rows) > 0).mean(axis=0)
        called = sum(share * spent.pop(who) for share, who in zip(calls, experts, strict=True))
        times[str(batch)] = spent | {"called": float(called)}
    return {
        "scenario": name,
        "seed": seed,
        "experts": [fitted.kind for fitted in composite.experts.values()],
        "bytes": len(sparse),
        "export_seconds": seconds,
        "agreement": vars(found),
        "milliseconds": times,
    }


def _experts(composite: Composite, rows: NDArray[np.float32]) -> dict[str, Callable[[], object]]:
    classes, numbers = len(composite.task.classes), arithmetic().name
    return {
        f"expert {name}": lambda fitted=fitted: ask(fitted, rows, classes, numbers)
        for name, fitted in composite.experts.items()
    }


def _spent(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median of each way in milliseconds, taken in turn; the first round warms up."""
    spent: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(repeats + 1):
        for way, work in ways.items():
            begun = time.process_time()
            work()
            spent[way].append(1e3 * (time.process_time() - begun))
    return {way: statistics.median(each[1:]) for way, each in spent.items()}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="How many, from 0.")
    parser.add_argument("--cut", type=int, default=300, help="Rows of each provider.")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--scenarios", nargs="*", default=list(scenario_names()))
    chosen = parser.parse_args()
    runs = [
        measured(name, seed, chosen.cut, chosen.repeats)
        for name in chosen.scenarios
        for seed in range(chosen.seeds)
    ]
    content = {
        "hardware": {"machine": platform.machine(), "cores": os.cpu_count(), "threads": 1},
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "rows_of_each_provider": chosen.cut,
        "repeats": chosen.repeats,
        "runs": runs,
    }
    text = _table(content)
    (OUT / "product.json").write_text(json.dumps(content, indent=1) + "\n")
    (OUT / "product.md").write_text(text)
    print(text)  # a benchmark speaks to people


def _table(content: dict[str, object]) -> str:
    lines = ["# Exported models", "", "Written by `python -m benchmarks.product`.", ""]
    lines += [
        "Medians in ms of the processor. `called`: the experts, as often as the gate calls them;",
        "`gate`: what the composite adds to their answers. The exports compute the experts, too.",
        "",
    ]
    lines += ["| scenario, seed | rows | sparse | dense | called | gate | gate / called"]
    lines[-1] += " | labels apart | furthest |"
    lines += ["| --- " * 9 + "|"]
    runs = content["runs"]
    assert isinstance(runs, list)  # noqa: S101  # for the type checker
    for run in runs:
        for batch, spent in run["milliseconds"].items():
            names = "sparse", "dense", "called", "gate"
            ways = " | ".join(f"{spent[way]:.2f}" for way in names)
            ways += f" | {spent['gate'] / spent['called']:.1%}"
            found = run["agreement"]
            first = f"{run['scenario']}, {run['seed']} | {batch} | {ways}"
            apart = f"{found['labels_apart']} of {found['rows']}"
            lines += [f"| {first} | {apart} | {found['furthest']:.1e} |"]
    lines += ["", f"Load average {content['load_average']:.1f} on {os.cpu_count()} cores."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
