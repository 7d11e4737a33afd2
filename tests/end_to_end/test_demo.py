"""The shipped trades at their full size, as a user plays them; and one that is killed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from small_trade import MOEMARKET

from marketplace.chain.client import connect
from marketplace.chain.deploy import Deployment
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.market import Market

BUYER, STRANGER = 1, 4  # places among the well-known accounts


def moemarket(*arguments: str) -> Any:
    """Run a command with --json and return its envelope."""
    result = subprocess.run(
        [*MOEMARKET, *arguments, "--json"], capture_output=True, text=True, check=False
    )
    envelope = json.loads(result.stdout)
    assert envelope["ok"] == (result.returncode == 0), result.stderr[-2_000:]
    return envelope


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
    assert {verdict["verdict"] for verdict in played["data"]["audit"]["checks"]} == {"passed"}
    again = moemarket(
        "audit", "--chain", str(tmp_path / "chain"), "--market", summary["market"],
        "--store", str(tmp_path / "store"), "--trade", summary["trade"],
    )  # fmt: skip
    assert again["data"]["ok"]
    assert json.loads((tmp_path / "summary.json").read_text()) == summary


@contextmanager
def devnet(state: Path) -> Iterator[str]:
    command = [*MOEMARKET, "devnet", "--port", "0", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield next(line for line in process.stdout if line.startswith("endpoint")).split()[1]
        process.terminate()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "state", "end"),
    [
        ("the oracles inspect", "FUNDED", "REFUNDED"),
        ("attempt 1: training", "GATED", "REFUNDED"),
    ],
    ids=["after funding", "while training"],
)
def test_a_trade_whose_process_is_killed_strands_nobodys_money(
    step: str, state: str, end: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with devnet(tmp_path / "chain") as url:
        command = [*MOEMARKET, "demo", "credit", "--rpc", url, "--out", str(run)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            next(line for line in process.stderr if step in line)
            process.kill()

        # What lies in the folder is whole: the deployment is there, the summary is not.
        assert sorted(path.name for path in run.iterdir()) == ["deployment.json", "store"]
        deployment = Deployment.load(run / "deployment.json")
        place = ("--rpc", url, "--market", deployment.market)
        market = Market(connect(url), deployment.market)
        (line,) = moemarket("trades", *place)["data"]
        assert line["state"] == state
        assert line["secondsToExit"] > 0

        # Too early, then from an account that is no party of the trade.
        ending = ("timeout", *place, "--trade", line["trade"], "--account", str(STRANGER))
        assert moemarket(*ending)["error"]["kind"] == "TransactionReverted"
        locked = market.node.balance(market.address)
        assert moemarket(*ending, "--skip-time")["data"]["state"] == end
        taken = moemarket("withdraw", *place, "--account", str(BUYER))["data"]
        data = sum(market.credit_of(a.address) for a in well_known_accounts()[5:])
        assert int(taken["amount"]) == locked - data > 0
        assert market.node.balance(market.address) == data
        assert moemarket(*ending)["error"]["kind"] == "TradeRefused"
        report = moemarket("audit", *place, "--store", str(run / "store"))
        assert report["data"]["ok"]
