"""Compiling: reproducible byte code, and messages that stop the build."""

from __future__ import annotations

from pathlib import Path

import pytest

from marketplace.chain.compilation import SETTINGS, Artifact, compile_sources
from marketplace.chain.solc import Compiler, find_solc
from marketplace.protocol.errors import ToolchainError

HEAD = "// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\n"
UNUSED = HEAD + "contract A { function f() external pure { uint256 unused; } }\n"
COUNTER = HEAD + "contract Counter { uint256 public count; function add() external { ++count; } }\n"


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    return find_solc()


def compile_one(text: str, compiler: Compiler) -> Artifact:
    (artifact,) = compile_sources({"src/Counter.sol": text}, {}, compiler)
    return artifact


def test_artifact_holds_all_that_a_client_needs(compiler: Compiler) -> None:
    counter = compile_one(COUNTER, compiler)
    assert (counter.name, counter.source) == ("Counter", "src/Counter.sol")
    assert {entry["name"] for entry in counter.abi if "name" in entry} == {"add", "count"}
    assert counter.method_identifiers == {"add()": "4f2be91f", "count()": "06661abd"}
    assert counter.storage_layout["storage"][0]["label"] == "count"
    assert counter.deployed_bytecode in counter.bytecode
    assert counter.compiler == compiler.version
    assert counter.settings == SETTINGS


def test_byte_code_does_not_depend_on_comments_or_names_of_files(compiler: Compiler) -> None:
    first = compile_one(COUNTER, compiler)
    commented = COUNTER.replace("contract", "/// @notice counts\ncontract", 1)
    (other,) = compile_sources({"elsewhere/Other.sol": commented}, {}, compiler)
    assert other.bytecode == first.bytecode


def test_immutables_are_found_by_name_whatever_else_is_compiled(compiler: Compiler) -> None:
    base = HEAD + (
        "abstract contract Base { address internal immutable _owner;"
        " constructor() { _owner = msg.sender; } }\n"
    )
    text = HEAD + (
        'import {Base} from "@acme/lib/Base.sol";\n'
        "contract Timer is Base { uint32 public immutable delay; uint256 public count;"
        " constructor(uint32 delay_) { delay = delay_; }"
        " function owner() external view returns (address, uint32) { return (_owner, delay); } }\n"
    )
    packaged = {"@acme/lib/Base.sol": base}
    (timer,) = compile_sources({"src/Timer.sol": text}, packaged, compiler)
    assert list(timer.immutables) == ["_owner", "delay"]
    for places in timer.immutables.values():
        assert places == sorted(places)
        for place in places:  # PUSH32 of a word that is yet to be written
            assert timer.deployed_bytecode[place - 1 : place + 32] == b"\x7f" + bytes(32)
    more = {"src/A.sol": COUNTER, "src/Timer.sol": text}
    counter, again = compile_sources(more, packaged, compiler)
    assert counter.immutables == {}
    assert (again.deployed_bytecode, again.immutables) == (
        timer.deployed_bytecode,
        timer.immutables,
    )


def test_error_names_the_place_and_carries_the_full_message(compiler: Compiler) -> None:
    broken = HEAD + "contract Broken {\n    uint256 count = missing;\n    int8 x = 1000;\n}\n"
    with pytest.raises(ToolchainError) as caught:
        compile_one(broken, compiler)
    assert caught.value.cause.startswith("src/Counter.sol:4:21: DeclarationError: ")
    assert "\n" not in str(caught.value)
    assert any("uint256 count = missing;" in note for note in caught.value.__notes__)


def test_several_errors_are_counted(compiler: Compiler) -> None:
    broken = HEAD + "contract Broken {\n    int8 x = 1000;\n    int8 y = 1000;\n}\n"
    with pytest.raises(ToolchainError, match=r"\(and 1 more\)") as caught:
        compile_one(broken, compiler)
    assert len(caught.value.__notes__) == 2


def test_warning_about_our_own_source_is_an_error(compiler: Compiler) -> None:
    with pytest.raises(ToolchainError, match="Warning: Unused local variable"):
        compile_one(UNUSED, compiler)


def test_warning_about_a_package_is_not_ours_to_mend(compiler: Compiler) -> None:
    own = HEAD + 'import {A} from "@acme/lib/A.sol";\ncontract Counter is A {}\n'
    artifacts = compile_sources({"src/B.sol": own}, {"@acme/lib/A.sol": UNUSED}, compiler)
    assert [artifact.name for artifact in artifacts] == ["Counter"]


def test_two_contracts_of_one_name_are_refused(compiler: Compiler) -> None:
    own = {"src/A.sol": COUNTER, "src/B.sol": COUNTER}
    with pytest.raises(ToolchainError, match=r"Counter is defined in src/A\.sol and in src/B\.sol"):
        compile_sources(own, {}, compiler)


def test_library_that_needs_linking_is_refused(compiler: Compiler) -> None:
    text = HEAD + (
        "library L { function one() public pure returns (uint256) { return 1; } }\n"
        "contract A { function f() external pure returns (uint256) { return L.one(); } }\n"
    )
    with pytest.raises(ToolchainError, match="A calls a public function of a library"):
        compile_one(text, compiler)


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        ("echo boom >&2; exit 3", "failed with exit status 3 boom"),
        ("echo not json", "answered something other than JSON"),
    ],
)
def test_compiler_that_breaks_is_named(
    compiler: Compiler, tmp_path: Path, script: str, cause: str
) -> None:
    broken = tmp_path / "solc"
    version = f'[ "$1" = --version ] && echo "Version: {compiler.version}" && exit 0'
    broken.write_text(f"#!/bin/sh\n{version}\ncat > /dev/null\n{script}\n")
    broken.chmod(0o755)
    with pytest.raises(ToolchainError, match=cause) as caught:
        compile_one(COUNTER, Compiler(broken, compiler.version, "test"))
    assert str(broken) in caught.value.cause
