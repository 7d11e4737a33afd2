"""Two trades on one chain, saved where the first has ended and the second is about to.

The second one's committee divides the experts' pool wrongly, which the contract can't see.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audit_chain import START, QuickChain, deployed
from audited_trade import AuditedTrade
from cast_of_trade import cast
from web3.types import RPCEndpoint

from marketplace.chain.client import Node
from marketplace.chain.devnet import DevnetProvider, open_devnet
from marketplace.chain.market import Market
from offchain.storage.disk import DiskStore


@dataclass(frozen=True)
class Scene:
    """Saved chains by what they end with, the market, and a folder with the evidence.

    Attributes
    ----------
    honest, dishonest
        Names of the two trades, 0x-hex.
    bids, payouts
        Addresses of the contracts of tenders and of payouts.
    """

    folder: Path
    address: str
    honest: str
    dishonest: str
    bids: str
    payouts: str

    def market(self, stage: str) -> Market:
        """Return the market on a copy of a chain: ``begun``, ``one ended`` or ``two ended``."""
        return Market(Node(Switched(self.folder, stage)), self.address)

    @property
    def store(self) -> DiskStore:
        return DiskStore(self.folder / "store")


class Switched(DevnetProvider):
    """A provider that can be switched to another stage of the chain."""

    def __init__(self, folder: Path, stage: str) -> None:
        self._folder = folder
        self.switch(stage)

    def switch(self, stage: str) -> None:
        """Answer as the chain of another stage from now on, of which all earlier are a part."""
        chain = open_devnet(self._folder / stage, create=False, now=lambda: START)
        super().__init__(chain)


def switch(market: Market, stage: str) -> None:
    """Let a market's chain come to another stage."""
    provider = market.node.web3.provider
    assert isinstance(provider, Switched)
    provider.switch(stage)


def mine(market: Market, blocks: int, later: int = 0) -> None:
    """Append empty blocks, the first of them `later` seconds later than it would be."""
    provider = market.node.web3.provider
    provider.make_request(RPCEndpoint("evm_increaseTime"), [later])
    provider.make_request(RPCEndpoint("evm_mine"), [{"blocks": blocks}])


def play(folder: Path) -> Scene:
    parties, chain = cast(), QuickChain()
    store = DiskStore(folder / "store")
    node, deployment = deployed(chain, parties)
    market = Market(node, deployment.market)
    honest = AuditedTrade(market, store, parties)
    honest.to_passed()
    chain.devnet.save(folder / "begun")
    honest.finish()
    chain.devnet.save(folder / "one ended")
    dishonest = AuditedTrade(market, store, parties, salt="dishonest")
    dishonest.to_gate()
    dishonest.attempt(amounts=lambda amounts: [amounts[0] + 1, amounts[1] - 1, *amounts[2:]])
    dishonest.finish()
    chain.devnet.save(folder / "two ended")
    named = honest.name, dishonest.name, deployment.bids, deployment.payouts
    return Scene(folder, deployment.market, *named)
