"""Chains for the tests: a fresh devnet in this process, and a real Anvil."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.chain.devnet import DevnetRpc, open_devnet

_FOUNDRY = Path(__file__).parents[1] / "contracts" / "node_modules" / "@foundry-rs"
_ANVIL_MEMORY_KIB = 4 * 2**20
_ANVIL_START_SECONDS = 30


@pytest.fixture
def devnet() -> DevnetRpc:
    """A chain at its genesis block, in this process."""
    return open_devnet()


@pytest.fixture(scope="session")
def anvil_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an Anvil under Prague rules; the tests of a session share it."""
    binary = foundry_binary("anvil")
    port = _free_port()
    log = tmp_path_factory.mktemp("anvil") / "anvil.log"
    command = f"ulimit -v {_ANVIL_MEMORY_KIB} && exec {binary} --hardfork prague --port {port}"
    with log.open("wb") as output:
        process = subprocess.Popen(["bash", "-c", command], stdout=output, stderr=output)
    try:
        _await_listener(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def cast_binary() -> Path:
    """Foundry's command-line client."""
    return foundry_binary("cast")


def foundry_binary(tool: str) -> Path:
    """Find the executable itself; its npm wrapper ends before it does."""
    found = sorted(_FOUNDRY.glob(f"{tool}-*/bin/{tool}"))
    if not found:
        pytest.skip(f"{tool} is not in contracts/node_modules; run npm ci in contracts")
    return found[0]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _await_listener(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _ANVIL_START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"anvil did not start: {log.read_text()[-2000:]}")
