"""Branches that were taken: how they are read, counted, and what fails."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

SOURCE = "contract Vault {\n    if (paused) revert Paused();\n    if (late) revert Late();\n}\n"
REVIEWS = """
[[unreachable]]
file = "src/Vault.sol"
code = "if (late) revert Late();"
reason = "Nobody is late."
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "Vault.sol").write_text(SOURCE)
    return tmp_path


def report(*branches: tuple[int, str], file: str = "src/Vault.sol") -> str:
    rows = [f"BRDA:{line},0,{number},{count}" for number, (line, count) in enumerate(branches)]
    return "\n".join(["TN:", f"SF:{file}", "DA:2,1", *rows, "BRF:9", "end_of_record", ""])


def judge(
    script: ModuleType, root: Path, text: str, reviews: str = ""
) -> tuple[list[str], list[str]]:
    lines: list[str]
    faults: list[str]
    lines, faults = script.judge(script.read_branches(text, root), script.read_reviews(reviews))
    return lines, faults


def test_branches_are_read_with_their_line(check_coverage: ModuleType, root: Path) -> None:
    paused, late, other = check_coverage.read_branches(report((2, "7"), (3, "0"), (3, "-")), root)
    assert (paused.file, paused.line, paused.taken) == ("src/Vault.sol", 2, True)
    assert paused.code == "if (paused) revert Paused();"
    assert not late.taken
    assert not other.taken


def test_tests_and_libraries_of_others_are_not_counted(
    check_coverage: ModuleType, root: Path
) -> None:
    text = report((2, "1")) + report((9, "0"), file="test/Vault.t.sol")
    assert len(check_coverage.read_branches(text, root)) == 1


def test_a_report_without_branches_fails(check_coverage: ModuleType, root: Path) -> None:
    with pytest.raises(ValueError, match="no branches of src"):
        check_coverage.read_branches(report(), root)


@pytest.mark.parametrize(("taken", "enough"), [(19, True), (18, False), (20, True)])
def test_ninety_five_percent_are_enough(
    check_coverage: ModuleType, root: Path, taken: int, enough: bool
) -> None:
    text = report(*[(2, "1")] * taken, *[(3, "0")] * (20 - taken))
    lines, faults = judge(check_coverage, root, text)
    assert (faults == []) == enough
    assert any(f"{taken} of   20" in line for line in lines)


def test_a_missed_branch_is_named(check_coverage: ModuleType, root: Path) -> None:
    lines, (fault,) = judge(check_coverage, root, report((2, "1"), (3, "0")))
    assert "missed: src/Vault.sol:3: if (late) revert Late();" in lines
    assert fault == "1 of 2 branches are fewer than 95 %"


def test_a_reviewed_branch_is_counted_apart(check_coverage: ModuleType, root: Path) -> None:
    lines, faults = judge(check_coverage, root, report((2, "1"), (3, "0")), REVIEWS)
    assert faults == []
    assert "1 more that nothing can take, as reviewed" in lines
    assert not any(line.startswith("missed") for line in lines)


@pytest.mark.parametrize("text", [report((2, "1"), (3, "1")), report((2, "1"))])
def test_a_review_of_nothing_missed_fails(
    check_coverage: ModuleType, root: Path, text: str
) -> None:
    _, (fault,) = judge(check_coverage, root, text, REVIEWS)
    assert fault.startswith("reviewed as unreachable, but taken or gone: src/Vault.sol")


@pytest.mark.parametrize("line", ['reason = " "', 'reason = "r"\nline = 5', ""])
def test_an_entry_needs_a_reason_and_nothing_else(check_coverage: ModuleType, line: str) -> None:
    with pytest.raises(ValueError, match="an entry needs file, code and reason"):
        check_coverage.read_reviews(f'[[unreachable]]\nfile = "f"\ncode = "c"\n{line}\n')


def test_the_list_of_the_project_names_lines_that_exist(check_coverage: ModuleType) -> None:
    for review in check_coverage.read_reviews(check_coverage.REVIEWED.read_text()):
        lines = (check_coverage.CONTRACTS / review.file).read_text().splitlines()
        assert review.code in [line.strip() for line in lines]
