"""Gas per step and code sizes are a reviewed file: a change of either shows in the diff."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from measured_trade import measure
from quick_chain import QuickProvider

from marketplace.chain.artifacts import load_artifact
from marketplace.chain.client import Node, connect

SNAPSHOT = Path(__file__).with_name("snapshot.json")
UPDATE = "MOEMARKET_UPDATE_GAS"
CONTRACTS = ("ModelMarket", "OracleCommittee", "ParticipantRegistry")
MAX_CODE_BYTES = 24_576  # EIP-170

HOW_TO_UPDATE = (
    "gas or code size changed; if that was meant, run `make gas` and commit the snapshot"
)


def test_gas_and_code_sizes_are_as_recorded() -> None:
    measured: dict[str, Any] = {
        "gas": measure(Node(QuickProvider())),
        "code bytes": {name: len(load_artifact(name).deployed_bytecode) for name in CONTRACTS},
    }
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(json.dumps(measured, indent=2) + "\n")
    assert measured == json.loads(SNAPSHOT.read_text()), HOW_TO_UPDATE


@pytest.mark.parametrize("contract", CONTRACTS)
def test_code_fits_what_a_chain_takes(contract: str) -> None:
    assert len(load_artifact(contract).deployed_bytecode) <= MAX_CODE_BYTES


@pytest.mark.anvil
def test_another_evm_uses_the_same_gas(anvil_url: str) -> None:
    assert measure(connect(anvil_url)) == json.loads(SNAPSHOT.read_text())["gas"]
