"""Artifacts: when they are compiled anew, when not, and what the checkout's hold."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from marketplace.chain.artifacts import (
    CHECKOUT,
    Workspace,
    compile_contracts,
    load_artifact,
)
from marketplace.protocol.errors import ToolchainError

HEAD = "// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\n"
COUNTER = HEAD + "contract Counter { uint256 public count; function add() external { ++count; } }\n"
MAX_CODE_BYTES = 24_576  # EIP-170
MAX_CREATION_BYTES = 49_152  # EIP-3860


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one small contract, compiled, and the checkout's npm packages."""
    project = tmp_path_factory.mktemp("project")
    (project / "contracts" / "src").mkdir(parents=True)
    (project / "contracts" / "src" / "Counter.sol").write_text(COUNTER)
    (project / "contracts" / "node_modules").symlink_to(CHECKOUT.contracts / "node_modules")
    shutil.copy(CHECKOUT.contracts / "package-lock.json", project / "contracts")
    assert compiled(Workspace(project / "contracts", project / "artifacts"))
    return project


@pytest.fixture
def workspace(compiled_once: Path, tmp_path: Path) -> Workspace:
    """A copy of the compiled project elsewhere, for one test to change."""
    copy = shutil.copytree(compiled_once, tmp_path / "project", symlinks=True)
    return Workspace(copy / "contracts", copy / "artifacts")


def compiled(workspace: Workspace) -> bool:
    """Ask for the contracts, and tell whether the compiler had to run."""
    progress: list[str] = []
    compile_contracts(progress=progress.append, workspace=workspace)
    return bool(progress)


def test_fresh_artifacts_are_not_compiled_again_wherever_they_lie(workspace: Workspace) -> None:
    assert not compiled(workspace)


def test_force_compiles_and_says_so_to_the_same_result(workspace: Workspace) -> None:
    before = (workspace.output / "Counter.json").read_bytes()
    lines: list[str] = []
    contracts = compile_contracts(force=True, progress=lines.append, workspace=workspace)
    assert contracts == {"Counter": "src/Counter.sol"}
    assert (workspace.output / "Counter.json").read_bytes() == before
    assert len(lines) == 1
    assert lines[0].startswith("compiling 1 Solidity files with solc 0.8.37 (")


def test_what_is_loaded_is_what_was_compiled(workspace: Workspace) -> None:
    counter = load_artifact("Counter", workspace=workspace)
    again = load_artifact("Counter", workspace=workspace)
    assert counter == again
    assert counter.bytecode.endswith(counter.deployed_bytecode)
    assert counter.method_identifiers["add()"] == "4f2be91f"
    manifest = json.loads((workspace.output / "manifest.json").read_text())
    assert manifest["contracts"] == {"Counter": "src/Counter.sol"}
    assert manifest["compiler"] == counter.compiler


def test_changed_source_is_compiled_anew(workspace: Workspace) -> None:
    before = load_artifact("Counter", workspace=workspace)
    source = workspace.contracts / "src" / "Counter.sol"
    source.write_text(COUNTER.replace("++count", "count += 2"))
    assert load_artifact("Counter", workspace=workspace).bytecode != before.bytecode


def test_removed_contract_leaves_no_artifact(workspace: Workspace) -> None:
    other = workspace.contracts / "src" / "Other.sol"
    other.write_text(HEAD + "interface Other { }\n")
    assert load_artifact("Other", workspace=workspace).bytecode == b""
    other.unlink()
    with pytest.raises(ToolchainError, match="no contract 'Other'; choose one of Counter"):
        load_artifact("Other", workspace=workspace)
    assert not (workspace.output / "Other.json").exists()


