"""Trades are those of the audit's tests; a web server of this process receives the alerts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "audit"))

from audited_trade import AuditedTrade
from receiver import Receiver, receiving
from settling import Scene, play

__all__ = ["AuditedTrade"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return play(tmp_path_factory.mktemp("scene"))
