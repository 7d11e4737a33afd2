"""One chain for all tests of the contracts; each test gets it as it was at the start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for the modules beside this one

from deploying import TestContracts
from disputes import Court
from office import fresh_chain
from parties import PARTIES, fund
from quick_chain import QuickProvider
from trade_builder import TradeBuilder
from trade_terms import FEE_BPS, UNBONDING_DELAY

from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment, Terms, deploy
from marketplace.chain.market import Market
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI


@pytest.fixture(scope="session")
def node() -> Node:
    node = Node(QuickProvider())
    fund(node)
    return node


@pytest.fixture(scope="session")
def deployment(node: Node) -> Deployment:
    """Everything; its market is replaced by one whose arbiter is an account.

    So a test can dispute and rule as it likes; `test_challenges` has the real arbiter.
    """
    parties = PARTIES
    deployed = deploy(
        node,
        parties.admin,
        signers=[signer.address for signer in parties.signers],
        threshold=2,
        panel=[juror.address for juror in parties.jurors],
        panel_threshold=2,
        treasury=parties.treasury.address,
        terms=Terms(fee_bps=FEE_BPS, unbonding_delay=UNBONDING_DELAY),
        with_token=True,
    )
    stands_on = (deployed.rules, deployed.registry, parties.arbiter.address)
    market = node.deploy(parties.admin, "ModelMarket", *stands_on)
    return replace(deployed, market=str(market.address))


@pytest.fixture
def market(node: Node, deployment: Deployment) -> Iterator[Market]:
    """The market on a chain that forgets what the test does."""
    provider = node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        yield Market(node, deployment.market)


@pytest.fixture
def trade(market: Market) -> TradeBuilder:
    """A trade in native coin that nobody has asked for yet."""
    return TradeBuilder(market)


@pytest.fixture(params=["native coin", "token"])
def currency(request: pytest.FixtureRequest, market: Market, deployment: Deployment) -> str:
    """Native coin, then a token of which the buyer has plenty and allows the market all."""
    if request.param == "native coin":
        return NATIVE
    assert deployment.token is not None
    token = market.node.contract("DevToken", deployment.token)
    buyer = PARTIES.buyer
    market.node.send(buyer, token.functions.mint(buyer.address, 1_000 * WEI))
    market.node.send(buyer, token.functions.approve(market.address, 1_000 * WEI))
    return deployment.token


@pytest.fixture
def test_contracts(request: pytest.FixtureRequest, market: Market) -> TestContracts:
    """Deploys what lies in `contracts/test`, compiled once and kept in pytest's cache."""
    return TestContracts(market.node, request.config.cache.mkdir("test-contracts"))


@pytest.fixture(scope="module")
def staked_court(node: Node) -> Iterator[Court]:
    """A market with its challenges, every member's stake paid in."""
    with fresh_chain(node):
        court = Court.deploy(node)
        court.stake()
        yield court


@pytest.fixture
def court(staked_court: Court) -> Iterator[Court]:
    """The court on a chain that forgets what the test does."""
    provider = staked_court.node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        yield staked_court
