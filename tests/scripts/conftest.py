"""Loads what lies in `scripts`, which is no package."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def load(name: str) -> ModuleType:
    if str(SCRIPTS) not in sys.path:
        sys.path.insert(0, str(SCRIPTS))
    return importlib.import_module(name)


@pytest.fixture
def review_slither() -> ModuleType:
    return load("review_slither")


@pytest.fixture
def prove() -> ModuleType:
    return load("prove")


@pytest.fixture
def mutate_contracts() -> ModuleType:
    return load("mutate_contracts")


@pytest.fixture
def mutate_audit() -> ModuleType:
    return load("mutate_audit")


@pytest.fixture
def fetch_forge_std() -> ModuleType:
    return load("fetch_forge_std")


@pytest.fixture
def check_coverage() -> ModuleType:
    return load("check_coverage")
