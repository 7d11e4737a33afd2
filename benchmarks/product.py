"""Time and size of an exported model: sparse routing, dense, and the composite itself.

    python -m benchmarks.product

Writes ``docs/benchmarks/product.json`` and ``product.md``. Seeds 0 and up; everything runs on one
thread, in one process, sparse and dense in turn.
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

from offchain.data.scenarios import Scenario, load_scenario, scenario_names
from offchain.product import compare, export
from offchain.product.export import INPUT
from offchain.product.running import session
from offchain.training import run_local

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
    sparse = export(composite)
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
        ways["composite"] = lambda rows=rows: composite.predict(rows)
        spent: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(repeats):
            for way, work in ways.items():
                begun = time.perf_counter()
                work()
                spent[way].append(1e3 * (time.perf_counter() - begun))
        times[str(batch)] = {way: statistics.median(each) for way, each in spent.items()}
    return {
        "scenario": name,
        "seed": seed,
        "experts": [fitted.kind for fitted in composite.experts.values()],
        "bytes": len(sparse),
        "export_seconds": seconds,
        "agreement": vars(found),
        "milliseconds": times,
    }


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
    lines += [f"Medians in ms; load average {content['load_average']:.1f} on the machine.", ""]
    lines += ["| scenario, seed | rows | sparse | dense | composite | labels apart | furthest |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    runs = content["runs"]
    assert isinstance(runs, list)  # noqa: S101  # for the type checker
    for run in runs:
        for batch, spent in run["milliseconds"].items():
            ways = " | ".join(f"{spent[way]:.2f}" for way in ("sparse", "dense", "composite"))
            found = run["agreement"]
            first = f"{run['scenario']}, {run['seed']} | {batch} | {ways}"
            apart = f"{found['labels_apart']} of {found['rows']}"
            lines += [f"| {first} | {apart} | {found['furthest']:.1e} |"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
