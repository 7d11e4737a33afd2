"""`docs/governance.md` says who can call what: no function is missing, and no role is wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from marketplace.chain.artifacts import CHECKOUT, Artifact, compile_contracts, load_artifact
from marketplace.chain.governance import GOVERNOR_DELAY, RULES, Role

PAGE = Path(__file__).parents[2] / "docs" / "governance.md"
PACKAGED_BASE = {"Governance": "@openzeppelin/contracts/access/manager/AccessManager.sol"}
GUARD = re.compile(r"\bfunction (\w+)\([^{};]*\b(?:restricted|onlyAuthorized)\b[^{};]*\{")
BASES = re.compile(r"\bcontract (\w+) is ([^{]+)\{")
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$")


class Entry(NamedTuple):
    """One line of a contract's table."""

    who: str
    delay: str

    @property
    def role(self) -> Role | None:
        word = re.match(r"\w+", self.who)
        return Role[word[0]] if word and word[0] in Role.__members__ else None


def page() -> dict[str, dict[str, Entry]]:
    """Read the tables: entries by contract and function."""
    tables: dict[str, dict[str, Entry]] = {}
    for section in PAGE.read_text().split("\n## ")[1:]:
        name, *lines = section.splitlines()
        rows = [match.groups() for line in lines if (match := ROW.match(line))]
        tables[name] = {function: Entry(who, delay) for function, who, delay in rows}
        assert len(tables[name]) == len(rows), f"a function of {name} stands in two rows"
    return tables


def deployable() -> dict[str, Artifact]:
    """Return the contracts that have functions of their own on a chain."""
    artifacts = {name: load_artifact(name) for name in compile_contracts()}
    return {
        name: artifact
        for name, artifact in artifacts.items()
        if artifact.bytecode and artifact.method_identifiers
    }


def changing(artifact: Artifact) -> set[str]:
    """Return the names of the functions that change something."""
    return {
        item["name"]
        for item in artifact.abi
        if item["type"] == "function" and item["stateMutability"] not in {"view", "pure"}
    }


def guarded(name: str) -> set[str]:
    """Return the functions behind an access check in a contract's source or in its bases'."""
    texts = {path.stem: path.read_text() for path in CHECKOUT.contracts.glob("src/**/*.sol")}
    if name in PACKAGED_BASE:
        path = CHECKOUT.contracts / "node_modules" / PACKAGED_BASE[name]
        texts["AccessManager"] = path.read_text()
    found: set[str] = set()
    waiting = [name]
    while waiting:
        text = texts.get(waiting.pop(), "")
        found |= set(GUARD.findall(text))
        for _, bases in BASES.findall(text):
            waiting += re.findall(r"\w+", bases)
    return found


@pytest.fixture(scope="module")
def tables() -> dict[str, dict[str, Entry]]:
    return page()


def test_each_contract_has_its_table_and_each_function_its_row(
    tables: dict[str, dict[str, Entry]],
) -> None:
    known = {name: changing(artifact) for name, artifact in deployable().items()}
    assert {name: set(rows) for name, rows in tables.items()} == known


def test_a_row_names_a_role_exactly_where_the_source_checks_one(
    tables: dict[str, dict[str, Entry]],
) -> None:
    for name, rows in tables.items():
        named = {function for function, entry in rows.items() if entry.role is not None}
        assert named == guarded(name), name


def test_the_roles_are_those_that_the_deployment_gives(
    tables: dict[str, dict[str, Entry]],
) -> None:
    given = {
        name: {function: entry.role for function, entry in rows.items() if entry.role is not None}
        for name, rows in tables.items()
        if name != "Governance"
    }
    assert {name: roles for name, roles in given.items() if roles} == RULES


def test_the_access_manager_is_administered_by_governors_or_nobody(
    tables: dict[str, dict[str, Entry]],
) -> None:
    for function in guarded("Governance"):
        entry = tables["Governance"][function]
        if function in {"grantRole", "revokeRole"}:
            assert entry.role is Role.GOVERNOR
        else:
            assert entry.who == "ADMIN: nobody"


def test_delays_are_those_of_the_roles(tables: dict[str, dict[str, Entry]]) -> None:
    days = f"{GOVERNOR_DELAY // 86_400} days"
    delays = {Role.GOVERNOR: days, Role.GUARDIAN: "none", Role.ADMIN: "—", None: "—"}
    for rows in tables.values():
        for function, entry in rows.items():
            assert entry.delay == delays[entry.role], function


def test_the_market_knows_no_role(tables: dict[str, dict[str, Entry]]) -> None:
    market = load_artifact("ModelMarket")
    assert guarded("ModelMarket") == set()
    assert not {"authority", "owner"} & {
        name.partition("(")[0] for name in market.method_identifiers
    }
    assert all(entry.role is None for entry in tables["ModelMarket"].values())
