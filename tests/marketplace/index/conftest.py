"""A chain with two disputed trades, played once; each test gets a copy that it may change."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "audit"))

from databases import Databases, postgres_server
from played_chain import Played, play

from marketplace.chain.client import Node


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("played"))


@pytest.fixture
def node(played: Played) -> Node:
    """The end of the played chain, at which this test goes on."""
    return played.node()


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a PostgreSQL server of this session's own, as `Databases` takes it."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Databases:
    """Makes empty databases: in files, then in a real PostgreSQL."""
    if request.param == "sqlite":
        return Databases(f"sqlite:///{tmp_path}/@@")
    return Databases(request.getfixturevalue("postgres"))
