"""The index and the watch from a terminal, on a chain behind HTTP."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from pathlib import Path

from command_line import Run, Serve
from small_trade import MOEMARKET

from marketplace.chain.client import connect
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.protocol.errors import (
    AuditFailed,
    ConfigurationError,
    IndexDiffers,
    MarketError,
    NoContract,
    WrongChain,
)
from marketplace.protocol.states import State

STRANGER = well_known_accounts()[9]


def test_follow_and_ask(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    followed = run("index", "follow", *served.place, "--once", "--json").data
    assert followed.keys() == {"chainId", "market", "block", "blockHash"}
    assert Path("moemarket-index.sqlite").is_file()
    status = run("index", "status", "--rpc", served.url, "--json").data
    assert status["trades"] == {"PASSED": 1}
    assert status["behind"] == 0
    assert status["rows"]["attempts"] >= 1
    shown = run("index", "status")
    assert "1 PASSED" in shown.out
    digest = run("index", "digest", "--json").data
    assert digest.items() > followed.items()
    assert run("index", "digest").out == digest["digest"] + "\n"
    compared = run("index", "compare", "--rpc", served.url, "--json").data
    assert compared["difference"] is None
    assert compared["equal"]["trades"] == 1
    rebuilt = run("index", "rebuild", *served.place)
    assert f"the index is at block {followed['block']}" in rebuilt.out
    assert run("index", "digest").out == digest["digest"] + "\n"


def test_a_row_that_somebody_changed(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    run("index", "follow", *served.place, "--once")
    with sqlite3.connect("moemarket-index.sqlite") as file:
        file.execute("UPDATE balances SET amount = '1' || amount")
    file.close()
    ran = run("index", "compare", "--rpc", served.url)
    assert ran.status == IndexDiffers.exit_code == 51
    assert "blocks equal" in ran.out
    assert ran.err.startswith("error: balances (ledger market, account 0x")
    assert "moemarket index rebuild" in ran.err
    run("index", "rebuild", *served.place)
    assert run("index", "compare", "--rpc", served.url).status == 0


def test_what_can_not_be_indexed(run: Run, serve: Serve) -> None:
    served = serve(State.REQUESTED)
    follow = ("index", "follow", "--once", "--rpc", served.url)
    market = ("--market", served.market)
    Path("text").write_text("no database\n" * 100)
    cases: list[tuple[tuple[str, ...], type[MarketError]]] = [
        ((*follow, "--market", STRANGER.address), NoContract),
        ((*follow, *market, "--chain-id", "1"), WrongChain),
        ((*follow, *market, "--database", "nonsense"), ConfigurationError),
        ((*follow, *market, "--database", "oracle://here/x"), ConfigurationError),
        ((*follow, *market, "--database", "sqlite:///text"), ConfigurationError),
        ((*follow, *market, "--database", "sqlite:///no/such/folder"), ConfigurationError),
        ((*follow, *market, "--database", "postgresql://localhost:1/x"), ConfigurationError),
        (("index", "digest", "--database", "sqlite:///nowhere"), ConfigurationError),
        (("index", "status", "--database", "sqlite:///text"), ConfigurationError),
    ]
    for words, error in cases:
        ran = run(*words)
        assert ran.status == error.exit_code, (words, ran.err)
        assert ran.err.startswith("error: ")
        assert ran.err.count("\n") == 1
    assert not Path("nowhere").exists()


def test_follow_until_interrupted(serve: Serve, tmp_path: Path) -> None:
    """A process follows what comes, and ends at the head when it is asked to."""
    served, file = serve(State.REQUESTED), tmp_path / "index.sqlite"
    database = ("--database", f"sqlite:///{file}")
    words = [*MOEMARKET, "index", "follow", *served.place, *database, "--poll", "0.1", "--json"]
    follower = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    node = connect(served.url)
    await_block(file, node.web3.eth.block_number)
    node.transfer(STRANGER, STRANGER.address, 1)
    await_block(file, node.web3.eth.block_number)
    follower.send_signal(signal.SIGTERM)
    out, err = follower.communicate(timeout=60)
    assert follower.returncode == 0, err
    assert f'"block": {node.web3.eth.block_number}' in out


def await_block(file: Path, block: int) -> None:
    for _ in range(1200):
        if file.is_file():
            with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
                try:
                    found = database.execute("SELECT block FROM cursor").fetchone()
                except sqlite3.OperationalError:
                    found = None
            database.close()
            if found == (block,):
                return
        time.sleep(0.05)
    raise AssertionError(f"the index never came to block {block}")


def test_watch(run: Run, serve: Serve) -> None:
    served = serve(State.SETTLED)
    words = ("watch", *served.place, "--store", served.store, "--once", "--state", "state")
    watched = run(*words, "--json").data
    assert watched["faults"] == watched["waiting"] == []
    assert "1 ended trades" in run(*words[:-2]).err
    again = run(*words)
    assert again.status == 0
    assert again.err == ""
    assert again.out == f"nothing speaks against the market up to block {watched['block']}\n"


def test_watch_that_finds_a_fault(run: Run, serve: Serve) -> None:
    """The trade is settled, and its evidence is in another store."""
    served = serve(State.SETTLED, store_of=State.PASSED)
    words = ("watch", *served.place, "--store", served.store, "--once")
    waits = run(*words, "--json").data
    assert waits["waiting"] == [served.trade]
    ran = run(*words, "--patience", "0")
    assert ran.status == AuditFailed.exit_code == 50
    assert f"of trade {served.trade} missing" in ran.err
    Path("torn").write_text("{")
    for wrong in (("--webhook", "nowhere"), ("--state", "torn")):
        assert run(*words, *wrong).status == ConfigurationError.exit_code
