"""Gas of payouts to 10,000 payees, as a reviewed file, within what was promised."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from measured_payouts import measure
from quick_chain import QuickProvider

from marketplace.chain.artifacts import load_artifact
from marketplace.chain.client import Node, connect

SNAPSHOT = Path(__file__).with_name("payouts_snapshot.json")
UPDATE = "MOEMARKET_UPDATE_GAS"
CONTRACTS = ("Payouts", "SealedBids")
MAX_CODE_BYTES = 24_576  # EIP-170

HOW_TO_UPDATE = (
    "gas or code size changed; if that was meant, commit what this writes: "
    f"{UPDATE}=1 pytest -m slow tests/gas/test_payouts_snapshot.py"
)


@pytest.fixture(scope="module")
def artifacts(request: pytest.FixtureRequest) -> Path:
    return Path(request.config.cache.mkdir("test-contracts"))


def test_gas_and_code_sizes_are_as_recorded(artifacts: Path) -> None:
    measured: dict[str, Any] = {
        "gas": measure(Node(QuickProvider()), artifacts),
        "code bytes": {name: len(load_artifact(name).deployed_bytecode) for name in CONTRACTS},
    }
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(json.dumps(measured, indent=2) + "\n")
    assert measured == json.loads(SNAPSHOT.read_text()), HOW_TO_UPDATE


@pytest.mark.parametrize(
    ("step", "limit"),
    [
        ("claim, first", 60_000),
        ("claim, ten trades at once", 45_000),
        ("the same per trade", 6_000),
    ],
)
@pytest.mark.parametrize("currency", ["native coin", "token"])
def test_the_recorded_claims_cost_less_than_promised(currency: str, step: str, limit: int) -> None:
    recorded = json.loads(SNAPSHOT.read_text())["gas"][f"{currency}, 10,000 payees"]
    assert recorded[step] < limit


@pytest.mark.parametrize("contract", CONTRACTS)
def test_code_fits_with_room_to_spare(contract: str) -> None:
    assert len(load_artifact(contract).deployed_bytecode) <= MAX_CODE_BYTES // 2


@pytest.mark.slow
@pytest.mark.anvil
def test_another_evm_uses_the_same_gas(anvil_url: str, artifacts: Path) -> None:
    assert measure(connect(anvil_url), artifacts) == json.loads(SNAPSHOT.read_text())["gas"]
