"""Gas of peers, measured in this run and by the same means as ours, as a reviewed file.

The contracts come compiled from the peers' own npm packages; `peers/package.json` pins them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measured_human
import measured_iexec
import measured_ocean
import measured_openzeppelin
import measured_singularitynet
import measured_uniswap
import pytest
from peer_package import PACKAGES, Gas, version
from quick_chain import QuickProvider

from marketplace.chain.client import Node, connect

SNAPSHOT = Path(__file__).with_name("peers_snapshot.json")
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks" / "gas.md"
UPDATE = "MOEMARKET_UPDATE_GAS"
PEERS: dict[str, Callable[[Node], dict[str, Gas]]] = {
    module.PACKAGE: module.measure
    for module in (
        measured_uniswap,
        measured_openzeppelin,
        measured_human,
        measured_singularitynet,
        measured_ocean,
        measured_iexec,
    )
}

HOW_TO_UPDATE = "a peer's gas changed; if its version did, run `make gas` and commit the snapshot"


def measured(package: str, node: Node) -> dict[str, Any]:
    """Measure one peer, or skip if it isn't installed."""
    if not PACKAGES.is_dir():
        pytest.skip(f"no peers: run `npm ci --ignore-scripts` in {PACKAGES.parent}")
    return {"version": version(package), "gas": PEERS[package](node)}


def recorded(name: str = SNAPSHOT.name) -> dict[str, Any]:
    snapshot: dict[str, Any] = json.loads(SNAPSHOT.with_name(name).read_text())
    return snapshot


@pytest.mark.parametrize("package", PEERS)
def test_gas_is_as_recorded(package: str) -> None:
    found = measured(package, Node(QuickProvider()))
    if os.environ.get(UPDATE):
        known = (recorded() if SNAPSHOT.exists() else {}) | {package: found}
        ordered = {name: known[name] for name in PEERS if name in known}
        SNAPSHOT.write_text(json.dumps(ordered, indent=2) + "\n")
    assert found == recorded()[package], HOW_TO_UPDATE


@pytest.mark.anvil
@pytest.mark.parametrize("package", PEERS)
def test_another_evm_uses_the_same_gas(package: str, anvil_url: str) -> None:
    assert measured(package, connect(anvil_url)) == recorded()[package]


def test_each_peer_is_recorded() -> None:
    assert list(recorded()) == list(PEERS)


def test_a_whole_trade_costs_less_than_a_task_of_iexec() -> None:
    ours = recorded("snapshot.json")["gas"]
    theirs = recorded()[measured_iexec.PACKAGE]["gas"]
    for when in ("first", "repeated"):
        trade = ours[f"{when} trade, native coin"]["request to settled"]
        assert trade < min(task["match to finalized"] for task in theirs.values())


def test_a_claim_paid_out_costs_more_than_one_of_a_distributor_and_less_than_two() -> None:
    ours = recorded("payouts_snapshot.json")["gas"][f"token, {measured_uniswap.PAYEES:,} payees"]
    (theirs,) = recorded()[measured_uniswap.PACKAGE]["gas"].values()
    assert theirs["claim, first"] < ours["claimAndWithdraw, first"]
    assert ours["claimAndWithdraw, first"] < 2 * theirs["claim, paid before"]


def test_the_page_about_peers_has_the_recorded_gas() -> None:
    known = set(re.findall(r"\b\d{5,}\b", SNAPSHOT.read_text()))
    told = re.findall(r"\b\d{1,3}(?:,\d{3})+\b", PAGE.read_text())
    assert {figure.replace(",", "") for figure in told} - known == {str(measured_uniswap.PAYEES)}
