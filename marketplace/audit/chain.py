"""The chain at the block at which the audit looks at it, and the contracts around a market."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import is_address, to_checksum_address

from marketplace.audit.abi import Interface
from marketplace.audit.rpc import Header, Rpc
from marketplace.protocol.errors import ConfigurationError, NoContract
from marketplace.protocol.terms import NATIVE

_BALANCE_OF = bytes.fromhex("70a08231")  # selector of ERC-20's balanceOf(address)


@dataclass(frozen=True)
class Contracts:
    """Checksummed addresses; `challenges` is None where the arbiter is no such contract."""

    market: str
    rules: str
    committee: str
    panel: str
    challenges: str | None

    def interfaces(self) -> dict[str, Interface]:
        """Return the interface of each contract by its address."""
        found = {
            self.market: Interface("ModelMarket"),
            self.rules: Interface("MarketRules"),
            self.committee: Interface("OracleCommittee"),
            self.panel: Interface("OracleCommittee"),
        }
        return found | ({self.challenges: Interface("Challenges")} if self.challenges else {})


@dataclass(frozen=True)
class Chain:
    """A node, the contracts by address, and the block after which views are evaluated."""

    rpc: Rpc
    contracts: Contracts
    interfaces: Mapping[str, Interface]
    block: Header

    def view(self, contract: str, function: str, *arguments: Any) -> Any:
        """Evaluate a view of a contract; None if it refuses or answers something else."""
        return _view(self.rpc, self.interfaces[contract], contract, self.block, function, arguments)

    def balance(self, account: str, currency: str) -> int:
        """Return what an account holds, in wei; nothing, if the token doesn't say."""
        if currency == NATIVE:
            return self.rpc.balance(account, self.block.number)
        question = _BALANCE_OF + encode(["address"], [account])
        answer = self.rpc.call(currency, question, self.block.number) or b""
        return int.from_bytes(answer[:32], "big")


def open_chain(rpc: Rpc, market: str) -> Chain:
    """Find the contracts around a market by asking it.

    Raises
    ------
    ConfigurationError
        If `market` is no address.
    NoContract
        If there is no market at that address.
    """
    if not is_address(market):
        raise ConfigurationError(f"{market!r} is no address", "give the market's 0x address")
    address, block = to_checksum_address(market), rpc.header()

    def asked(kind: str, contract: str, function: str) -> Any:
        return _view(rpc, Interface(kind), contract, block, function, ())

    rules, arbiter = (asked("ModelMarket", address, name) for name in ("rules", "arbiter"))
    committee = asked("MarketRules", rules, "committee") if rules else None
    panel = asked("MarketRules", rules, "panel") if rules else None
    if arbiter is None or committee is None or panel is None:
        raise NoContract(
            f"there is no market at {address} on chain {rpc.chain_id()}",
            "check the address, the endpoint, and whether the chain was restarted",
        )
    is_challenges = asked("Challenges", arbiter, "market") == address
    contracts = Contracts(address, rules, committee, panel, arbiter if is_challenges else None)
    return Chain(rpc, contracts, contracts.interfaces(), block)


def _view(
    rpc: Rpc,
    interface: Interface,
    contract: str,
    block: Header,
    function: str,
    arguments: tuple[Any, ...],
) -> Any:
    answer = rpc.call(contract, interface.call_data(function, *arguments), block.number)
    try:
        return None if answer is None else interface.returned(function, answer)
    except ValueError:
        return None
