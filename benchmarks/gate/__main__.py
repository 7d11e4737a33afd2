"""Measure the gate against what could replace it.

    python -m benchmarks.gate --tasks digits credit --seeds 0-4 --rows 50 200 500 2000

Experts are trained once per task and seed, and what they answer is kept in the cache; each
method's figures are kept as they come, so a run that was stopped goes on where it was. A table
is printed, and written with all figures into ``docs/benchmarks``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

from benchmarks.gate.answer import measures
from benchmarks.gate.composites import COMPOSITES
from benchmarks.gate.dynamic import DYNAMIC
from benchmarks.gate.problem import TASKS, load_problem
from benchmarks.gate.report import write_report
from benchmarks.gate.rivals import REFERENCES, RIVALS, Method
from offchain.compute import work_on_one_core

METHODS: Mapping[str, Method] = {**RIVALS, **DYNAMIC, **COMPOSITES, **REFERENCES}
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "moemarket" / "gate"
OUT = Path(__file__).parents[2] / "docs" / "benchmarks"


def seeds(text: str) -> list[int]:
    """Read ``3`` or ``0-4``."""
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate", description="The gate against its rivals."
    )
    parser.add_argument("--tasks", nargs="+", choices=sorted(TASKS), default=list(TASKS))
    parser.add_argument("--seeds", type=seeds, default="0-4", help="such as 3 or 0-4")
    parser.add_argument("--rows", nargs="+", type=int, default=[50, 200, 500, 2_000])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--cache", type=Path, default=CACHE, help="experts' answers and figures")
    parser.add_argument("--out", type=Path, default=OUT, help="where the report goes")
    parser.add_argument("--report", action="store_true", help="only report what is in the cache")
    return parser.parse_args()


def main() -> None:
    """Measure what is missing, then report."""
    chosen = arguments()
    work_on_one_core()
    warnings.filterwarnings("ignore", module="sklearn|lightgbm|deslib")
    figures = chosen.cache / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for seed in chosen.seeds if not chosen.report else []:
        for task in chosen.tasks:
            _measure(task, seed, chosen, figures)
    write_report(figures, chosen.tasks, chosen.seeds, chosen.rows, list(METHODS), chosen.out)


def _measure(task: str, seed: int, chosen: argparse.Namespace, figures: Path) -> None:
    wanted = [(rows, name) for rows in chosen.rows for name in chosen.methods]
    path = figures / f"{task}-{seed}.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    missing = [pair for pair in wanted if f"{pair[1]}/{pair[0]}" not in known]
    if not missing:
        return
    print(f"{task}, seed {seed}: experts", flush=True)
    problem = load_problem(task, seed, chosen.cache)
    for at, (rows, name) in enumerate(missing, 1):
        start = time.perf_counter()
        found = measures(METHODS[name](problem.first(rows), seed), problem)
        known[f"{name}/{rows}"] = found
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(known, indent=1))
        unfinished.replace(path)
        print(
            f"{task}, seed {seed}, {rows} rows, {at} of {len(missing)}: {name}"
            f" {found['accuracy']:.4f}, {found['calls']:.1f} calls"
            f" ({time.perf_counter() - start:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
