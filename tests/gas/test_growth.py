"""No call costs more because there were more trades, participants or bids before it.

That nothing else can grow either, follows from the storage: `test_known_faults` shows that
no contract keeps a list there but the members of a committee.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_utils.crypto import keccak
from measured_trade import Gas, around, deploy_all, exits, fund_all, used, whole_trade
from parties import PARTIES
from quick_chain import QuickProvider
from trade_builder import TradeBuilder

from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.states import State

HERE = Path(__file__).parent
ZERO_BYTES = 300
"""Ids, times and signatures with more zero bytes in them cost so much less, in gas."""


@pytest.fixture
def deployment() -> tuple[Node, Deployment]:
    node = Node(QuickProvider())
    fund_all(node)
    return node, deploy_all(node)


def every_state(market: Market, name: str) -> None:
    """Bring one trade into each state but a dispute, and leave it there."""
    for state in set(State) - {State.DISPUTED}:
        TradeBuilder(market, salt=f"{name}: {state.name}").advance_to(state)


def test_every_step_and_exit_costs_the_same_in_a_crowd(
    deployment: tuple[Node, Deployment],
) -> None:
    node, deployed = deployment
    market = Market(node, deployed.market)
    every_state(market, "so that all accounts were written to before")

    def gas() -> Gas:
        provider = node.web3.provider
        assert isinstance(provider, QuickProvider)
        with provider.forgetting():
            trade = whole_trade(TradeBuilder(market, salt="one more"))
            return {**trade, **exits(market), **around(market, deployed)}

    alone = gas()
    for number in range(3):
        every_state(market, f"crowd {number}")
    crowded = gas()
    grown = {step: crowded[step] - spent for step, spent in alone.items()}
    assert {step: more for step, more in grown.items() if abs(more) >= ZERO_BYTES} == {}


def test_a_participant_costs_the_same_among_many(deployment: tuple[Node, Deployment]) -> None:
    node, deployed = deployment
    registry = node.contract("ParticipantRegistry", deployed.registry).functions
    founder, *others = PARTIES.everyone()
    content = keccak(b"a group")
    group = registry.groupIdOf(founder.address, content).call()
    node.send(founder, registry.foundGroup(content))
    joined = []
    for each in others:
        node.send(founder, registry.setInvitation(each.address, True))
        steps = (registry.publishMetadata(content), registry.joinGroup(group))
        joined.append([used(node.send(each, step)) for step in steps])
    assert len(joined) > 10
    for spent, first in zip(joined[-1], joined[0], strict=True):
        assert abs(spent - first) < ZERO_BYTES


def test_a_bid_costs_the_same_after_others() -> None:
    gas = json.loads((HERE / "sealed_bids_snapshot.json").read_text())
    assert gas["commit, sixth"] == gas["commit, first"]
    assert abs(gas["reveal, a better price"] - gas["reveal, first"]) < ZERO_BYTES


@pytest.mark.parametrize("currency", ["native coin", "token"])
def test_a_later_distribution_costs_no_more_than_the_first(currency: str) -> None:
    recorded = json.loads((HERE / "payouts_snapshot.json").read_text())["gas"]
    gas = recorded[f"{currency}, 10,000 payees"]
    for step in ("deposit", "propose 256 trees", "activate"):
        assert gas[f"{step}, later"] <= gas[f"{step}, first"]
