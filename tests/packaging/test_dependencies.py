"""What is imported is declared, what is declared is used, and each version is pinned."""

from __future__ import annotations

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
EXTRAS = {
    name: [Requirement(line) for line in lines]
    for name, lines in PROJECT["optional-dependencies"].items()
}
BASE = [Requirement(line) for line in PROJECT["dependencies"]]

# Declared for a reason other than an import of ours: eth-keys takes coincurve up, for speed,
# and SQLAlchemy takes up psycopg where a URL names PostgreSQL.
NOT_IMPORTED = {"coincurve", "psycopg"}


def closure(extra: str) -> dict[str, Requirement]:
    """Collect what an extra brings, through the extras that it names in turn."""
    found: dict[str, Requirement] = {}
    for requirement in EXTRAS[extra]:
        if requirement.name == "moemarket":
            for inner in requirement.extras:
                found |= closure(inner)
        else:
            found[canonicalize_name(requirement.name)] = requirement
    return found


RUNTIME = {canonicalize_name(line.name): line for line in BASE} | closure("all")
DECLARED = RUNTIME | closure("dev")


def imported_distributions(folder: str) -> dict[str, set[str]]:
    """Map each distribution that a folder's files import to those files."""
    providers = packages_distributions()
    paths = sorted((CHECKOUT / folder).rglob("*.py"))
    ours = {"marketplace", "offchain", "tests"}
    ours |= {name for path in paths for name in (path.stem, path.parent.name)}
    users: dict[str, set[str]] = {}
    for path in paths:
        for top in top_level_imports(path) - ours - sys.stdlib_module_names:
            for provider in providers.get(top, [top]):
                where = users.setdefault(canonicalize_name(provider), set())
                where.add(path.relative_to(CHECKOUT).as_posix())
    return users


def top_level_imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


IMPORTED = imported_distributions("marketplace") | imported_distributions("offchain")


def test_every_import_is_declared() -> None:
    assert {name: users for name, users in IMPORTED.items() if name not in RUNTIME} == {}


def test_every_import_of_the_tests_is_declared() -> None:
    imported = imported_distributions("tests")
    assert {name: users for name, users in imported.items() if name not in DECLARED} == {}


def test_every_declared_package_is_used() -> None:
    assert RUNTIME.keys() - IMPORTED.keys() == NOT_IMPORTED


@pytest.mark.parametrize(
    "name",
    ["web3", "py-solc-x", "eth-tester", "fastapi", "torch", "ipfshttpclient", "pytest"],
)
def test_the_project_stands_on(name: str) -> None:
    assert name in DECLARED


def test_eth_tester_comes_with_its_machine() -> None:
    assert DECLARED["eth-tester"].extras == {"py-evm"}


@pytest.mark.parametrize("heavy", ["fastapi", "lightgbm", "scikit-learn", "torch", "uvicorn"])
def test_an_auditor_installs_without(heavy: str) -> None:
    assert heavy not in {canonicalize_name(line.name) for line in BASE}


def test_a_compute_node_installs_without_a_web_server() -> None:
    assert not closure("oracle").keys() & {"fastapi", "uvicorn"}


def pinned_versions() -> dict[str, str]:
    lines = (CHECKOUT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    matches = [re.fullmatch(r"([\w.-]+)==([\w.]+)", pin) for pin in pins]
    # A local suffix such as "+cpu" would be refused: an index need not have that build.
    assert None not in matches, [pin for pin, match in zip(pins, matches, strict=True) if not match]
    return {canonicalize_name(match[1]): match[2] for match in matches if match}


def test_every_declared_package_is_pinned_within_its_range() -> None:
    pins = pinned_versions()
    for name, requirement in DECLARED.items():
        assert name in pins, f"{name} is not in constraints.txt"
        assert requirement.specifier.contains(Version(pins[name]), prereleases=True), name


def test_pins_are_what_the_tests_run_with() -> None:
    from importlib.metadata import version

    pins = pinned_versions()
    differing = {
        name: version(name) for name in DECLARED if Version(version(name)).public != pins[name]
    }
    assert differing == {}


def test_npm_lock_lists_every_platform() -> None:
    # npm leaves out what its registry lacks, and then `npm ci` refuses the lock.
    lock = json.loads((CHECKOUT / "contracts" / "package-lock.json").read_text())["packages"]
    wanted = {name for entry in lock.values() for name in entry.get("optionalDependencies", {})}
    assert wanted
    assert {name for name in wanted if f"node_modules/{name}" not in lock} == set()
