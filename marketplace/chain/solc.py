"""Find the Solidity compiler.

The first of the right version is used, in this order:

1. the one that the environment names in ``MOEMARKET_SOLC``; an error if it is unfit
2. ``solc`` on PATH
3. one that py-solc-x has installed, or can install now
4. the npm build in ``contracts/node_modules``, behind ``solc_front.js``
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests
from solcx.exceptions import SolcNotInstalled
from solcx.install import BINARY_DOWNLOAD_BASE, get_executable

from marketplace.protocol.errors import ToolchainError

SOLC_VERSION = "0.8.37"
SOLC_VARIABLE = "MOEMARKET_SOLC"

_NPM_PACKAGE = Path(__file__).parents[2] / "contracts" / "node_modules" / "solc"
_NPM_FRONT = Path(__file__).with_name("solc_front.js")
_BANNER = re.compile(
    r"^Version: (?P<release>\d+\.\d+\.\d+)(?P<build>\S*\+commit\.[0-9a-f]+)", re.MULTILINE
)
_ANSWER_SECONDS = 60
_CONNECT_SECONDS = 3
_INSTALL_SECONDS = 120


@dataclass(frozen=True)
class Compiler:
    """A Solidity compiler that was started and said its version.

    Attributes
    ----------
    path
        Executable that takes ``--standard-json``, as py-solc-x's ``solc_binary``.
    version
        Release and commit, e.g. ``0.8.37+commit.f401782d``. Native and npm builds
        of one commit say the same and write the same bytecode.
    origin
        Where it was found, in words.
    """

    path: Path
    version: str
    origin: str


class _Unfit(Exception):
    """One place holds no compiler that can be used; the message says why."""


def find_solc() -> Compiler:
    """Find a compiler of release `SOLC_VERSION`.

    Raises
    ------
    ToolchainError
        If no place holds one, or the one that the environment names is unfit.
    """
    if named := os.environ.get(SOLC_VARIABLE):
        try:
            return _ask(_on_path(named), SOLC_VARIABLE)
        except _Unfit as unfit:
            raise ToolchainError(
                f"{SOLC_VARIABLE}={named} can't be used: {unfit}",
                f"name an executable of solc {SOLC_VERSION} there, or unset the variable",
            ) from None

    places: dict[str, Callable[[], Path]] = {
        "PATH": lambda: _on_path("solc"),
        "py-solc-x": _from_solcx,
        "npm": _from_npm,
    }
    refusals = []
    for origin, locate in places.items():
        try:
            return _ask(locate(), origin)
        except _Unfit as unfit:
            refusals.append(f"{origin}: {unfit}")
    raise ToolchainError(
        f"no Solidity compiler {SOLC_VERSION} was found ({'; '.join(refusals)})",
        f"run `npm ci` in {_NPM_PACKAGE.parents[1]}, or name a compiler in {SOLC_VARIABLE}",
    )


def _ask(path: Path, origin: str) -> Compiler:
    """Start a compiler and check the version that it says."""
    try:
        answer = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ANSWER_SECONDS,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise _Unfit(f"{path} doesn't run ({type(error).__name__})") from error
    said = _BANNER.search(answer)
    if said is None:
        raise _Unfit(f"{path} doesn't say a version as solc does")
    version = said["release"] + said["build"]
    # A nightly or pre-release carries its tag between the two.
    if said["release"] != SOLC_VERSION or not said["build"].startswith("+commit."):
        raise _Unfit(f"{path} is {version}")
    return Compiler(path, version, origin)


def _on_path(command: str) -> Path:
    found = shutil.which(command)
    if found is None:
        raise _Unfit(f"no executable {command}")
    return Path(found)


def _from_solcx() -> Path:
    try:
        return get_executable(SOLC_VERSION)
    except SolcNotInstalled:
        _install_with_solcx()
    except OSError as error:
        raise _Unfit(f"its folder can't be used ({error})") from error
    return get_executable(SOLC_VERSION)


def _install_with_solcx() -> None:
    """Let py-solc-x download the compiler, but never wait long for a dead network.

    py-solc-x sets no timeout of its own, hence the look ahead and the process apart.
    """
    site = BINARY_DOWNLOAD_BASE.partition("/{}")[0]
    try:
        requests.head(site, timeout=_CONNECT_SECONDS)
    except requests.RequestException:
        raise _Unfit(f"not installed, and {site} can't be reached") from None
    try:
        subprocess.run(
            [sys.executable, "-m", "solcx.install", SOLC_VERSION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_INSTALL_SECONDS,
            check=True,
        )
    except subprocess.SubprocessError as error:
        raise _Unfit(f"the download failed ({type(error).__name__})") from error


def _from_npm() -> Path:
    if not _NPM_PACKAGE.is_dir():
        raise _Unfit(f"no package in {_NPM_PACKAGE}")
    if shutil.which("node") is None:
        raise _Unfit("no executable node to run it")
    return _NPM_FRONT
