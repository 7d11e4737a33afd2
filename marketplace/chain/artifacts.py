"""Compiled contracts: compiled when the sources changed, shipped with the wheel.

``artifacts/`` beside this file holds one JSON file per contract, and ``manifest.json``,
whose key is a hash of all that decides the byte code: our sources, the locked npm
packages that they import, the compiler's release and its settings. In a checkout the
first use of a contract compiles if the key is stale; an installed package has no
sources, and uses what it shipped with.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from marketplace.chain.compilation import OUTPUTS, SETTINGS, Artifact, compile_sources
from marketplace.chain.solc import SOLC_VERSION, find_solc
from marketplace.chain.sources import (
    imported_packages,
    locked_package,
    own_sources,
    packaged_sources,
)
from marketplace.protocol.errors import MarketError, ToolchainError

__all__ = ["CHECKOUT", "Artifact", "Workspace", "compile_contracts", "load_artifact", "recompile"]

_FORMAT = 2
_MANIFEST = "manifest.json"
_HEX_FIELDS = ("bytecode", "deployed_bytecode")


@dataclass(frozen=True)
class Workspace:
    """Where sources are read and artifacts written.

    Attributes
    ----------
    contracts
        Folder with ``package-lock.json`` and ``node_modules``.
    output
        Folder of the artifacts.
    folder
        Folder inside `contracts` whose files are compiled.
    pattern
        Which files in it, as a glob.
    """

    contracts: Path
    output: Path
    folder: str = "src"
    pattern: str = "**/*.sol"

    @property
    def has_sources(self) -> bool:
        """Whether there is anything to compile: true in a checkout, false when installed."""
        lock = self.contracts / "package-lock.json"
        return lock.is_file() and (self.contracts / self.folder).is_dir()


CHECKOUT = Workspace(
    contracts=Path(__file__).parents[2] / "contracts",
    output=Path(__file__).parent / "artifacts",
)


def compile_contracts(
    force: bool = False,
    progress: Callable[[str], None] | None = None,
    *,
    workspace: Workspace = CHECKOUT,
) -> dict[str, str]:
    """Compile all contracts, unless their artifacts are fresh.

    Safe to call from several processes at once: one compiles, the others wait for it.

    Parameters
    ----------
    force
        Compile though the artifacts are fresh.
    progress
        Told in one line what is about to take time.
    workspace
        Where sources and artifacts lie; by default those of this checkout.

    Returns
    -------
    dict of str to str
        Name of the source file by contract name.

    Raises
    ------
    ToolchainError
        If there are no sources, no compiler, or the sources don't compile cleanly.
    """
    if not workspace.has_sources:
        raise ToolchainError(
            f"there are no Solidity sources in {workspace.contracts / workspace.folder}",
            "compile in a checkout of the project",
        )
    own = own_sources(workspace.contracts, workspace.folder, workspace.pattern)
    key = _cache_key(workspace, own)
    manifest = _read_manifest(workspace)
    if force or manifest.get("key") != key:
        workspace.output.mkdir(parents=True, exist_ok=True)
        with FileLock(workspace.output / ".lock"):
            manifest = _read_manifest(workspace)
            if force or manifest.get("key") != key:
                manifest = _compile(workspace, own, key, progress or (lambda _: None))
    contracts: dict[str, str] = manifest["contracts"]
    return contracts


def recompile(files: Collection[str], *, workspace: Workspace) -> None:
    """Compile some files anew, warnings allowed, and count all artifacts as fresh.

    For who breaks a source on purpose and knows what depends on it; `workspace` must hold
    the artifacts of the sound sources.

    Parameters
    ----------
    files
        Names as in the artifacts, e.g. ``src/Ledger.sol``.
    workspace
        A copy; never this checkout.

    Raises
    ------
    ToolchainError
        If they don't compile.
    """
    own = own_sources(workspace.contracts, workspace.folder, workspace.pattern)
    chosen = {name: text for name, text in own.items() if name in files}
    imported = {name: text for name, text in own.items() if name not in files}
    imported |= packaged_sources(workspace.contracts, own)
    manifest = _read_manifest(workspace)
    for artifact in compile_sources(chosen, imported, find_solc(), strict=False):
        _write_artifact(workspace.output, artifact)
    _write(workspace.output / _MANIFEST, manifest | {"key": _cache_key(workspace, own)})


def load_artifact(name: str, *, workspace: Workspace = CHECKOUT) -> Artifact:
    """Load one compiled contract, compiling first if there are newer sources.

    Raises
    ------
    ToolchainError
        If there is no such contract, or compiling fails.
    """
    if workspace.has_sources:
        known = compile_contracts(workspace=workspace)
    else:
        known = _read_manifest(workspace).get("contracts", {})
    if not known:
        raise ToolchainError(
            f"there are no compiled contracts in {workspace.output}",
            "reinstall moemarket, or work in a checkout and run `make compile`",
        )
    if name not in known:
        raise ToolchainError(
            f"there is no contract {name!r}", f"choose one of {', '.join(sorted(known))}"
        )
    stored = json.loads((workspace.output / f"{name}.json").read_text())
    for field in _HEX_FIELDS:
        stored[field] = bytes.fromhex(stored[field])
    return Artifact(**stored)


def _cache_key(workspace: Workspace, own: dict[str, str]) -> str:
    # The lock's integrity hash stands for a package's content, so that a fresh cache
    # is known to be fresh without node_modules.
    inputs = {
        "format": _FORMAT,
        "compiler": SOLC_VERSION,
        "settings": SETTINGS,
        "outputs": OUTPUTS,
        "own": own,
        "packages": {
            package: locked_package(workspace.contracts, package)
            for package in imported_packages(own)
        },
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _read_manifest(workspace: Workspace) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((workspace.output / _MANIFEST).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return manifest


def _compile(
    workspace: Workspace, own: dict[str, str], key: str, progress: Callable[[str], None]
) -> dict[str, Any]:
    packaged = packaged_sources(workspace.contracts, own)
    compiler = find_solc()
    progress(f"compiling {len(own)} Solidity files with solc {SOLC_VERSION} ({compiler.origin})")
    artifacts = compile_sources(own, packaged, compiler)
    manifest = {
        "key": key,
        "compiler": compiler.version,
        "contracts": {artifact.name: artifact.source for artifact in artifacts},
    }
    _store(workspace.output, artifacts, manifest)
    return manifest


def _store(output: Path, artifacts: list[Artifact], manifest: dict[str, Any]) -> None:
    # Without its manifest the folder counts as stale, so a crash on the way is harmless.
    (output / _MANIFEST).unlink(missing_ok=True)
    for artifact in artifacts:
        _write_artifact(output, artifact)
    for path in output.glob("*.json"):
        if path.stem not in manifest["contracts"]:
            path.unlink()
    _write(output / _MANIFEST, manifest)


def _write_artifact(output: Path, artifact: Artifact) -> None:
    content = asdict(artifact)
    for field in _HEX_FIELDS:
        content[field] = content[field].hex()
    _write(output / f"{artifact.name}.json", content)


def _write(path: Path, content: dict[str, Any]) -> None:
    # Replaced in one step: another process reads the old file or the new one.
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n")
    partial.replace(path)


def main() -> int:
    """Compile from the command line: ``python -m marketplace.chain.artifacts``."""
    parser = argparse.ArgumentParser(description="Compile the Solidity contracts.")
    parser.add_argument("--force", action="store_true", help="compile though nothing changed")
    force = parser.parse_args().force
    try:
        contracts = compile_contracts(force, lambda line: print(line, flush=True))
    except MarketError as error:
        notes = getattr(error, "__notes__", [])
        print(*notes, f"error: {error}", sep="\n", file=sys.stderr)
        return error.exit_code
    print(f"{len(contracts)} contracts in {CHECKOUT.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
