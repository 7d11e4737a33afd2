"""Chains and stores for the audit: one settled trade for all, and a fresh market per test."""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from web3.types import RPCEndpoint

sys.path.insert(0, str(Path(__file__).parent))  # for the modules beside this one

from audit_chain import QuickChain, deployed
from audited_trade import UNSKILLED, AuditedTrade, Settled
from cast_of_trade import Cast, cast

from marketplace.audit.auditor import replayed
from marketplace.audit.trade import Trade
from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from offchain.storage.disk import DiskStore


@pytest.fixture(scope="session")
def parties() -> Cast:
    return cast()


@pytest.fixture(scope="session")
def _chain(parties: Cast) -> tuple[QuickChain, Node, Deployment]:
    chain = QuickChain()
    return chain, *deployed(chain, parties)


@pytest.fixture
def deployment(_chain: tuple[QuickChain, Node, Deployment]) -> Deployment:
    return _chain[2]


@pytest.fixture
def market(_chain: tuple[QuickChain, Node, Deployment]) -> Iterator[Market]:
    """A market on a chain that forgets what the test does."""
    chain, node, deployment = _chain
    at_the_start = chain.make_request(RPCEndpoint("evm_snapshot"), [])["result"]
    yield Market(node, deployment.market)
    chain.make_request(RPCEndpoint("evm_revert"), [at_the_start])


@pytest.fixture
def store(tmp_path: Path) -> DiskStore:
    return DiskStore(tmp_path / "store")


@pytest.fixture
def trade(market: Market, store: DiskStore, parties: Cast) -> AuditedTrade:
    """A trade that nobody has asked for yet."""
    return AuditedTrade(market, store, parties)


@pytest.fixture(scope="session")
def settled(parties: Cast, tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """For tests that only look: nothing may change this chain or store."""
    chain, store = QuickChain(), DiskStore(tmp_path_factory.mktemp("settled"))
    node, deployment = deployed(chain, parties)
    trade = AuditedTrade(Market(node, deployment.market), store, parties)
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.attempt()
    trade.attest()
    trade.finish()
    trade.withdraw(parties.providers[0])
    trade.withdraw(parties.broker)
    return Settled(trade, chain, store)


@pytest.fixture(scope="session")
def _honest(settled: Settled) -> Trade:
    (trade,) = replayed(settled.chain, settled.market).trades.values()
    return trade


@pytest.fixture
def honest(_honest: Trade) -> Trade:
    """Settled after a failed attempt and one that passed; the auditor approved."""
    return copy.deepcopy(_honest)
