"""Gas per step and code sizes are a reviewed file: a change of either shows in the diff.

`elsewhere` in it is gas of a peer that is in no package, as it was measured elsewhere.
"""

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
CONTRACTS = (
    "ModelMarket",
    "Quotes",
    "MarketRules",
    "OracleCommittee",
    "ParticipantRegistry",
    "Challenges",
    "ModelLicence",
    "ConsentRegistry",
    "Ladder",
    "SealedBids",
    "Payouts",
    "Governance",
)
MAX_CODE_BYTES = 24_576  # EIP-170
ROOM = 650
BOUNDS = {
    ("trade of open accounts, native coin", "request to settled"): 650_000,
    ("repeated trade, native coin", "request to settled"): 650_000,
    ("repeated trade, token", "request to settled"): 650_000,
    ("more", "first failed attempt"): 75_000,
    ("more", "second"): 75_000,
    ("more", "third"): 75_000,
    ("more", "third signature in reportData"): 7_000,
    ("more", "third signature in reportAttempt"): 7_000,
    # no signature: a seal is opened, and one more account is paid, 5,000 for its slot alone
    ("more", "third signature in settle"): 12_500,
}
ELSEWHERE: dict[str, Any] = {
    "how": "gasUsed of whole transactions on Anvil 1.7.1 under Prague rules, with the compiler "
    "settings of its own repository; first: the payee's storage was zero",
    "ERC-8183 reference, create, budget, fund, submit, complete; one provider, one evaluator": {
        "first": 631_824,
        "repeated": 580_524,
    },
}

HOW_TO_UPDATE = (
    "gas or code size changed; if that was meant, run `make gas` and commit the snapshot"
)


def sizes() -> dict[str, dict[str, int]]:
    """Return the size of each contract's code, and what the limit leaves."""
    lengths = {name: len(load_artifact(name).deployed_bytecode) for name in CONTRACTS}
    return {
        name: {"bytes": length, "to spare": MAX_CODE_BYTES - length}
        for name, length in lengths.items()
    }


def test_gas_and_code_sizes_are_as_recorded() -> None:
    measured: dict[str, Any] = {
        "gas": measure(Node(QuickProvider())),
        "code": sizes(),
        "elsewhere": ELSEWHERE,
    }
    if os.environ.get(UPDATE):
        SNAPSHOT.write_text(json.dumps(measured, indent=2) + "\n")
    assert measured == json.loads(SNAPSHOT.read_text()), HOW_TO_UPDATE


@pytest.mark.parametrize(("group", "step"), BOUNDS)
def test_gas_stays_below_its_bound(group: str, step: str) -> None:
    assert json.loads(SNAPSHOT.read_text())["gas"][group][step] <= BOUNDS[group, step]


@pytest.mark.parametrize("contract", CONTRACTS)
def test_code_fits_what_a_chain_takes(contract: str) -> None:
    assert sizes()[contract]["to spare"] >= ROOM


def test_each_deployed_contract_is_weighed() -> None:
    gas = json.loads(SNAPSHOT.read_text())["gas"]["deployment"]
    deployed = {step.removeprefix("deploy ") for step in gas if step.startswith("deploy ")}
    by_the_market = {"Quotes"}
    assert deployed - {"DevToken"} | by_the_market == set(CONTRACTS)


@pytest.mark.anvil
def test_another_evm_uses_the_same_gas(anvil_url: str) -> None:
    assert measure(connect(anvil_url)) == json.loads(SNAPSHOT.read_text())["gas"]
