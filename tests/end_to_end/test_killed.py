"""A trade whose process is killed: what lies in the folder is whole, and no money is stuck."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small_trade import MOEMARKET, devnet_process, moemarket

from marketplace.chain.client import connect
from marketplace.chain.deploy import Deployment
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.market import Market
from marketplace.protocol.terms import NATIVE

BUYER, STRANGER = 1, 4  # places among the well-known accounts
SMALL_TRADE = (sys.executable, str(Path(__file__).with_name("play_small.py")))
DEMO = (*MOEMARKET, "demo", "credit")


@pytest.mark.parametrize(
    "demo", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["small", "full"]
)
def test_a_killed_process_strands_nobodys_money(demo: bool, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with devnet_process(tmp_path / "chain") as url:
        words = ("--rpc", url, "--out", str(folder)) if demo else (url, str(folder))
        kill_at("attempt 1: training", [*(DEMO if demo else SMALL_TRADE), *words])

        # The deployment was written wholly, and a summary not at all.
        assert sorted(path.name for path in folder.iterdir()) == ["deployment.json", "store"]
        deployment = Deployment.load(folder / "deployment.json")
        place = ("--rpc", url, "--market", deployment.market)
        (line,) = moemarket("trades", *place)["data"]
        assert line["secondsToExit"] > 0

        # An account that is no party ends it, and everybody takes out what is theirs.
        ending = ("--trade", line["trade"], "--account", str(STRANGER), "--skip-time")
        expected = "SETTLED" if line["state"] == "PASSED" else "REFUNDED"
        assert moemarket("timeout", *place, *ending)["data"]["state"] == expected
        market = Market(connect(url), deployment.market)
        held = market.node.balance(market.address)
        taken = moemarket("withdraw", *place, "--account", str(BUYER))["data"]
        assert market.node.balance(market.address) == held - int(taken["amount"]) < held
        for account in well_known_accounts():
            if market.credit_of(account.address):
                market.send(account, "withdraw", NATIVE, account.address)
        assert market.node.balance(market.address) == 0


def kill_at(step: str, command: list[str]) -> None:
    """Start a trade and kill it as soon as it says that it has come to a step."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if step in line)
        process.kill()
