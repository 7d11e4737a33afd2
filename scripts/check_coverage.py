"""Count the branches of the contracts that the tests in Solidity take; fail below 95 %.

    python scripts/check_coverage.py [lcov.info]

Without a report it makes one: without forge's invariants, and compiled with the least
optimizer under which the sources compile. ``contracts/coverage.reviewed.toml`` lists branches
that no test can take, each with its reason. They are counted apart, and an entry that matches
no missed branch fails, so that the list doesn't outlive the code.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reviewed import read_entries

CONTRACTS = Path(__file__).parents[1] / "contracts"
REVIEWED = CONTRACTS / "coverage.reviewed.toml"
LEAST = 95  # percent of all branches but those reviewed
_FORGE = "forge coverage --ir-minimum --no-match-test invariant --report lcov --report-file"


@dataclass(frozen=True)
class Branch:
    """One way out of a condition.

    Attributes
    ----------
    file
        Relative to ``contracts``, e.g. ``src/Quotes.sol``.
    line
        Of the condition, from one.
    code
        That line, without the space around it.
    taken
        Whether any test went this way.
    """

    file: str
    line: int
    code: str
    taken: bool


@dataclass(frozen=True)
class Review:
    """Branches that nothing can take: a file, and the line as it is written there."""

    file: str
    code: str
    reason: str

    def covers(self, branch: Branch) -> bool:
        """Whether the branch is missed, and one of those."""
        return not branch.taken and (branch.file, branch.code) == (self.file, self.code)


def read_branches(report: str, root: Path = CONTRACTS) -> list[Branch]:
    """Take the branches of ``src`` out of a report in lcov's format.

    Raises
    ------
    ValueError
        If the report has none.
    """
    branches = []
    file, lines = "", [""]
    for row in report.splitlines():
        key, _, value = row.partition(":")
        if key == "SF":
            file = value
            lines = (root / file).read_text().splitlines() if _is_source(file) else []
        elif key == "BRDA" and _is_source(file):
            line, _, _, count = value.split(",")
            code = lines[int(line) - 1].strip()
            branches.append(Branch(file, int(line), code, count not in ("-", "0")))
    if not branches:
        raise ValueError("the report has no branches of src: was it made in contracts?")
    return branches


def read_reviews(text: str) -> list[Review]:
    """Read the reviewed list.

    Raises
    ------
    ValueError
        If an entry has another key, or gives no reason.
    """
    return [Review(**entry) for entry in read_entries(text, "unreachable", ("file", "code"))]


def judge(branches: list[Branch], reviews: list[Review]) -> tuple[list[str], list[str]]:
    """Write the table, and say what is wrong.

    Returns
    -------
    tuple of list of str
        Lines to print, and faults: too few branches, or reviews that cover nothing.
    """
    apart = [b for b in branches if any(review.covers(b) for review in reviews)]
    counted = [b for b in branches if b not in apart]
    missed = sorted({(b.file, b.line, b.code) for b in counted if not b.taken})
    files = sorted({b.file for b in counted})
    lines = [_row(file, [b for b in counted if b.file == file]) for file in files]
    lines.append(_row("in all", counted))
    lines.append(f"{len(apart)} more that nothing can take, as reviewed")
    lines += [f"missed: {file}:{line}: {code}" for file, line, code in missed]
    faults = [
        f"reviewed as unreachable, but taken or gone: {review.file}: {review.code}"
        for review in reviews
        if not any(review.covers(branch) for branch in branches)
    ]
    hit = sum(b.taken for b in counted)
    if 100 * hit < LEAST * len(counted):
        faults.append(f"{hit} of {len(counted)} branches are fewer than {LEAST} %")
    return lines, faults


def _is_source(file: str) -> bool:
    return file.startswith("src/")


def _row(name: str, branches: list[Branch]) -> str:
    hit = sum(branch.taken for branch in branches)
    share = 100 * hit / len(branches) if branches else 100.0
    return f"{name:36}{hit:4} of {len(branches):4}{share:8.1f} %"


def _run_forge() -> str:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "lcov.info"
        done = subprocess.run(
            [*_FORGE.split(), str(report)],
            cwd=CONTRACTS,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0 or not report.exists():
            raise RuntimeError(f"forge coverage failed: {(done.stdout + done.stderr)[-4000:]}")
        return report.read_text()


def main(arguments: Iterable[str]) -> int:
    """Run, count, tell."""
    try:
        given = list(arguments)
        report = Path(given[0]).read_text() if given else _run_forge()
        reviews = read_reviews(REVIEWED.read_text())
        lines, faults = judge(read_branches(report), reviews)
    except (OSError, RuntimeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
