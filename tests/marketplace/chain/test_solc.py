"""Finding a compiler: the order of places, what is refused, and the npm front."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from marketplace.chain.solc import SOLC_VARIABLE, SOLC_VERSION, find_solc
from marketplace.protocol.errors import ToolchainError

CHECKOUT = Path(__file__).parents[3]
FRONT = CHECKOUT / "marketplace" / "chain" / "solc_front.js"
CONTRACTS = CHECKOUT / "contracts"


@pytest.fixture
def path_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder on PATH, holding node alone; py-solc-x has nothing and no network."""
    node = shutil.which("node")
    assert node is not None
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "node").symlink_to(node)
    monkeypatch.delenv(SOLC_VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("SOLCX_BINARY_PATH", str(tmp_path / "solcx"))
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "solcx").mkdir()
    return folder


def install_script(path: Path, answer: str) -> Path:
    """Write an executable that prints one line, as a compiler of another release would."""
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def test_npm_package_is_of_the_pinned_version() -> None:
    dependencies = json.loads((CONTRACTS / "package.json").read_text())["dependencies"]
    assert dependencies["solc"] == SOLC_VERSION


@pytest.mark.usefixtures("path_folder")
def test_npm_build_is_found_when_all_else_fails() -> None:
    compiler = find_solc()
    assert compiler.origin == "npm"
    assert compiler.version.startswith(f"{SOLC_VERSION}+commit.")
    assert compiler.path == FRONT


def test_path_comes_before_py_solc_x_and_npm(path_folder: Path, tmp_path: Path) -> None:
    (path_folder / "solc").symlink_to(FRONT)
    (tmp_path / "solcx" / f"solc-v{SOLC_VERSION}").symlink_to(FRONT)
    assert find_solc().origin == "PATH"


@pytest.mark.usefixtures("path_folder")
def test_py_solc_x_comes_before_npm(tmp_path: Path) -> None:
    (tmp_path / "solcx" / f"solc-v{SOLC_VERSION}").symlink_to(FRONT)
    assert find_solc().origin == "py-solc-x"


def test_environment_comes_before_path(
    path_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path_folder / "solc").symlink_to(FRONT)
    (tmp_path / "mine").symlink_to(FRONT)
    monkeypatch.setenv(SOLC_VARIABLE, str(tmp_path / "mine"))
    compiler = find_solc()
    assert (compiler.origin, compiler.path) == (SOLC_VARIABLE, tmp_path / "mine")


@pytest.mark.parametrize(
    "said",
    [
        "Version: 0.8.36+commit.12345678.Linux.g++",
        f"Version: {SOLC_VERSION}-nightly.2026.1.2+commit.12345678.Linux.g++",
        "Version: unknown",
        "",
    ],
)
def test_unfit_solc_on_path_is_passed_over(path_folder: Path, said: str) -> None:
    install_script(path_folder / "solc", said)
    assert find_solc().origin == "npm"


def test_unfit_solc_of_the_environment_is_an_error(
    path_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path_folder / "solc").symlink_to(FRONT)
    old = install_script(tmp_path / "old", "Version: 0.8.19+commit.7dd6d404.Linux.g++")
    for named, reason in [(old, "0.8.19+commit.7dd6d404"), (tmp_path / "none", "no executable")]:
        monkeypatch.setenv(SOLC_VARIABLE, str(named))
        with pytest.raises(ToolchainError, match=re.escape(reason)) as caught:
            find_solc()
        assert str(named) in caught.value.cause
        assert SOLC_VARIABLE in caught.value.cause
        assert SOLC_VERSION in caught.value.remedy


def test_solc_that_crashes_is_passed_over(path_folder: Path) -> None:
    crashing = path_folder / "solc"
    crashing.write_text("#!/bin/sh\nexit 1\n")
    crashing.chmod(0o755)
    assert find_solc().origin == "npm"


@pytest.mark.usefixtures("path_folder")
def test_error_names_every_place_that_was_tried(tmp_path: Path) -> None:
    away = tmp_path / "away"
    shutil.copytree(
        CHECKOUT / "marketplace", away / "marketplace", ignore=shutil.ignore_patterns("artifacts")
    )
    code = "from marketplace.chain.solc import find_solc; find_solc()"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=away,
        env=os.environ | {"PYTHONPATH": str(away)},
        capture_output=True,
        text=True,
        check=False,
    )
    line = result.stderr.strip().splitlines()[-1]
    assert "ToolchainError" in line
    for part in ["PATH: ", "py-solc-x: ", "npm: ", "can't be reached", "npm ci", SOLC_VARIABLE]:
        assert part in line


def test_front_writes_all_of_a_long_answer_into_a_slow_pipe() -> None:
    governor = "@openzeppelin/contracts/governance/Governor.sol"
    sources = {
        path.relative_to(CONTRACTS / "node_modules").as_posix(): {"content": path.read_text()}
        for path in (CONTRACTS / "node_modules" / "@openzeppelin").rglob("*.sol")
    }
    standard_input = {
        "language": "Solidity",
        "sources": sources,
        "settings": {"outputSelection": {governor: {"": ["ast"]}}},
    }
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with subprocess.Popen(
        [FRONT, "--standard-json"], stdin=subprocess.PIPE, stdout=writing, text=True
    ) as front:
        os.close(writing)
        assert front.stdin is not None
        front.stdin.write(json.dumps(standard_input))
        front.stdin.close()
        answer = b""
        while chunk := os.read(reading, 1 << 14):
            answer += chunk
            time.sleep(0.001)
    os.close(reading)
    assert front.returncode == 0
    assert len(answer) > 1 << 18
    assert governor in json.loads(answer)["sources"]


def test_front_refuses_other_options() -> None:
    result = subprocess.run([FRONT, "--bin"], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout == ""
    assert "usage" in result.stderr
