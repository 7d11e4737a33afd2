"""Commands run in this process, on chains served over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner
from small_trade import stages_of

from marketplace.chain.devnet import DevnetRpc, open_devnet
from marketplace.chain.devnet.app import create_app
from marketplace.chain.listening import listen
from marketplace.cli import main
from marketplace.protocol.states import State


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        envelope = json.loads(self.out)
        assert envelope.keys() == {"ok", "data"}
        assert envelope["ok"] is True
        assert self.status == 0
        return envelope["data"]

    @property
    def error(self) -> dict[str, Any]:
        envelope = json.loads(self.out)
        assert envelope["ok"] is False
        assert envelope["error"]["exitCode"] == self.status
        assert envelope["error"].keys() == {"kind", "cause", "remedy", "exitCode"}
        return dict(envelope["error"])


Run = Callable[..., Ran]
Serve = Callable[..., "Served"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MOEMARKET_PASSWORD", raising=False)

    def invoke(*arguments: object, answer: str | None = None) -> Ran:
        result = CliRunner().invoke(main, [str(word) for word in arguments], input=answer)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    return invoke


@contextmanager
def served(rpc: DevnetRpc) -> Iterator[str]:
    """Serve a chain from a thread while a with statement lasts."""
    config = uvicorn.Config(create_app(rpc), log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def devnet_url() -> Iterator[str]:
    """A fresh devnet over HTTP."""
    with served(open_devnet()) as url:
        yield url


@dataclass(frozen=True)
class Served:
    """The small trade at a state: its chain over HTTP, its market, its store."""

    url: str
    market: str
    trade: str
    store: Path

    @property
    def place(self) -> tuple[str, str, str, str]:
        return ("--rpc", self.url, "--market", self.market)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serve copies of the small trade until the test ends."""
    with ExitStack() as servers:

        def at(state: State, store_of: State | None = None) -> Served:
            run = stages_of().at(state, tmp_path, store_of=store_of)
            devnet = vars(run.world.market.node.web3.provider)["devnet"]
            return Served(
                servers.enter_context(served(devnet)),
                run.world.market.address,
                "0x" + run.trade_id.hex(),
                vars(run.world.store)["path"],
            )

        yield at
