"""The shipped trades at their full size, as a user plays them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_trade import moemarket


@pytest.mark.slow
@pytest.mark.parametrize("script", ["credit", "digits"])
def test_a_demo_and_a_second_audit(script: str, tmp_path: Path) -> None:
    played = moemarket("demo", script, "--out", str(tmp_path))
    summary = played["data"]["summary"]
    assert summary["state"] == "SETTLED"
    total = sum(int(payment["amount"]) for payment in summary["payments"])
    assert total == int(summary["price"])
    last = summary["attempts"][-1]
    assert last["passed"]
    assert last["scorePpm"] >= summary["thresholdPpm"]
    assert {
        check["verdict"] for check in played["data"]["audit"]["checks"] if check["name"] != "anchor"
    } == {"passed"}
    again = moemarket(
        "audit", "--chain", str(tmp_path / "chain"), "--market", summary["market"],
        "--store", str(tmp_path / "store"), "--trade", summary["trade"],
    )  # fmt: skip
    assert again["data"]["ok"]
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
