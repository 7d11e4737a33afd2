"""`SealedBids` with a treasury; each test gets it as new."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deploying import TestContracts
from parties import PARTIES
from quick_chain import QuickProvider
from tender_builder import TenderBuilder
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE


@pytest.fixture(scope="module")
def deployed(node: Node) -> tuple[str, str]:
    """One contract with a treasury, and one without."""
    addresses = [
        node.deploy(PARTIES.stranger, "SealedBids", treasury).address
        for treasury in (PARTIES.treasury.address, NATIVE)
    ]
    TenderBuilder(node, node.contract("SealedBids", addresses[0])).fund_bidders()
    return addresses[0], addresses[1]


@pytest.fixture
def bids(node: Node, deployed: tuple[str, str]) -> Iterator[Contract]:
    provider = node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        yield node.contract("SealedBids", deployed[0])


@pytest.fixture
def tender(node: Node, bids: Contract) -> TenderBuilder:
    """A second-price tender that is open."""
    builder = TenderBuilder(node, bids)
    builder.open()
    return builder


@pytest.fixture
def artifacts(request: pytest.FixtureRequest, node: Node) -> TestContracts:
    return TestContracts(node, request.config.cache.mkdir("test-contracts"))
