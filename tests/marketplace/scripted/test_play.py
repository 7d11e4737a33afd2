"""Playing a script: what is written, when, and what is left when it breaks off."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from small_trade import SMALL, Said, small_scenario

from marketplace.audit import audit
from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment
from marketplace.chain.devnet import DevnetProvider, open_devnet
from marketplace.protocol.errors import (
    ConfigurationError,
    MarketError,
    NodeUnreachable,
    StorageError,
    StoreUnreachable,
    TradeRefused,
)
from marketplace.scripted import play as playing
from marketplace.scripted.play import Played, play
from marketplace.scripted.script import SCRIPTS, Script
from marketplace.scripted.summary import Summary
from offchain.storage.disk import DiskStore

WRONG_END = replace(SMALL, name="wrong", budget=1)
BROKEN = replace(SMALL, name="broken", experts=("crystal-ball",))


@pytest.fixture(autouse=True)
def small_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the small trade be played by its name, beside the shipped scripts."""
    scripts = {**SCRIPTS, **{script.name: script for script in (SMALL, WRONG_END, BROKEN)}}

    def named(name: str) -> Script:
        if name not in scripts:
            raise ConfigurationError(f"there is no scripted trade {name!r}", "choose another")
        return scripts[name]

    monkeypatch.setattr(playing, "script_named", named)
    monkeypatch.setattr(playing, "load_scenario", lambda name, seed: small_scenario())


def played(name: str, folder: Path, **options: str) -> Played:
    return play(
        name,
        seed=0,
        rpc=options.get("rpc"),
        folder=folder,
        store_location=options.get("store"),
        progress=Said(),
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_saves_what_a_stranger_needs(tmp_path: Path) -> None:
    result = played("small", tmp_path)
    assert names(tmp_path) == ["chain", "deployment.json", "store", "summary.json"]
    assert result.report.ok
    saved = Summary.model_validate_json((tmp_path / "summary.json").read_text())
    assert saved == result.summary
    deployment = Deployment.load(tmp_path / "deployment.json")
    node = Node(DevnetProvider(open_devnet(tmp_path / "chain")))
    report = audit(node.web3.provider, deployment.market, DiskStore(tmp_path / "store"))
    assert report.ok
    assert [trade.id for trade in report.trades] == [saved.trade]


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("unheard-of", {}, ConfigurationError),
        ("small", {"rpc": "ftp://127.0.0.1"}, ConfigurationError),
        ("small", {"rpc": f"http://127.0.0.1:{closed_port()}"}, NodeUnreachable),
        ("small", {"store": f"http://127.0.0.1:{closed_port()}"}, StoreUnreachable),
        ("small", {"store": "s3://bucket"}, ConfigurationError),
        ("small", {"store": "/proc/no/such/place"}, StorageError),
    ],
    ids=["script", "scheme", "node", "daemon", "store", "folder"],
)
def test_nothing_is_written_when_it_can_not_begin(
    tmp_path: Path, name: str, options: dict[str, str], error: type[MarketError]
) -> None:
    with pytest.raises(error):
        played(name, tmp_path / "run", **options)
    assert names(tmp_path) == []


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((ConfigurationError, StorageError), match="file"):
        played("small", tmp_path / "file")
    assert names(tmp_path) == ["file"]


def test_a_run_that_breaks_off_leaves_a_chain_to_end_it_on(tmp_path: Path) -> None:
    said = Said()
    with pytest.raises(TradeRefused, match="no candidate can be probed"):
        play("broken", seed=0, rpc=None, folder=tmp_path, store_location=None, progress=said)
    assert names(tmp_path) == ["chain", "deployment.json", "store"]
    market = Deployment.load(tmp_path / "deployment.json").market
    assert f"moemarket timeout --rpc URL --market {market} --trade 0x" in said[-1]


def test_another_end_than_the_scripts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TradeRefused, match="ended as DECLINED, the script 'wrong' says SETTLED"):
        played("wrong", tmp_path)


def test_files_of_two_runs_never_mix(tmp_path: Path) -> None:
    for name in ("summary.json", "chain", "deployment.json"):
        (tmp_path / name).write_text("of an earlier run")
    with pytest.raises(TradeRefused):
        played("broken", tmp_path)
    assert names(tmp_path) == ["chain", "deployment.json", "store"]
    assert json.loads((tmp_path / "deployment.json").read_text())["chainId"] == 31337
    assert open_devnet(tmp_path / "chain")
