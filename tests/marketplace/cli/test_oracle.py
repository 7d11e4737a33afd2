"""`moemarket oracle`: it starts, says how it goes, keeps its secrets, and ends in order."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import requests
from command_line import Run, Serve
from eth_account import Account
from small_trade import MOEMARKET

from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.protocol.states import State

SEAT = well_known_accounts()[5]
PASSWORD = "open sesame"  # noqa: S105  # of a key that everybody knows


@pytest.fixture
def keystore(tmp_path: Path) -> tuple[Path, Path]:
    """A seat's key, encrypted, and the file with its password."""
    key, password = tmp_path / "seat.json", tmp_path / "password"
    key.write_text(json.dumps(Account.encrypt(SEAT.key, PASSWORD, iterations=2)))
    password.write_text(f"{PASSWORD}\n")
    return key, password


def test_a_seat_from_start_to_end(
    run: Run, serve: Serve, keystore: tuple[Path, Path], tmp_path: Path
) -> None:
    served = serve(State.REQUESTED)
    key, password = keystore
    state = tmp_path / "state"
    words = ["oracle", "run", *served.place, "--store", str(served.store), "--state", str(state)]
    words += ["--keystore", str(key), "--password-file", str(password), "--port", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*MOEMARKET, *words], text=True, **pipes) as process:
        assert process.stdout is not None
        seat, asked, health = (process.stdout.readline().split()[-1] for _ in range(3))
        assert seat == SEAT.address
        assert requests.get(health, timeout=60).json()["ok"] is True
        answer = requests.post(f"{asked}/ask", b"{}", timeout=60).json()
        assert "this is no Message" in answer["refusal"]["cause"]
        while (
            "moemarket_trades 1.0"
            not in requests.get(health.replace("healthz", "metrics"), timeout=60).text
        ):
            time.sleep(0.1)
        busy = run(*words)
        assert busy.status == 3
        assert "another process works with the journal" in busy.err
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=300)
    assert process.returncode == 0, log
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert (events[0], events[-1]) == ("started", "stopped")
    for secret in (bytes(SEAT.key).hex(), PASSWORD):
        assert secret not in log
        for file in state.iterdir():
            assert secret.encode() not in file.read_bytes()

    told = run("oracle", "status", "--state", state, "--json").data
    assert told["seat"] == SEAT.address
    assert told["trades"] == [{"trade": served.trade, "state": "REQUESTED"}]
    assert told["transactions"] == []
    assert served.trade in run("oracle", "status", "--state", state).out


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "password file .* can't be read"), ("wrong\n", "does not open")],
    ids=["missing", "wrong"],
)
def test_a_password_that_opens_nothing(
    run: Run, serve: Serve, keystore: tuple[Path, Path], content: str | None, why: str
) -> None:
    served = serve(State.REQUESTED)
    key, password = keystore
    password.unlink() if content is None else password.write_text(content)
    ran = run(
        *("oracle", "run", *served.place, "--store", served.store, "--state", "state"),
        *("--keystore", key, "--password-file", password),
    )
    assert ran.status == 3
    assert re.search(why, ran.err)
    assert not Path("state").exists()


def test_no_journal(run: Run) -> None:
    ran = run("oracle", "status", "--state", "nowhere", "--json")
    assert ran.error["kind"] == "ConfigurationError"
    assert "no journal" in ran.error["cause"]


def test_an_unknown_kind_of_expert(run: Run, serve: Serve) -> None:
    served = serve(State.REQUESTED)
    ran = run("oracle", "expert", "--kind", "oracle", *served.place, "--store", served.store)
    assert ran.status == 3
