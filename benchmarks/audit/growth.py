"""Print how time and memory of a whole audit grow with the market; write it to docs/benchmarks.

    python -m benchmarks.audit.growth --folder FOLDER [--sizes 240 500 1000 2000]

`benchmarks.audit.trades` makes the folder. Each size is the same market, anchored at the block at
which it had seen so many trades. It is audited twice, in processes of their own: once so that
every answer of the node lies in a file, and once for the figures. Memory is the process's largest
resident size, with interpreter and libraries, without the node.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.audit.kept import KeptNode
from benchmarks.audit.plot import growth_svg
from benchmarks.contribution.report import conditions, machine, table
from marketplace.audit.auditor import begin
from marketplace.audit.report import Check
from offchain.storage.disk import DiskStore

OUT = Path(__file__).parents[2] / "docs" / "benchmarks" / "audit-growth.json"

_PACKAGES = ("web3", "eth-abi", "eth-hash", "pycryptodome", "pydantic", "py-evm")


def main() -> None:
    """Measure all sizes, print and write; or one size, as its own process."""
    chosen = _arguments()
    if chosen.one is not None:
        print(json.dumps(audited(chosen.folder, chosen.one)))
        return
    sizes = [_in_its_own_process(chosen.folder, size) for size in chosen.sizes]
    facts = machine() | {name: importlib.metadata.version(name) for name in _PACKAGES}
    found = {"conditions": facts, "sizes": sizes, **_slopes(sizes)}
    chosen.out.write_text(json.dumps(found, indent=2) + "\n")
    chosen.out.with_suffix(".svg").write_text(growth_svg(sizes))
    print(report(found))
    print(f"\nwritten to {chosen.out} and {chosen.out.with_suffix('.svg').name}")


def audited(folder: Path, size: int) -> dict[str, Any]:
    """Audit a market of some size trade by trade, and return what it took."""
    made = json.loads((folder / "progress.json").read_text())
    node, anchor = KeptNode(folder), bytes.fromhex(made["anchors"][str(size)][2:])
    verdicts: Counter[str] = Counter()
    start = time.process_time()
    begun = begin(node, made["market"], DiskStore(folder / "store"), anchor=anchor)
    folded, folded_by_node = time.process_time() - start, node.seconds
    _count(verdicts, begun.market_checks())
    trades = 0
    for _, checks in begun.trades():
        trades += 1
        _count(verdicts, checks)
    _count(verdicts, [begun.proofs_check()])
    spent = time.process_time() - start
    node.close()
    return {
        "trades": trades,
        "blocks": begun.reading.blocks,
        "events": begun.reading.events,
        "seconds": round(spent - node.seconds, 3),
        "log_and_state_seconds": round(folded - folded_by_node, 3),
        "node_seconds": round(node.seconds, 3),
        "events_a_second": round(begun.reading.events / (folded - folded_by_node)),
        "peak_memory_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "verdicts": dict(sorted(verdicts.items())),
        "asked_of_the_chain": node.asked,
    }


def _count(verdicts: Counter[str], checks: list[Check]) -> None:
    verdicts.update(check.verdict for check in checks)


def _in_its_own_process(folder: Path, size: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.audit.growth", "--folder", str(folder)]
    command += ["--one", str(size)]
    found: dict[str, Any] = {}
    for _ in range(2):
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(run.stdout)
        print(f"{size} trades: {found}", file=sys.stderr, flush=True)
    if found["asked_of_the_chain"]:
        raise SystemExit("the second audit asked other questions than the first")
    return found


def _slopes(sizes: list[dict[str, Any]]) -> dict[str, Any]:
    """Fit lines by least squares: how much each further trade takes, and how straight that is."""
    trades = [size["trades"] for size in sizes]
    fitted = {}
    for name, unit, scale in (
        ("seconds", "milliseconds_a_trade", 1e3),
        ("peak_memory_mib", "kibibytes_a_trade", 1024),
    ):
        slope, spread = _line(trades, [size[name] for size in sizes])
        fitted[unit] = round(slope * scale, 2)
        fitted[f"r_squared_of_{name}"] = round(spread, 5)
    return fitted


def _line(x: list[float], y: list[float]) -> tuple[float, float]:
    """Return the slope of the best line, and R squared."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    across = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    along = sum((a - mean_x) ** 2 for a in x)
    whole = sum((b - mean_y) ** 2 for b in y)
    if not along or not whole:
        return 0.0, 1.0
    return across / along, across**2 / (along * whole)


def report(found: dict[str, Any]) -> str:
    """Return the figures as a table, and what they were measured on."""
    lines = [
        [
            f"{size['trades']:,}",
            f"{size['events']:,}",
            f"{size['seconds']:.1f}",
            f"{size['events_a_second']:,}",
            f"{size['peak_memory_mib']:.0f}",
        ]
        for size in found["sizes"]
    ]
    head = ["trades", "events", "seconds, whole audit", "events a second, log and fold", "MiB"]
    slopes = (
        f"Each further trade takes {found['milliseconds_a_trade']} ms"
        f" (R² {found['r_squared_of_seconds']}) and {found['kibibytes_a_trade']} KiB"
        f" (R² {found['r_squared_of_peak_memory_mib']})."
    )
    return f"{table(head, lines)}\n\n{slopes} {conditions(found['conditions'])}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.audit.growth", description="How an audit grows with the market."
    )
    parser.add_argument(
        "--folder", type=Path, required=True, help="made by benchmarks.audit.trades"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[240, 500, 1_000, 2_000])
    parser.add_argument("--one", type=int, help="audit this size only, in this process")
    parser.add_argument("--out", type=Path, default=OUT, help="where the figures go")
    return parser.parse_args()


if __name__ == "__main__":
    main()
