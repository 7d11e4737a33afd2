"""The contracts around a market, and their logs read by the published interfaces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_utils.address import to_checksum_address
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.chain.market import Market
from marketplace.protocol.errors import ChainError, NoContract, TransactionReverted

MARKET, RULES, COMMITTEE, PANEL, CHALLENGES, REGISTRY = (
    "market",
    "rules",
    "committee",
    "panel",
    "challenges",
    "registry",
)


@dataclass(frozen=True)
class Event:
    """One event: which contract by its part, its name and arguments, and where it stands."""

    part: str
    name: str
    values: Mapping[str, Any]
    address: str
    block: int
    index: int
    transaction: str
    topics: str
    data: str
    timestamp: int

    def __getitem__(self, argument: str) -> Any:
        return self.values[argument]

    @property
    def trade(self) -> str:
        """Id of the trade that it belongs to as 0x-hex; empty if it belongs to none."""
        return hexadecimal(self.values["tradeId"]) if "tradeId" in self.values else ""


class Contracts:
    """What a market's log consists of.

    Parameters
    ----------
    node, market
        Where the market is; all else is found by asking it.

    Raises
    ------
    NoContract
        If there is no market at that address.
    """

    def __init__(self, node: Node, market: str) -> None:
        found = Market(node, market)
        self.market = found.address
        try:
            self._bound = {
                MARKET: found.contract,
                RULES: found.rules,
                COMMITTEE: found.committee,
                PANEL: found.panel,
            }
        except TransactionReverted as error:
            raise NoContract(
                f"there is no market at {found.address} on chain {node.chain_id}",
                "check the address, the endpoint, and whether the chain was restarted",
            ) from error
        challenges = _challenges(node, found)
        if challenges is not None:
            self._bound[CHALLENGES] = challenges
        registry = _registry(node, found)
        if registry is not None:
            self._bound[REGISTRY] = registry

    @cached_property
    def addresses(self) -> list[str]:
        """All their addresses, checksummed."""
        return [str(contract.address) for contract in self._bound.values()]

    @cached_property
    def _by_topic(self) -> dict[tuple[str, str], tuple[str, Any]]:
        found = {}
        for part, contract in self._bound.items():
            event: Any
            for event in contract.events:  # type: ignore[attr-defined]  # web3 makes them iterable
                topic = "0x" + event.topic.removeprefix("0x")
                found[str(contract.address), topic] = part, event
        return found

    def decode(self, log: Any, timestamp: int) -> Event:
        """Read a log of one of these contracts.

        Raises
        ------
        ChainError
            If it is none of their events.
        """
        address, topics = to_checksum_address(log["address"]), list(map(hexadecimal, log["topics"]))
        known = self._by_topic.get((address, topics[0] if topics else ""))
        if known is None:
            raise ChainError(
                f"log {log['logIndex']} of block {log['blockNumber']} is no event of the market",
                "check that the contracts at this address are those of this version",
            )
        part, event = known
        decoded = event().process_log(log)
        return Event(
            part,
            str(decoded["event"]),
            dict(decoded["args"]),
            address,
            int(log["blockNumber"]),
            int(log["logIndex"]),
            hexadecimal(log["transactionHash"]),
            "".join(topics),
            hexadecimal(log["data"]),
            timestamp,
        )


def hexadecimal(data: bytes) -> str:
    """Return bytes as 0x-hex."""
    return "0x" + bytes(data).hex()


def _challenges(node: Node, market: Market) -> Contract | None:
    """Return the arbiter, where it is the contract of challenges and no account."""
    try:
        contract = market.challenges
        asked = node.call(contract.functions.market())
    except (NoContract, TransactionReverted):
        return None
    return contract if asked == market.address else None


def _registry(node: Node, market: Market) -> Contract | None:
    """Return the registry of participants, where the market's rules name one that is such."""
    try:
        contract = market.registry
        node.call(contract.functions.delays())
    except (NoContract, TransactionReverted):
        return None
    return contract
