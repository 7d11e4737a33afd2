"""Print what rules pay and how fast they are; write it to docs/benchmarks.

    python -m benchmarks.contribution [--seeds 0,1,2] [--pydvl PYTHON] [--only speed|rules|data]

pyDVL is no dependency: `python -m venv pydvl && pydvl/bin/pip install pydvl==0.10.0`, then give
`--pydvl pydvl/bin/python`. What the experts said is cached; training them takes minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contribution import data, speed
from benchmarks.contribution.experts import parties
from benchmarks.contribution.report import conditions, machine, percent, table
from benchmarks.contribution.strategies import LINES, situations

OUT = Path(__file__).parents[2] / "docs" / "benchmarks"
PARTS = ("speed", "rules", "data")


def main() -> None:
    """Run what is asked for and keep the rest of the last results."""
    options = _options()
    stored = OUT / "contribution.json"
    seeds = [int(seed) for seed in options.seeds.split(",")]
    for part in PARTS if options.only is None else (options.only,):
        if part == "speed":
            found: Any = speed.measure(options.pydvl)
        elif part == "rules":
            found = {seed: _rules(seed, options.cache) for seed in seeds}
        else:
            found = {seed: _data(seed) for seed in seeds}
        results: dict[str, Any] = json.loads(stored.read_text()) if stored.is_file() else {}
        results[part] = {"machine": machine(), "found": found}
        stored.write_text(json.dumps(results, indent=1) + "\n")
    text = _page(json.loads(stored.read_text()))
    (OUT / "contribution.md").write_text(text)
    sys.stdout.write(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contribution")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--pydvl", type=Path, help="a Python with pyDVL installed")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--cache", type=Path, default=Path("runs/contribution"))
    return parser.parse_args()


def _rules(seed: int, cache: Path) -> dict[str, Any]:
    votes = situations(parties(seed, cache), seed)
    shares = {name: some.shares() for name, some in votes.items()}
    rules = list(shares["honest"])
    return {
        "accuracy": {name: some.score for name, some in votes.items()},
        "paid": {rule: {line: LINES[line](shares, rule) for line in LINES} for rule in rules},
    }


def _data(seed: int) -> dict[str, Any]:
    found = data.provider_values(seed)
    return {name: data.lines(found, name) for name in ("neighbours", "retrained")}


def _page(results: dict[str, Any]) -> str:
    head = "# Contribution\n\nWritten by `python -m benchmarks.contribution`; read in"
    pages = [f"{head} [`contribution.md`](../contribution.md)."]
    writers = {"speed": _speed_page, "rules": _rules_page, "data": _data_page}
    for part in PARTS:
        if part in results:
            text = writers[part](results[part]["found"])
            pages += [text, conditions(results[part]["machine"])]
    return "\n\n".join(pages) + "\n"


def _speed_page(found: dict[str, Any]) -> str:
    names = {
        "shapley_16": "exact Shapley, 16 experts, 4,000 rows",
        "skill_16": "exact skill, 16 experts, 4,000 rows",
        "shapley_20_of_500_rows": "exact Shapley, 20 experts, 500 rows",
        "audit_16_of_200_rows": "the audit's own Shapley, 16 experts, 200 rows",
    }
    lines = [
        (name, f"{found[key]['cpu_s']:.2f}", f"{found[key]['wall_s']:.2f}")
        for key, name in names.items()
    ]
    text = ""
    if "pydvl" in found:
        other = found["pydvl"]
        exact, mine, sampled = other["exact_8"], other["ours_8"], other["sampled_16"]
        lines += [
            (
                "exact Shapley, 8 experts, 4,000 rows",
                f"{mine['cpu_s']:.3f}",
                f"{mine['wall_s']:.3f}",
            ),
            ("pyDVL, the same 8", f"{exact['cpu_s']:.2f}", f"{exact['wall_s']:.2f}"),
            ("pyDVL, 16, extrapolated", f"{other['cpu_s_16_extrapolated']:.0f}", ""),
        ]
        text = (
            f"\n\npyDVL {other['version']} evaluates v twice for every expert and coalition of the"
            f" others. Sixteen experts were timed on {sampled['evaluations']:,} random coalitions"
            f" ({sampled['cpu_s']:.2f} s) and extrapolated to 16 x 2^16 evaluations:"
            f" {other['times_faster']:.0f} times as long as here. With a cache of v in front of it,"
            f" 2^16 evaluations: {other['times_faster_if_it_cached']:.0f} times. On eight experts"
            f" both ran to the end and differ by at most {other['largest_difference_8']:.0e}."
        )
    head = ("10 classes, weight on every expert in every row", "processor s", "wall s")
    return "## Speed\n\n" + table(head, lines) + text


def _rules_page(found: dict[str, Any]) -> str:
    seeds = list(found)
    rules = list(found[seeds[0]]["paid"])
    lines = [
        (line, *(percent([found[seed]["paid"][rule][line] for seed in seeds]) for rule in rules))
        for line in LINES
    ]
    scores = {
        name: f"{np.mean([found[seed]['accuracy'][name] for seed in seeds]):.3f}"
        for name in found[seeds[0]]["accuracy"]
    }
    said = ", ".join(f"{name} {score}" for name, score in scores.items())
    return (
        "## What rules pay\n\nPer cent of the pool; mean and range over seeds"
        f" {', '.join(seeds)}.\n\n{table(('', *rules), lines)}\n\nThe composite's accuracy: {said}."
    )


def _data_page(found: dict[str, Any]) -> str:
    seeds = list(found)
    lines = [
        (
            line,
            *(
                percent([found[seed][measure][line] for seed in seeds])
                for measure in ("neighbours", "retrained")
            ),
        )
        for line in found[seeds[0]]["neighbours"]
    ]
    head = ("points of accuracy", "nearest neighbours", "trained anew")
    return f"## What providers' rows are worth\n\nSeeds {', '.join(seeds)}.\n\n{table(head, lines)}"


if __name__ == "__main__":
    main()
