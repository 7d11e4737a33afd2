"""Each test in Solidity stands in a ``.tree`` beside it, and each leaf there has its test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FORGE = Path(__file__).parents[2] / "contracts" / "test" / "forge"
TREES = sorted(FORGE.rglob("*.tree"))
_BRANCH = re.compile(r"^((?:[│ ] {3})*)[├└]── (.+)$")
_TEST = re.compile(r"function (?:test|testFuzz|invariant)_(\w+)\(")


def leaves(tree: str) -> list[str]:
    """Read the leaves of a tree and check its form: `when` branches, `it` ends."""
    _, *lines = tree.rstrip("\n").split("\n")
    matches = [_BRANCH.match(line) for line in lines]
    branches = []
    for line, match in zip(lines, matches, strict=True):
        assert match is not None, f"no branch: {line!r}"
        branches.append((len(match[1]) // 4, match[2]))
    found = []
    for number, (depth, text) in enumerate(branches):
        deeper = number + 1 < len(branches) and branches[number + 1][0] > depth
        assert text.startswith("when " if deeper else "it "), text
        if not deeper:
            found.append(text.removeprefix("it "))
    return found


def function_name(leaf: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", leaf))


def test_every_test_file_has_a_tree() -> None:
    tested = {path.name.removesuffix(".t.sol") for path in FORGE.rglob("*.t.sol")}
    assert tested
    assert tested == {path.stem for path in TREES}


@pytest.mark.parametrize("tree", TREES, ids=lambda path: path.stem)
def test_leaves_and_tests_are_the_same(tree: Path) -> None:
    source = tree.with_suffix(".t.sol").read_text()
    wanted = [function_name(leaf) for leaf in leaves(tree.read_text())]
    assert len(wanted) == len(set(wanted))
    assert wanted == _TEST.findall(source)
    assert f"contract {tree.read_text().partition(chr(10))[0]} is" in source


@pytest.mark.parametrize(
    "tree",
    ["T\n└── when it rains\n", "T\nit pours\n", "T\n├── it pours\n│   └── it rains\n"],
    ids=["branch without leaf", "no branch", "leaf with a branch"],
)
def test_a_malformed_tree_is_noticed(tree: str) -> None:
    with pytest.raises(AssertionError):
        leaves(tree)


@pytest.mark.parametrize("path", sorted(FORGE.rglob("*.sol")), ids=lambda path: path.name)
def test_a_refused_constructor_is_called_from_outside(path: Path) -> None:
    """Linked at run time, its revert ends the function that expects it.

    So `vm.expectRevert(…); new Contract(…);` passes whatever comes after it in the test.
    """
    after = re.findall(r"vm\.expect(?:Partial)?Revert\([^;]*;\s*([^;]*);", path.read_text())
    assert not [call for call in after if re.search(r"\bnew [A-Z]\w*[({]", call)]
