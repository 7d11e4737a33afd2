"""Bytes of strangers are data: nothing in the packages calls what would run code in them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
SOURCES = sorted(
    path for package in ("marketplace", "offchain") for path in (CHECKOUT / package).rglob("*.py")
)
MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
LOADERS = {"torch.load", "torch.jit.load", "torch.package", "torch.hub", "pandas.read_pickle"}


def faults(source: str) -> list[str]:
    """List the lines of one file that could unpickle, whatever their imports are renamed to."""
    tree, names, found = ast.parse(source), {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
                found += [f"{node.lineno}: {alias.name}"] * _is_banned(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names[alias.asname or alias.name] = whole
                found += [f"{node.lineno}: {whole}"] * _is_banned(whole)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_banned(_dotted(node, names)):
            found.append(f"{node.lineno}: {_dotted(node, names)}")
        elif (
            isinstance(node, ast.keyword)
            and node.arg == "allow_pickle"
            and not (isinstance(node.value, ast.Constant) and node.value.value is False)
        ):
            found.append(f"{node.value.lineno}: allow_pickle")
    return found


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, names)}.{node.attr}"
    return names.get(node.id, node.id) if isinstance(node, ast.Name) else "?"


def _is_banned(name: str) -> bool:
    return name.partition(".")[0] in MODULES or any(
        name == loader or name.startswith(f"{loader}.") for loader in LOADERS
    )


@pytest.mark.parametrize("package", ["marketplace", "offchain"])
def test_nothing_unpickles(package: str) -> None:
    paths = [path for path in SOURCES if path.relative_to(CHECKOUT).parts[0] == package]
    assert paths
    assert {p.name: found for p in paths if (found := faults(p.read_text()))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib as j",
        "import torch as t\nt.load('x', weights_only=True)",
        "from torch import load",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "import numpy as np\nnp.load('x', allow_pickle=wish)",
        "def f():\n    import sklearn.externals, dill.source",
    ],
)
def test_what_unpickles_is_seen(source: str) -> None:
    assert faults(source)


def test_plain_loading_is_allowed() -> None:
    assert faults("import json, numpy as np\njson.load(f)\nnp.load(f, allow_pickle=False)") == []
