"""`Payouts` with a committee, an authority and a guardian; each test gets it as new."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deploying import TestContracts
from parties import PARTIES
from payouts_builder import Deployed, PayoutsBuilder, deploy_payouts
from quick_chain import QuickProvider
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE


@pytest.fixture(scope="module")
def deployed(request: pytest.FixtureRequest, node: Node) -> Deployed:
    artifacts = TestContracts(node, request.config.cache.mkdir("test-contracts"))
    return deploy_payouts(node, artifacts, PARTIES.stranger)


@pytest.fixture
def native_payouts(node: Node, deployed: Deployed) -> Iterator[PayoutsBuilder]:
    """In native coin, on a chain that forgets what the test does."""
    provider = node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        yield PayoutsBuilder(node, deployed.payouts)


@pytest.fixture(params=["native coin", "token"])
def payouts(
    request: pytest.FixtureRequest, native_payouts: PayoutsBuilder, deployed: Deployed
) -> PayoutsBuilder:
    """In native coin, then in a token of which the buyer has plenty."""
    if request.param == "native coin":
        assert native_payouts.currency == NATIVE
        return native_payouts
    buyer = PARTIES.buyer
    native_payouts.node.send(buyer, deployed.token.functions.mint(buyer.address, 10**30))
    return native_payouts.using(deployed.token)


@pytest.fixture
def contracts(request: pytest.FixtureRequest, node: Node) -> TestContracts:
    return TestContracts(node, request.config.cache.mkdir("test-contracts"))


@pytest.fixture
def in_office(deployed: Deployed) -> Contract:
    return deployed.in_office
