"""Two trades with every kind of event that an index folds, and chains that go on from there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from audit_chain import START, TERMS, QuickChain, deployed, make_stakes_good
from audited_trade import AuditedTrade
from cast_of_trade import Cast, cast
from web3.types import RPCEndpoint

from marketplace.chain.client import Node
from marketplace.chain.devnet import DevnetProvider, open_devnet
from marketplace.chain.market import Market
from marketplace.index.database import open_database
from marketplace.index.digest import digest
from marketplace.index.follow import Follower
from marketplace.index.store import Index
from offchain.storage.disk import DiskStore


@dataclass(frozen=True)
class Played:
    """A saved chain, its market, and the store of its trades."""

    file: Path
    market: str
    store: Path
    parties: Cast

    def node(self) -> Node:
        """Open a copy of the chain."""
        return Node(DevnetProvider(open_devnet(self.file, create=False, now=lambda: START)))


def play(folder: Path) -> Played:
    """Play a pass that is overturned after a failure, and one that is upheld and settled.

    A seal of the failed attempt is penalised; credits and awards are withdrawn; a part of a
    stake is on its way out, a rotation is cancelled and another scheduled. One more trade is
    declined, one ends because the committee is silent, one is running after a challenge that
    nobody ruled on.
    """
    parties, chain = cast(), QuickChain()
    store = DiskStore(folder / "store")
    node, deployment = deployed(chain, parties, replace(TERMS, rotation_delay=60))
    market = Market(node, deployment.market)
    overturned = AuditedTrade(market, store, parties)
    overturned.to_penalty_after_overturning()
    make_stakes_good(market, parties)
    upheld = AuditedTrade(market, store, parties, salt="upheld")
    upheld.to_passed()
    upheld.challenge()
    upheld.uphold()
    upheld.attest()
    upheld.finish()
    upheld.withdraw(parties.broker)
    overturned.send_challenges(
        parties.stranger, "withdrawCredit", upheld.request.currency, parties.stranger.address
    )
    declined = AuditedTrade(market, store, parties, salt="declined")
    declined.ask()
    declined.decline()
    silent = AuditedTrade(market, store, parties, salt="silent")
    silent.to_funded()
    silent.put_on_record(parties.providers[0])
    silent.lapse()
    silent.time_out_delivery()
    silent.penalise_silence()
    make_stakes_good(market, parties)
    running = AuditedTrade(market, store, parties, salt="running")
    running.to_passed()
    running.challenge()
    running.lapse()
    running.lapse_challenge()
    office = market.committee.functions
    node.send(parties.signers[0], office.requestUnstake(10**17))
    newcomers = sorted((parties.stranger, parties.buyer), key=lambda a: int(a.address, 16))
    for newcomer in newcomers:
        node.send(newcomer, office.stake(newcomer.address, 10**18), value=10**18)
    members = [newcomer.address for newcomer in newcomers]
    node.send(parties.admin, office.scheduleRotation(members, 2))
    node.send(parties.admin, office.cancelRotation())
    node.send(parties.admin, office.scheduleRotation(members, 2))
    file = folder / "chain"
    chain.devnet.save(file)
    return Played(file, deployment.market, folder / "store", parties)


def follow(node: Node, market: str, url: str) -> str:
    """Bring an index to the head; return its digest."""
    engine = open_database(url)
    try:
        Follower(node, market, Index(engine)).look()
        return digest(engine)
    finally:
        engine.dispose()


def mine(node: Node, blocks: int) -> None:
    """Append empty blocks."""
    _control(node, "evm_mine", {"blocks": blocks})


def snapshot(node: Node) -> object:
    """Remember the chain as it is."""
    return _control(node, "evm_snapshot")


def revert(node: Node, snapshot_id: object) -> None:
    """Go back to a remembered chain; what is mined from there is another branch."""
    assert _control(node, "evm_revert", snapshot_id)
    _control(node, "evm_increaseTime", 7)


def _control(node: Node, method: str, *parameters: object) -> object:
    answer = node.web3.provider.make_request(RPCEndpoint(method), parameters)
    assert "error" not in answer, answer["error"]
    return answer["result"]
