"""The stores under test: one in a folder, one in a real IPFS daemon (npm `ipfs`)."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from offchain.storage.disk import DiskStore
from offchain.storage.ipfs import IpfsStore
from offchain.storage.store import Store

PACKAGES = Path(__file__).parent / "ipfs-daemon"
JSIPFS = PACKAGES / "node_modules" / ".bin" / "jsipfs"
START_WITHIN_S = 60


@dataclass(frozen=True)
class Daemon:
    """A running IPFS daemon: where it listens and where it keeps its blocks."""

    address: str
    blocks: Path


@dataclass(frozen=True)
class Shelf:
    """A store under test, with the files that its blocks lie in."""

    store: Store
    block_files: Callable[[], set[Path]]


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    if not JSIPFS.exists():
        pytest.skip(f"no IPFS daemon: run `npm ci --ignore-scripts` in {PACKAGES}")
    home = tmp_path_factory.mktemp("jsipfs")
    environment = {**os.environ, "IPFS_PATH": str(home)}
    init = [JSIPFS, "init", "--profile", "test", "--emptyRepo"]
    subprocess.run(init, env=environment, check=True, capture_output=True)
    config = json.loads((home / "config").read_text())
    config["Addresses"]["RPC"] = "/ip4/127.0.0.1/tcp/0"  # the profile frees the other ports
    (home / "config").write_text(json.dumps(config))
    with (home / "daemon.log").open("wb") as log:
        process = subprocess.Popen(
            [JSIPFS, "daemon", "--offline", "--enable-preload=false"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Daemon(_address(process, home), home / "blocks")
    finally:
        process.terminate()
        process.wait()


def _address(process: subprocess.Popen[bytes], home: Path) -> str:
    """Wait until the daemon says that it is ready."""
    log = home / "daemon.log"
    until = time.monotonic() + START_WITHIN_S
    while "Daemon is ready" not in log.read_text():
        if process.poll() is not None or time.monotonic() > until:
            pytest.fail(f"the IPFS daemon did not start:\n{log.read_text()}")
        time.sleep(0.1)
    return f"ipfs:{(home / 'api').read_text()}"


@pytest.fixture(scope="session")
def disk_shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("store")
    return Shelf(DiskStore(folder), lambda: set(folder.glob("blocks/*")))


@pytest.fixture(scope="session")
def ipfs_shelf(daemon: Daemon) -> Shelf:
    # A block that is there comes within milliseconds; one that isn't makes each test wait.
    store = IpfsStore(daemon.address, timeout=2)
    return Shelf(store, lambda: set(daemon.blocks.glob("*/*.data")))


@pytest.fixture(scope="session", params=["disk", pytest.param("ipfs", marks=pytest.mark.ipfs)])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    """Either store; tests share it, as content-addressed stores can be shared."""
    shelf: Shelf = request.getfixturevalue(f"{request.param}_shelf")
    return shelf


@pytest.fixture(scope="session")
def content() -> Callable[[int], bytes]:
    """The content of the CID vectors: the first bytes of one SHAKE-128 stream."""
    return lambda size: hashlib.shake_128(b"moemarket").digest(size)
