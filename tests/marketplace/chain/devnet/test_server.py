"""The devnet as a process: what it says, how it ends, and what survives."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from web3 import HTTPProvider, Web3

from marketplace.chain.compilation import Artifact
from marketplace.chain.devnet import MNEMONIC, open_devnet
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.devnet.server import serve
from marketplace.chain.listening import listen
from marketplace.protocol.errors import ConfigurationError

PROGRAM = """
import sys
from pathlib import Path
from marketplace.chain.devnet.server import serve
serve(0, Path(sys.argv[1]) if sys.argv[1] else None, save_seconds=float(sys.argv[2]))
"""
WAIT_SECONDS = 30


class Served:
    """A devnet in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("Everybody knows"):
                break
        self.url = next(line.split()[1] for line in self.lines if line.startswith("endpoint"))
        self.w3 = Web3(HTTPProvider(self.url))

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(WAIT_SECONDS)


@contextmanager
def running(state: Path | None, save_seconds: float = 3_600) -> Iterator[Served]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(state or ""), str(save_seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Served(process)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "devnet.chain"


def mine(served: Served, blocks: int) -> str:
    served.w3.provider.make_request("evm_mine", [{"blocks": blocks}])
    return served.w3.eth.get_block("latest")["hash"].to_0x_hex()


def newest_hash(state: Path) -> object:
    block = open_devnet(state).handle("eth_getBlockByNumber", ["latest"])
    assert isinstance(block, dict)
    return block["hash"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_chain_is_saved_at_the_end(state: Path, how: signal.Signals) -> None:
    with running(state) as served:
        head = mine(served, 3)
        assert open_devnet(state).handle("eth_blockNumber") == "0x0"
        assert served.end(how) == 0
    assert newest_hash(state) == head


def test_a_killed_process_has_saved_what_is_older_than_the_interval(state: Path) -> None:
    with running(state, save_seconds=0.05) as served:
        head = mine(served, 2)
        deadline = time.monotonic() + WAIT_SECONDS
        while open_devnet(state).handle("eth_blockNumber") != "0x2":
            assert time.monotonic() < deadline, "the chain was not saved"
            time.sleep(0.02)
        served.end(signal.SIGKILL)
    assert newest_hash(state) == head
    with running(state) as restarted:
        assert "block      2" in restarted.lines
        assert restarted.w3.eth.get_block("latest")["hash"].to_0x_hex() == head
        mine(restarted, 1)


def test_a_client_can_have_the_chain_saved(state: Path) -> None:
    with running(state) as served:
        mine(served, 1)
        assert served.w3.provider.make_request("devnet_save", [])["result"] == str(state)
        served.end(signal.SIGKILL)
    assert open_devnet(state).handle("eth_blockNumber") == "0x1"


def test_it_says_what_a_wallet_needs_and_no_key(state: Path) -> None:
    with running(state) as served:
        said = "\n".join(served.lines)
        assert served.w3.eth.chain_id == 31337
    assert "chain id   31337" in said
    assert f"mnemonic   {MNEMONIC}" in said
    assert str(state) in said
    for account in well_known_accounts():
        assert account.address in said
        assert account.key.hex() not in said


def test_without_a_state_file_nothing_is_written(tmp_path: Path) -> None:
    with running(None) as served:
        assert "state      not saved" in served.lines
        mine(served, 1)
        assert served.end(signal.SIGTERM) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} on 127.0.0.1 can't be used"):
            serve(port)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org", ""])  # noqa: S104  # refused
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a loopback address"):
        serve(0, host=host)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_is_a_port(port: int) -> None:
    with pytest.raises(ConfigurationError, match=f"port {port} doesn't exist"):
        serve(port)


def test_a_refused_state_file_frees_the_port(state: Path) -> None:
    state.write_text("something else")
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConfigurationError, match="is not a state file"):
        serve(port, state)
    listen("127.0.0.1", port).close()
    assert state.read_text() == "something else"


def test_an_unwritable_state_file_is_noticed_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be written"):
        serve(0, tmp_path / "missing" / "devnet.chain")


def test_cast_talks_to_it(cast_binary: Path, probe_artifact: Artifact) -> None:
    alice, bob = well_known_accounts()[:2]
    with running(None) as served:
        cast = cast_in(cast_binary, served.url)
        assert cast("chain-id") == "31337"
        assert cast("balance", alice.address) == str(10_000 * 10**18)

        sent = ("--private-key", alice.key.to_0x_hex(), "--json")
        receipt = json.loads(cast("send", *sent, bob.address, "--value", "1ether"))
        assert receipt["status"] == "0x1"
        assert cast("balance", bob.address, "--ether") == "10001.000000000000000000"
        assert cast("nonce", alice.address) == "1"

        created = json.loads(cast("send", *sent, "--create", probe_artifact.bytecode.hex()))
        probe = created["contractAddress"]
        note = ("note(uint256,uint256)", "5", "77")
        unlocked = json.loads(
            cast("send", "--unlocked", "--from", bob.address, "--json", probe, *note)
        )
        assert unlocked["status"] == "0x1"
        assert cast("call", probe, "values(uint256)(uint256)", "5") == "77"
        assert int(cast("estimate", probe, *note)) > 21_000

        event = "Noted(uint256 indexed,address indexed,uint256)"
        logs = json.loads(cast("logs", "--json", "--from-block", "0", "--address", probe, event))
        assert [int(log["data"], 16) for log in logs] == [77]
        assert cast("logs", "--from-block", "0", "--address", alice.address) == ""

        block = json.loads(cast("block", "latest", "--json"))
        assert block["number"] in (3, "0x3")
        assert cast("rpc", "evm_increaseTime", "60").isdigit()
        refused = cast_in(cast_binary, served.url, check=False)(
            "call", probe, "refuse(uint256)", "1"
        )
        assert "execution reverted" in refused


def cast_in(binary: Path, url: str, *, check: bool = True) -> Callable[..., str]:
    def cast(*arguments: str) -> str:
        done = subprocess.run(
            [binary, *arguments],
            env=os.environ | {"ETH_RPC_URL": url},
            capture_output=True,
            text=True,
            timeout=WAIT_SECONDS,
            check=False,
        )
        assert done.returncode == 0 or not check, done.stderr
        return (done.stdout + ("" if check else done.stderr)).strip()

    return cast
