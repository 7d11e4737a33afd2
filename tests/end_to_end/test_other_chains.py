"""The same trade runs on a chain behind HTTP, ours or Anvil, by giving its URL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_trade import SMALL, TOKEN, devnet_process, fresh_run

from marketplace.audit import audit
from marketplace.chain.client import connect
from marketplace.protocol.states import State
from marketplace.scripted.script import Script
from marketplace.scripted.summary import summarise


@pytest.fixture(scope="module")
def devnet_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A devnet in a process of its own, as a second terminal would start it."""
    state = tmp_path_factory.mktemp("devnet") / "chain"
    with devnet_process(state) as url:
        yield url
    assert state.is_file()


def play_on(url: str, script: Script, folder: Path) -> None:
    node = connect(url)
    run = fresh_run(script, folder, node)
    assert run.play() == State.SETTLED
    assert sum(payment.amount for payment in summarise(run).payments) == summarise(run).price
    report = audit(connect(url).web3.provider, run.world.market.address, run.world.store)
    assert report.ok, report.objections
    assert {check.verdict for check in report.checks if check.name != "anchor"} == {"passed"}


def test_on_a_served_devnet(devnet_url: str, tmp_path: Path) -> None:
    play_on(devnet_url, SMALL, tmp_path)


@pytest.mark.anvil
@pytest.mark.parametrize("script", [SMALL, TOKEN], ids=lambda script: script.name)
def test_on_anvil(anvil_url: str, tmp_path: Path, script: Script) -> None:
    play_on(anvil_url, script, tmp_path)
