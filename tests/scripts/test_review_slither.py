"""Slither's findings against the reviewed list: what passes, what fails, what is stale."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

REVIEWS = """
[[finding]]
check = "timestamp"
where = "Vault.*"
reason = "Deadlines are days."
"""


def detected(check: str, function: str, contract: str = "Vault") -> dict[str, Any]:
    file = {"type": "file", "name": "Vault.sol"}
    parent = {"type": "contract", "name": contract, "type_specific_fields": {"parent": file}}
    fields = {"parent": parent, "signature": function}
    element = {"type": "function", "name": "f", "type_specific_fields": fields}
    return {"check": check, "description": f"{check} there\n\tmore", "elements": [element]}


def report(*findings: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "results": {"detectors": list(findings)}}


def compare(script: ModuleType, *findings: dict[str, Any], reviews: str = REVIEWS) -> list[str]:
    faults: list[str] = script.compare(
        script.read_findings(report(*findings)), script.read_reviews(reviews)
    )
    return faults


def test_a_finding_is_named_without_its_line(review_slither: ModuleType) -> None:
    (finding,) = review_slither.read_findings(report(detected("timestamp", "open(uint256)")))
    assert (finding.check, finding.where) == ("timestamp", "Vault.open(uint256)")
    assert finding.text == "timestamp there"


def test_a_reviewed_finding_passes(review_slither: ModuleType) -> None:
    assert compare(review_slither, detected("timestamp", "open(uint256)")) == []


@pytest.mark.parametrize(
    "finding",
    [detected("reentrancy-eth", "open(uint256)"), detected("timestamp", "open(uint256)", "Other")],
)
def test_any_other_fails(review_slither: ModuleType, finding: dict[str, Any]) -> None:
    (fault,) = compare(review_slither, detected("timestamp", "close()"), finding)
    assert fault.startswith(f"not reviewed: {finding['check']} in ")


def test_a_review_of_nothing_fails(review_slither: ModuleType) -> None:
    assert compare(review_slither) == [
        "reviewed, but not found any more: timestamp in Vault.*",
    ]


def test_no_findings_and_no_reviews_pass(review_slither: ModuleType) -> None:
    assert review_slither.compare(review_slither.read_findings({"results": {}}), []) == []


@pytest.mark.parametrize("line", ['reason = " "', 'reason = "r"\nline = 5', ""])
def test_an_entry_needs_a_reason_and_nothing_else(review_slither: ModuleType, line: str) -> None:
    with pytest.raises(ValueError, match="an entry needs check, where and reason"):
        review_slither.read_reviews(f'[[finding]]\ncheck = "c"\nwhere = "w"\n{line}\n')


def test_the_list_of_the_project_is_well_formed(review_slither: ModuleType) -> None:
    assert review_slither.read_reviews(review_slither.REVIEWED.read_text())
