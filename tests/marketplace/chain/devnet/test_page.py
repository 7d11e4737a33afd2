"""The page about the devnet: its Python runs, its cast commands work, its names exist."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from click.testing import CliRunner

from marketplace.chain.devnet import DevnetRpc, open_devnet
from marketplace.cli import main

PAGE = (Path(__file__).parents[4] / "hardhat-free-devnet.md").read_text()
ENDPOINT = "http://127.0.0.1:8545"
STATE = "devnet.chain"
ABSENT = {"eth_subscribe", "eth_sign"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[str]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [line for line in lines if line.split()[0] == program]


@pytest.fixture
def endpoint(
    serving: Callable[[DevnetRpc], AbstractContextManager[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """A devnet with the state file that the page names, seen from an empty directory."""
    monkeypatch.chdir(tmp_path)
    with serving(open_devnet(Path(STATE))) as url:
        yield url


def test_the_python_runs(endpoint: str) -> None:
    assert len(blocks("python")) == 3
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(block.replace(ENDPOINT, endpoint), names)  # noqa: S102  # our own page
    assert Path(STATE).exists()


def test_the_cast_commands_work(endpoint: str, cast_binary: Path) -> None:
    assert len(commands("cast")) == 8
    for command in commands("cast"):
        subprocess.run(
            [cast_binary, *shlex.split(command)[1:]],
            env=os.environ | {"ETH_RPC_URL": endpoint},
            capture_output=True,
            timeout=60,
            check=True,
        )
    about = subprocess.run(shlex.split(commands("sed")[0]), capture_output=True, check=True)
    assert b'"chainId": 31337' in about.stdout


def test_the_command_takes_the_options_that_the_page_names() -> None:
    (command,) = set(commands("moemarket"))
    assert command.split()[:2] == ["moemarket", "devnet"]
    options = CliRunner().invoke(main, ["devnet", "--help"]).output
    for option in re.findall(r"--[a-z]+", command):
        assert option in options


def test_the_methods_that_the_page_names_exist(devnet: DevnetRpc) -> None:
    named = set(re.findall(r"`((?:eth|evm|net|web3|devnet)_\w+)(?:`| \[)", PAGE))
    assert named - set(devnet.methods) == ABSENT
