"""Run all proofs about the contracts, and fail unless each one is whole.

    python scripts/prove.py

Two provers, each for what it is good at. ``contracts/test/proofs/integers/*.sol`` go
through solc's SMTChecker, which knows products and quotients. ``contracts/test/proofs/*.sol``
go through halmos, which follows byte code over storage and calls; there every function
``check_…`` of a contract whose name ends with ``Proof`` is proven for all arguments.
Needs node, forge, halmos and z3 on PATH, as ``make prove`` arranges.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

CONTRACTS = Path(__file__).parents[1] / "contracts"


def incomplete(report: dict[str, Any]) -> list[str]:
    """Find what halmos left open.

    Parameters
    ----------
    report
        What ``halmos --json-output`` wrote.

    Returns
    -------
    list of str
        A line for each proof that was refuted, ran out of time, was cut short at a loop,
        or in which no call ever ended well. Empty if all hold.
    """
    faults = []
    proofs = [
        (contract.rpartition(":")[2], result)
        for contract, results in report["test_results"].items()
        for result in results
    ]
    for contract, result in proofs:
        name = f"{contract}.{result['name'].partition('(')[0]}"
        _, ended_well, blocked = result["num_paths"]
        if result["exitcode"] != 0:
            faults.append(f"{name} is not proven")
        elif result["num_bounded_loops"] or blocked:
            faults.append(f"{name} is proven in part: a loop or a path was cut short")
        elif ended_well == 0:
            faults.append(f"{name} proves nothing: no path gets to its end")
    if not proofs:
        faults.append("no proof was found")
    return faults


def _prove_integers() -> list[str]:
    files = sorted(
        path.relative_to(CONTRACTS).as_posix()
        for path in (CONTRACTS / "test/proofs/integers").glob("*.sol")
    )
    done = subprocess.run(["node", "smtchecker.js", *files], cwd=CONTRACTS, check=False)
    return ["SMTChecker left assertions unproven"] if done.returncode else []


def _prove_symbolically() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "halmos.json"
        done = subprocess.run(
            ["halmos", "--match-contract", "Proof$", "--json-output", str(report)],
            cwd=CONTRACTS,
            env=os.environ | {"FOUNDRY_PROFILE": "prove"},
            check=False,
        )
        if not report.exists():
            return [f"halmos wrote no report (exit status {done.returncode})"]
        return incomplete(json.loads(report.read_text()))


def main() -> int:
    """Run both provers; the exit status is 0 only if all is proven."""
    faults = _prove_integers() + _prove_symbolically()
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
