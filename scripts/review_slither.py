"""Run slither, and fail on any finding that nobody has reviewed.

    python scripts/review_slither.py

``contracts/slither.reviewed.toml`` lists what was looked at and why it stands. An entry
that matches no finding fails as well, so that the list doesn't outlive the code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from reviewed import read_entries

CONTRACTS = Path(__file__).parents[1] / "contracts"
REVIEWED = CONTRACTS / "slither.reviewed.toml"


@dataclass(frozen=True)
class Finding:
    """What slither found, named without a line number.

    Attributes
    ----------
    check
        Slither's name of the detector, e.g. ``timestamp``.
    where
        First element that it names, e.g. ``Payouts.activate(Currency)``.
    text
        First line of its description.
    """

    check: str
    where: str
    text: str


@dataclass(frozen=True)
class Review:
    """Findings that may stand: a detector, a pattern of places (``*`` stands for any text)."""

    check: str
    where: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is one of those."""
        return finding.check == self.check and fnmatchcase(finding.where, self.where)


def read_findings(report: dict[str, Any]) -> list[Finding]:
    """Take the findings out of slither's JSON."""
    return [
        Finding(
            found["check"],
            _place(found["elements"][0]) if found["elements"] else "",
            found["description"].partition("\n")[0].strip(),
        )
        for found in report["results"].get("detectors", [])
    ]


def read_reviews(text: str) -> list[Review]:
    """Read the reviewed list.

    Raises
    ------
    ValueError
        If an entry has another key, or gives no reason.
    """
    return [Review(**entry) for entry in read_entries(text, "finding", ("check", "where"))]


def compare(findings: list[Finding], reviews: list[Review]) -> list[str]:
    """Say what is wrong: findings that no review covers, reviews that cover nothing."""
    new = [
        f"not reviewed: {finding.check} in {finding.where}: {finding.text}"
        for finding in findings
        if not any(review.covers(finding) for review in reviews)
    ]
    stale = [
        f"reviewed, but not found any more: {review.check} in {review.where}"
        for review in reviews
        if not any(review.covers(finding) for finding in findings)
    ]
    return sorted(new) + stale


def _place(element: dict[str, Any]) -> str:
    specific = element.get("type_specific_fields", {})
    name = str(specific.get("signature", element["name"]))
    parent = specific.get("parent")
    return f"{_place(parent)}.{name}" if parent and parent["type"] != "file" else name


def _run_slither() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "slither.json"
        done = subprocess.run(
            ["slither", ".", "--json", str(report)],
            cwd=CONTRACTS,
            env=os.environ | {"FOUNDRY_PROFILE": "slither"},
            capture_output=True,
            text=True,
            check=False,
        )
        found: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
    if not found.get("success"):
        raise RuntimeError(f"slither failed: {found.get('error') or done.stderr[-2000:]}")
    return found


def main() -> int:
    """Run, compare, tell."""
    try:
        findings = read_findings(_run_slither())
        faults = compare(findings, read_reviews(REVIEWED.read_text()))
    except (OSError, RuntimeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    print(f"{len(findings)} findings of slither, {len(faults)} faults against the reviewed list")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