def test_changed_package_is_compiled_anew(workspace: Workspace) -> None:
    package = "@openzeppelin/contracts"
    source = workspace.contracts / "src" / "Counter.sol"
    source.write_text(
        HEAD
        + f'import {{Context}} from "{package}/utils/Context.sol";\ncontract A is Context {{}}\n'
    )
    assert compiled(workspace)
    lock = json.loads((workspace.contracts / "package-lock.json").read_text())
    lock["packages"][f"node_modules/{package}"]["integrity"] = "sha512-other"
    (workspace.contracts / "package-lock.json").write_text(json.dumps(lock))
    assert compiled(workspace)


def test_unimported_package_changes_nothing(workspace: Workspace) -> None:
    lock = json.loads((workspace.contracts / "package-lock.json").read_text())
    del lock["packages"]["node_modules/@openzeppelin/contracts"]
    (workspace.contracts / "package-lock.json").write_text(json.dumps(lock))
    assert not compiled(workspace)


def test_fresh_artifacts_need_no_npm_packages(workspace: Workspace) -> None:
    (workspace.contracts / "node_modules").unlink()
    assert load_artifact("Counter", workspace=workspace).name == "Counter"


@pytest.mark.parametrize("damage", ["{", None])
def test_damaged_manifest_is_compiled_anew(workspace: Workspace, damage: str | None) -> None:
    manifest = workspace.output / "manifest.json"
    if damage is None:
        manifest.unlink()
    else:
        manifest.write_text(damage)
    assert compiled(workspace)


def test_failed_compile_leaves_what_was_there(workspace: Workspace) -> None:
    before = {path.name: path.read_bytes() for path in workspace.output.glob("*.json")}
    (workspace.contracts / "src" / "Counter.sol").write_text(HEAD + "contract Counter { oops }\n")
    with pytest.raises(ToolchainError, match="ParserError"):
        load_artifact("Counter", workspace=workspace)
    assert {path.name: path.read_bytes() for path in workspace.output.glob("*.json")} == before


def test_processes_at_once_compile_once(workspace: Workspace) -> None:
    shutil.rmtree(workspace.output)
    code = (
        "import sys; from pathlib import Path;"
        "from marketplace.chain.artifacts import Workspace, compile_contracts;"
        "compile_contracts(progress=print, workspace=Workspace(*map(Path, sys.argv[1:])))"
    )
    command = [sys.executable, "-c", code, str(workspace.contracts), str(workspace.output)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0, 0]
    assert sum(line.count("compiling") for line in said) == 1
    assert not compiled(workspace)


def test_without_sources_the_shipped_artifacts_are_used(workspace: Workspace) -> None:
    counter = load_artifact("Counter", workspace=workspace)
    shipped = Workspace(workspace.contracts / "nowhere", workspace.output)
    assert load_artifact("Counter", workspace=shipped) == counter
    with pytest.raises(ToolchainError, match="there are no Solidity sources"):
        compile_contracts(workspace=shipped)


def test_without_sources_and_artifacts_there_is_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="no compiled contracts") as caught:
        load_artifact("Counter", workspace=Workspace(tmp_path / "none", tmp_path / "neither"))
    assert "reinstall moemarket" in caught.value.remedy


def run_module(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "marketplace.chain.artifacts", *options],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_command_line_compiles_what_is_stale() -> None:
    compile_contracts()
    result = run_module()
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{len(compile_contracts())} contracts in {CHECKOUT.output}\n"


def test_command_line_exits_with_the_code_of_the_error() -> None:
    compile_contracts()
    result = run_module("--force", MOEMARKET_SOLC="/nowhere/solc")
    assert (result.returncode, result.stdout) == (ToolchainError.exit_code, "")
    assert result.stderr.startswith("error: MOEMARKET_SOLC=/nowhere/solc can't be used")


def test_every_contract_fits_the_limits_of_the_chain() -> None:
    names = compile_contracts()
    assert names
    for name in names:
        artifact = load_artifact(name)
        assert len(artifact.deployed_bytecode) <= MAX_CODE_BYTES, name
        assert len(artifact.bytecode) <= MAX_CREATION_BYTES, name
        assert str(CHECKOUT.contracts).encode() not in artifact.bytecode
