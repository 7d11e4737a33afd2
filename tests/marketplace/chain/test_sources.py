"""Reading Solidity sources: what is followed, how it is named, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from marketplace.chain.sources import (
    imported_packages,
    locked_package,
    own_sources,
    packaged_sources,
)
from marketplace.protocol.errors import ToolchainError


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """A contracts folder with one installed, locked package and no source of its own."""
    write(tmp_path, "src/.keep", "")
    write(tmp_path, "node_modules/@acme/lib/package.json", '{"version": "1.2.3"}')
    write(tmp_path, "node_modules/@acme/lib/a/A.sol", 'import "../b/B.sol";')
    write(tmp_path, "node_modules/@acme/lib/b/B.sol", 'import "@acme/lib/a/A.sol";')
    write(tmp_path, "node_modules/@acme/lib/Unused.sol", "")
    entry = {"version": "1.2.3", "integrity": "sha512-x", "license": "MIT"}
    lock = {"packages": {"node_modules/@acme/lib": entry}}
    write(tmp_path, "package-lock.json", json.dumps(lock))
    return tmp_path


def write(contracts: Path, name: str, text: str) -> None:
    path = contracts / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def test_own_sources_are_named_inside_the_folder_and_sorted(contracts: Path) -> None:
    write(contracts, "src/b/B.sol", "contract B {}")
    write(contracts, "src/A.sol", "contract A {}")
    write(contracts, "src/notes.txt", "no source")
    own = own_sources(contracts, "src")
    assert list(own.items()) == [("src/A.sol", "contract A {}"), ("src/b/B.sol", "contract B {}")]


def test_own_sources_include_what_another_folder_lends(contracts: Path) -> None:
    write(contracts, "src/A.sol", 'import {Lent} from "../shared/Lent.sol";')
    write(contracts, "shared/Lent.sol", 'import "../src/A.sol";')
    write(contracts, "shared/Unused.sol", "")
    assert list(own_sources(contracts, "src")) == ["shared/Lent.sol", "src/A.sol"]


def test_line_ends_do_not_matter(contracts: Path) -> None:
    write(contracts, "src/A.sol", "contract A {\r\n}\r\n")
    assert own_sources(contracts, "src") == {"src/A.sol": "contract A {\n}\n"}


@pytest.mark.parametrize(
    "statement",
    [
        'import "@acme/lib/a/A.sol";',
        "import '@acme/lib/a/A.sol';",
        'import {A} from "@acme/lib/a/A.sol";',
        'import {\n    A as Z,\n    B\n} from\n    "@acme/lib/a/A.sol";',
        'import * as acme from "@acme/lib/a/A.sol";',
        'import "@acme/lib/a/A.sol" as acme;',
        'pragma solidity 0.8.37; import "@acme/lib/a/A.sol";',
        'struct S { int a; } import "@acme/lib/a/A.sol";',
        '/* why */ import /* what */ "@acme/lib/a/A.sol"; // where',
    ],
)
def test_every_form_of_import_is_followed(contracts: Path, statement: str) -> None:
    own = {"src/A.sol": statement}
    assert imported_packages(own) == ["@acme/lib"]
    assert list(packaged_sources(contracts, own)) == ["@acme/lib/a/A.sol", "@acme/lib/b/B.sol"]


@pytest.mark.parametrize(
    "text",
    [
        '// import "@acme/lib/a/A.sol";',
        '/*\nimport "@acme/lib/a/A.sol";\n*/',
        'contract A { string s = "import"; string t = "@acme/lib/a/A.sol"; }',
    ],
)
def test_what_is_no_import_is_not_followed(text: str) -> None:
    assert imported_packages({"src/A.sol": text}) == []


@pytest.mark.parametrize("target", ["./Missing.sol", "../../outside.sol"])
def test_missing_own_source_is_named(contracts: Path, target: str) -> None:
    write(contracts, "src/A.sol", f'import "{target}";')
    with pytest.raises(ToolchainError, match=target.lstrip("./")):
        own_sources(contracts, "src")


def test_source_that_is_not_text_is_named(contracts: Path) -> None:
    (contracts / "src" / "A.sol").write_bytes(b"\xff\xfe")
    with pytest.raises(ToolchainError, match=r"src/A\.sol"):
        own_sources(contracts, "src")


def test_missing_packaged_source_is_named(contracts: Path) -> None:
    with pytest.raises(ToolchainError, match=r"@acme/lib/Missing\.sol"):
        packaged_sources(contracts, {"src/A.sol": 'import "@acme/lib/Missing.sol";'})


def test_package_without_lock_is_refused(contracts: Path) -> None:
    with pytest.raises(ToolchainError, match=r"forge-std, which package-lock\.json doesn't list"):
        packaged_sources(contracts, {"src/A.sol": 'import "forge-std/Test.sol";'})


def test_package_of_another_version_is_refused(contracts: Path) -> None:
    own = {"src/A.sol": 'import "@acme/lib/a/A.sol";'}
    write(contracts, "node_modules/@acme/lib/package.json", '{"version": "1.2.4"}')
    with pytest.raises(ToolchainError, match=r"is 1\.2\.4, where 1\.2\.3 is needed") as caught:
        packaged_sources(contracts, own)
    assert "npm ci" in caught.value.remedy
    (contracts / "node_modules/@acme/lib/package.json").unlink()
    with pytest.raises(ToolchainError, match="is missing"):
        packaged_sources(contracts, own)


def test_lock_gives_version_and_content_hash(contracts: Path) -> None:
    assert locked_package(contracts, "@acme/lib") == {"version": "1.2.3", "integrity": "sha512-x"}
