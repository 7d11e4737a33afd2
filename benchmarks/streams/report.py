"""The table of what was measured on streams."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.contribution.report import conditions, machine, table
from benchmarks.streams.market import PHASES

PACKAGES = ("lightgbm", "mlxtend", "scikit-learn")
COLUMNS = (
    *((f"accuracy, {name}", name) for name in PHASES),
    ("accuracy", "all"),
    ("cost", "cost"),
    ("net", "net"),
    ("newcomers", "newcomers"),
    ("noisy", "noisy"),
    ("star", "star"),
    ("star, dear", "star dear: its share"),
)


def write_report(measured: Path, seeds: Sequence[int], calls: int, out: Path) -> None:
    """Print a table per share of truths told, and write ``streams.md`` and ``streams.json``."""
    about = machine() | {name: version(name) for name in PACKAGES}
    figures: dict[str, dict[str, dict[int, dict[str, float]]]] = {}
    for seed in seeds:
        for told, found in json.loads((measured / f"{seed}-{calls}.json").read_text()).items():
            for policy, values in found.items():
                figures.setdefault(told, {}).setdefault(policy, {})[seed] = values
    lines = ["# Streams, measured", ""]
    for told, of_told in figures.items():
        lines += [f"## The truth of {told} of the queries comes out", "", *_table(of_told)]
    of_calls = f"At most {calls} call{'s' if calls > 1 else ''} for a query."
    of_seeds = f"Mean and standard deviation over seeds {', '.join(map(str, seeds))}."
    made = f"Made by `python -m benchmarks.streams`, one thread. {conditions(about)}"
    where = "What the columns mean and what follows: [experts over time](../experts.md)."
    lines += [" ".join((of_calls, of_seeds, made, where)), ""]
    out.mkdir(parents=True, exist_ok=True)
    (out / "streams.md").write_text("\n".join(lines))
    text = json.dumps(
        {"machine": about, "calls": calls, "figures": figures}, indent=1, sort_keys=True
    )
    (out / "streams.json").write_text(text + "\n")
    print("\n".join(lines))


def _table(found: Mapping[str, Mapping[int, Mapping[str, float]]]) -> list[str]:
    lines = [
        [policy, *(_spread(each[name] for each in by_seed.values()) for name, _ in COLUMNS)]
        for policy, by_seed in found.items()
    ]
    return [table(["policy", *(head for _, head in COLUMNS)], lines), ""]


def _spread(values: Iterable[float]) -> str:
    numbers = list(values)
    spread = statistics.stdev(numbers) if len(numbers) > 1 else 0.0
    return f"{statistics.mean(numbers):.3f} ± {spread:.3f}"
