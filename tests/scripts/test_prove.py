"""What counts as proven: all paths looked at, and one of them to its end."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest


def report(**changes: Any) -> dict[str, Any]:
    whole = {
        "name": "check_all(uint256)",
        "exitcode": 0,
        "num_paths": [5, 4, 0],
        "num_bounded_loops": 0,
    }
    return {"test_results": {"test/proofs/A.sol:AProof": [whole | changes]}}


def test_a_whole_proof_passes(prove: ModuleType) -> None:
    assert prove.incomplete(report()) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"exitcode": 1}, "is not proven"),
        ({"exitcode": None}, "is not proven"),
        ({"num_bounded_loops": 1}, "is proven in part"),
        ({"num_paths": [5, 4, 1]}, "is proven in part"),
        ({"num_paths": [5, 0, 0]}, "proves nothing"),
    ],
)
def test_anything_less_fails(prove: ModuleType, changes: dict[str, Any], fault: str) -> None:
    (line,) = prove.incomplete(report(**changes))
    assert line.startswith(f"AProof.check_all {fault}")


def test_no_proof_at_all_fails(prove: ModuleType) -> None:
    assert prove.incomplete({"test_results": {}}) == ["no proof was found"]
