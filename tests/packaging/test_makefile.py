"""The Makefile: its help is complete, set-up runs once, and what is missing is named."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
INPUTS = [
    "pyproject.toml",
    "constraints.txt",
    "contracts/package.json",
    "contracts/package-lock.json",
]


def make(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # Inside `make test`, MAKEFLAGS would pass the outer make's options on.
    inherited = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    return subprocess.run(
        ["make", *arguments],
        cwd=cwd,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What set-up reads, on its own."""
    for name in ["Makefile", *INPUTS]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(CHECKOUT / name, tmp_path / name)
        os.utime(tmp_path / name, (1_000, 1_000))
    return tmp_path


def mark_ready(clone: Path) -> None:
    for ready in (".venv/.ready", "contracts/node_modules/.ready"):
        (clone / ready).parent.mkdir(exist_ok=True)
        (clone / ready).touch()
        os.utime(clone / ready, (2_000, 2_000))


def test_help_is_the_default_and_lists_every_target() -> None:
    told = make(cwd=CHECKOUT)
    assert told.returncode == 0
    listed = set(re.findall(r"^  make ([a-z-]+) +\w", told.stdout, re.MULTILINE))
    makefile = (CHECKOUT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY:((?:.|\\\n)*?)\n\n", makefile, re.MULTILINE)
    assert phony is not None
    assert listed == set(phony[1].replace("\\", " ").split())
    assert {"demo", "test"} <= listed


def test_set_up_is_due_in_a_fresh_clone_and_done_once(clone: Path) -> None:
    assert make("--question", "setup", cwd=clone).returncode == 1
    mark_ready(clone)
    assert make("--question", "setup", cwd=clone).returncode == 0


@pytest.mark.parametrize("changed", INPUTS)
def test_set_up_is_due_again_when_its_input_changed(clone: Path, changed: str) -> None:
    mark_ready(clone)
    os.utime(clone / changed, (3_000, 3_000))
    assert make("--question", "setup", cwd=clone).returncode == 1


def test_missing_python_is_named(clone: Path) -> None:
    told = make(".venv/.ready", "PYTHON=python-of-nobody", cwd=clone)
    assert told.returncode != 0
    assert "error: python-of-nobody is missing; install Python 3.11 or newer" in told.stderr


def test_old_python_is_named(clone: Path, tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    told = make(".venv/.ready", f"PYTHON={old}", cwd=clone)
    assert told.returncode != 0
    assert "python-old is older than 3.11" in told.stderr


def test_missing_node_is_named(clone: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("bash", "make"):
        place = shutil.which(tool)
        assert place is not None
        (tools / tool).symlink_to(place)
    told = make("contracts/node_modules/.ready", cwd=clone, PATH=str(tools))
    assert told.returncode != 0
    assert "error: node or npm is missing; install Node.js 18 or newer" in told.stderr
    assert not (clone / "contracts" / "node_modules").exists()
