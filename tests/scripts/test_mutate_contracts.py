"""The mutation script on a contract of five lines, and its table on the real sources."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
SOURCE = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;
library Cap {
    function cap(uint256 value) internal pure returns (uint256) {
        return value > 9 ? 9 : value;
    }
}
"""
TEST = """// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;
import {Cap} from "../../src/Cap.sol";
contract CapTest {
    function test_Caps() public pure {
        require(Cap.cap(12) == 9 && Cap.cap(3) == 3, "not capped");
    }
}
"""
CONFIG = """[profile.default]
src = "src"
test = "test/forge"
solc = "../marketplace/chain/solc_front.js"
offline = true
lint = { lint_on_build = false }
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one contract and one test, and the real compiler and forge."""
    binaries = CHECKOUT / "contracts" / "node_modules" / ".bin"
    if not (binaries / "forge").exists():
        pytest.skip("forge is not in contracts/node_modules; run npm ci in contracts")
    monkeypatch.setenv("PATH", f"{binaries}{os.pathsep}{os.environ['PATH']}")
    root = tmp_path / "checkout"
    files = {"src/Cap.sol": SOURCE, "test/forge/Cap.t.sol": TEST, "foundry.toml": CONFIG}
    for name, text in files.items():
        path = root / "contracts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "marketplace" / "chain").mkdir(parents=True)
    front = "marketplace/chain/solc_front.js"
    shutil.copy(CHECKOUT / front, root / front)
    (root / "contracts" / "node_modules").symlink_to(CHECKOUT / "contracts" / "node_modules")
    return root


@pytest.fixture
def entry(mutate_contracts: ModuleType) -> Any:
    return mutate_contracts.Mutation("cap-is-lower", "src/Cap.sol", "? 9 :", "? 8 :", "Cap")


@pytest.fixture
def mutate(
    mutate_contracts: ModuleType, checkout: Path, tmp_path: Path
) -> Callable[..., dict[str, dict[str, Any]]]:
    workshop = mutate_contracts.Workshop(checkout, tmp_path / "copy")
    results = tmp_path / "results.json"
    return lambda *entries: mutate_contracts.mutate(list(entries), checkout, results, workshop)


@pytest.mark.slow
def test_killed_survived_and_broken_are_told_apart(
    mutate_contracts: ModuleType, mutate: Callable[..., Any], entry: Any, checkout: Path
) -> None:
    entries = [
        entry,
        replace(entry, name="same-at-the-cap", fragment="value > 9", replacement="value >= 9"),
        replace(entry, name="no-solidity", fragment="return", replacement="give"),
    ]
    outcomes = mutate(*entries)
    told = {name: outcome["outcome"] for name, outcome in outcomes.items()}
    assert told == {
        "cap-is-lower": "killed",
        "same-at-the-cap": "survived",
        "no-solidity": "broken",
    }
    assert (checkout / "contracts/src/Cap.sol").read_text() == SOURCE
    assert "1 killed, 1 survived, 1 broken" in mutate_contracts.table(entries, outcomes)
    assert mutate_contracts.unexplained(entries, outcomes) == [
        "same-at-the-cap is survived, where killed is expected",
        "no-solidity is broken, where killed is expected",
    ]
    explained = [entry, replace(entries[1], explained="nine is nine either way")]
    assert mutate_contracts.unexplained(explained, outcomes) == []


@pytest.mark.slow
def test_what_is_known_is_not_tried_again(
    mutate: Callable[..., Any], entry: Any, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = mutate(entry)
    assert "cap-is-lower" in capsys.readouterr().out
    assert mutate(entry) == first
    assert capsys.readouterr().out == ""
    source = checkout / "contracts/src/Cap.sol"
    source.write_text(SOURCE + "// changed\n")
    mutate(entry)
    assert "cap-is-lower" in capsys.readouterr().out


@pytest.mark.slow
def test_tests_that_fail_anyway_are_refused(
    mutate_contracts: ModuleType, checkout: Path, tmp_path: Path, entry: Any
) -> None:
    (checkout / "contracts/src/Cap.sol").write_text(SOURCE.replace("? 9", "? 7"))
    workshop = mutate_contracts.Workshop(checkout, tmp_path / "copy")
    with pytest.raises(RuntimeError, match="forge Cap on the sound sources: killed"):
        mutate_contracts.mutate([entry], checkout, tmp_path / "results.json", workshop)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"fragment": "value"}, "occurs 3 times"),
        ({"fragment": "nowhere"}, "occurs 0 times"),
        ({"file": "src/None.sol"}, "occurs 0 times"),
        ({"replacement": "? 9 :"}, "changes nothing"),
    ],
)
def test_an_entry_that_fits_badly_is_named(
    mutate_contracts: ModuleType, checkout: Path, entry: Any, changes: dict[str, str], fault: str
) -> None:
    assert mutate_contracts.faults([entry], checkout / "contracts") == []
    (line,) = mutate_contracts.faults([replace(entry, **changes)], checkout / "contracts")
    assert line.startswith("cap-is-lower: ")
    assert fault in line


def test_a_name_is_given_once(mutate_contracts: ModuleType, checkout: Path, entry: Any) -> None:
    assert mutate_contracts.faults([entry, entry], checkout / "contracts") == [
        "cap-is-lower is there 2 times"
    ]


def test_the_table_of_the_project_fits_the_sources(mutate_contracts: ModuleType) -> None:
    assert mutate_contracts.faults(mutate_contracts.MUTATIONS, CHECKOUT / "contracts") == []


def test_what_changed_or_was_never_tried_is_due(
    mutate_contracts: ModuleType, tmp_path: Path, entry: Any
) -> None:
    for name, text in (("src/Cap.sol", SOURCE), ("test/forge/Cap.t.sol", TEST)):
        path = tmp_path / "contracts" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    entries = [entry, replace(entry, name="cap-is-higher", replacement="? 10 :")]
    digests = [mutate_contracts.digest(each, tmp_path) for each in entries]
    killed, survived = (
        {"outcome": outcome, "digest": digest}
        for outcome, digest in zip(("killed", "survived"), digests, strict=True)
    )

    def state(known: dict[str, Any]) -> dict[str, int]:
        counts: dict[str, int] = mutate_contracts.state(entries, tmp_path, known)
        return counts

    assert state({}) == {"due": 2}
    assert state({"cap-is-lower": killed}) == {"killed": 1, "due": 1}
    both = {"cap-is-lower": killed, "cap-is-higher": survived}
    assert state(both) == {"killed": 1, "survived": 1}
    assert state({**both, "cap-is-higher": killed}) == {"killed": 1, "due": 1}
    path.write_text(TEST + "// changed\n")
    assert state(both) == {"due": 2}


def test_the_state_of_the_project_is_told(
    mutate_contracts: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mutations = mutate_contracts.MUTATIONS
    known = mutate_contracts.outcomes_in(mutate_contracts.RESULTS)
    standing = [
        each
        for each in mutations
        if known.get(each.name, {}).get("digest") == mutate_contracts.digest(each, CHECKOUT)
    ]
    assert mutate_contracts.unexplained(standing, known) == []
    survived = sum(bool(each.explained) for each in standing)
    monkeypatch.setattr("sys.argv", ["mutate_contracts.py", "--state"])
    assert mutate_contracts.main() == 0
    assert capsys.readouterr().out == (
        f"contracts: {len(mutations)} mutants, {len(standing) - survived} killed, {survived}"
        f" survived, 0 broken, {len(mutations) - len(standing)} due\n"
    )
