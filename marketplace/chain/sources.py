"""Read Solidity sources and all that they import, under names without a local path.

A file of our own is named by its path inside ``contracts``, ``src/Ledger.sol``; a file
of an npm package as it is imported, ``@openzeppelin/contracts/…``. The compiler sees
these names only, so equal sources give equal byte code wherever they lie.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable
from pathlib import Path

from marketplace.protocol.errors import ToolchainError

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_IMPORT = re.compile(r"""(?:^|[;}])\s*import\b[^;"']*["']([^"']+)["']""", re.MULTILINE)


def own_sources(contracts: Path, folder: str, pattern: str = "**/*.sol") -> dict[str, str]:
    """Read the ``.sol`` files in a folder, and those of our own that they import.

    Parameters
    ----------
    contracts
        Folder with ``package-lock.json``, ``node_modules`` and the sources.
    folder
        Folder inside `contracts`, e.g. ``src``.
    pattern
        Which files in it, as a glob; all of them unless told otherwise.

    Returns
    -------
    dict of str to str
        Text by source name, sorted by name.
    """
    texts: dict[str, str] = {}
    waiting = [
        path.relative_to(contracts).as_posix() for path in (contracts / folder).glob(pattern)
    ]
    while waiting:
        name = waiting.pop()
        if name not in texts:
            texts[name] = _read(contracts / name, name)
            waiting += [_resolve(name, target) for target in _relative(_imports(texts[name]))]
    return dict(sorted(texts.items()))


def packaged_sources(contracts: Path, own: dict[str, str]) -> dict[str, str]:
    """Read the files of npm packages that our own sources need.

    Raises
    ------
    ToolchainError
        If a package is missing, or is not of the version in ``package-lock.json``.
    """
    for package in imported_packages(own):
        _check_installed(contracts, package)
    texts: dict[str, str] = {}
    waiting = _packaged_imports(own)
    while waiting:
        name = waiting.pop()
        if name not in texts:
            texts[name] = _read(contracts / "node_modules" / name, name)
            waiting += [_resolve(name, target) for target in _imports(texts[name])]
    return dict(sorted(texts.items()))


def imported_packages(own: dict[str, str]) -> list[str]:
    """Name the npm packages that our own sources import, e.g. ``@openzeppelin/contracts``."""
    return sorted({_package_of(name) for name in _packaged_imports(own)})


def locked_package(contracts: Path, package: str) -> dict[str, str]:
    """Read a package's ``version`` and ``integrity`` (a hash of its content) from the lock."""
    lock = json.loads((contracts / "package-lock.json").read_text())
    entry = lock["packages"].get(f"node_modules/{package}")
    if entry is None:
        raise ToolchainError(
            f"Solidity sources import {package}, which package-lock.json doesn't list",
            f"run `npm install --save-exact {package}` in {contracts}",
        )
    return {key: entry[key] for key in ("version", "integrity")}


def _check_installed(contracts: Path, package: str) -> None:
    manifest = contracts / "node_modules" / package / "package.json"
    found = json.loads(manifest.read_text())["version"] if manifest.is_file() else "missing"
    wanted = locked_package(contracts, package)["version"]
    if found != wanted:
        raise ToolchainError(
            f"npm package {package} is {found}, where {wanted} is needed",
            f"run `npm ci` in {contracts}",
        )


def _read(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ToolchainError(
            f"Solidity source {name} can't be read ({type(error).__name__})",
            "correct the import, or restore the file",
        ) from error


def _imports(text: str) -> list[str]:
    return _IMPORT.findall(_COMMENT.sub(" ", text))


def _relative(targets: Iterable[str]) -> list[str]:
    return [target for target in targets if target.startswith(".")]


def _resolve(importer: str, target: str) -> str:
    if not target.startswith("."):
        return target
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), target))


def _packaged_imports(own: dict[str, str]) -> list[str]:
    return [
        target for text in own.values() for target in _imports(text) if not target.startswith(".")
    ]


def _package_of(name: str) -> str:
    parts = name.split("/")
    return "/".join(parts[:2] if name.startswith("@") else parts[:1])
