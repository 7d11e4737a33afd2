"""Measure who is called, and how well that goes, on streams of 4,000 queries.

    python -m benchmarks.streams --seeds 0-4

Experts are those of the digits task of `benchmarks.gate`, trained once per seed and cached.
A table is printed, and written with all figures into ``docs/benchmarks``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from benchmarks.streams.market import END, JOIN, LEAVE, NEWCOMERS, PHASES, STAR, Stream, load_stream
from benchmarks.streams.policies import Policy, policies
from benchmarks.streams.report import write_report
from offchain.compute import work_on_one_core
from offchain.gating.marks import UNIT

LEAST = 0.01
# The gate's benchmark keeps the same experts there.
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "moemarket" / "gate"
OUT = Path(__file__).parents[2] / "docs" / "benchmarks"


def seeds(text: str) -> list[int]:
    """Read ``3`` or ``0-4``."""
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def played(stream: Stream, policy: Policy, calls: int, told: float) -> dict[str, float]:
    """Play the stream once and measure it; the truth of a share ``told`` of queries comes out."""
    comes_out = np.random.default_rng(END).random(END) < told
    called = np.zeros_like(stream.present)
    right = np.zeros(END, bool)
    for at in range(END):
        chosen = policy.choose(at, calls)
        called[at, chosen] = True
        belief = np.clip(policy.belief(at)[chosen], LEAST, 1.0 - LEAST)
        votes = (belief / (1.0 - belief)) @ stream.answers[at, chosen]
        right[at] = votes.argmax() == stream.labels[at]
        policy.learn(at, chosen, bool(comes_out[at]))
    star, total = stream.names.index(STAR), called.sum(axis=1)
    cost = (called * stream.prices).sum(axis=1) / UNIT
    good = slice(stream.incumbents, len(stream.names) - 1)
    return {
        **{f"accuracy, {name}": float(right[rows].mean()) for name, rows in PHASES.items()},
        "accuracy": float(right.mean()),
        "cost": float(cost.mean()),
        "net": float(right.mean() - cost.mean()),
        "newcomers": float(called[JOIN:, good].sum() / total[JOIN:].sum()),
        NEWCOMERS[-1]: float(called[JOIN:, -1].sum() / total[JOIN:].sum()),
        "star": float(called[:LEAVE, star].sum() / total[:LEAVE].sum()),
        "star, cheap": float(called[:JOIN, star].sum() / total[:JOIN].sum()),
        "star, dear": float(
            called[PHASES["star dear"], star].sum() / total[PHASES["star dear"]].sum()
        ),
    }


def main() -> None:
    """Play every policy on every seed, then report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.streams", description="Policies on long streams."
    )
    parser.add_argument("--seeds", type=seeds, default="0-4", help="such as 3 or 0-4")
    parser.add_argument("--calls", type=int, default=1, help="most for a query")
    parser.add_argument(
        "--told", type=float, nargs="+", default=[1.0, 0.1], help="shares of truths that come out"
    )
    parser.add_argument("--cache", type=Path, default=CACHE, help="experts' answers")
    parser.add_argument("--out", type=Path, default=OUT, help="where the report goes")
    chosen = parser.parse_args()
    work_on_one_core()
    measured = chosen.cache / "streams"
    measured.mkdir(parents=True, exist_ok=True)
    for seed in chosen.seeds:
        _measure(seed, chosen, measured / f"{seed}-{chosen.calls}.json")
    write_report(measured, chosen.seeds, chosen.calls, chosen.out)


def _measure(seed: int, chosen: argparse.Namespace, path: Path) -> None:
    """Play what is not in the file yet; a run that was stopped goes on where it was."""
    known: dict[str, dict[str, dict[str, float]]]
    known = json.loads(path.read_text()) if path.exists() else {}
    if all(f"{told:.0%}" in known for told in chosen.told):
        return
    stream = load_stream(seed, chosen.cache)
    begins = policies(stream, seed)
    for told in chosen.told:
        found = known.setdefault(f"{told:.0%}", {})
        for name, begin in begins.items():
            start = time.process_time()
            found[name] = played(stream, begin(), chosen.calls, told)
            print(
                f"seed {seed}, {told:.0%} told, {name}: {found[name]['accuracy']:.4f},"
                f" net {found[name]['net']:.4f} ({time.process_time() - start:.1f} s of processor)",
                flush=True,
            )
        path.write_text(json.dumps(known, indent=1))


if __name__ == "__main__":
    main()
