"""The chain at the block at which the audit looks at it, and the contracts around a market."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from eth_abi.abi import encode
from eth_utils.address import is_address, to_checksum_address

from marketplace.audit.abi import Interface
from marketplace.audit.blocks import Block
from marketplace.audit.report import COIN_DECIMALS
from marketplace.audit.rpc import Rpc
from marketplace.protocol.errors import ChainError, ConfigurationError, NoContract
from marketplace.protocol.terms import NATIVE

_BALANCE_OF = bytes.fromhex("70a08231")  # selector of ERC-20's balanceOf(address)
_DECIMALS = bytes.fromhex("313ce567")  # of its decimals()
_MOST_DECIMALS = 77  # an amount of 256 bits has as many digits


@dataclass(frozen=True)
class Contracts:
    """Checksummed addresses.

    `challenges` and `registry` are None where the market names no such contract, and `bids` and
    `payouts` if the auditor names none: the market doesn't know where tenders are held, nor who
    pays many.
    """

    market: str
    rules: str
    committee: str
    panel: str
    challenges: str | None
    registry: str | None
    bids: str | None = None
    payouts: str | None = None

    def title_of(self, address: str) -> str | None:
        """Return for people what is at an address; None if it is none of these contracts."""
        return self._titles.get(address)

    @cached_property
    def _titles(self) -> dict[str | None, str]:
        return {
            self.payouts: "payouts",
            self.bids: "tenders",
            self.registry: "registry",
            self.challenges: "challenges",
            self.panel: "panel",
            self.committee: "committee",
            self.market: "market",
        }

    def interfaces(self) -> dict[str, Interface]:
        """Return the interface of each contract by its address."""
        found = {
            self.market: Interface("ModelMarket"),
            self.rules: Interface("MarketRules"),
            self.committee: Interface("OracleCommittee"),
            self.panel: Interface("OracleCommittee"),
        }
        if self.challenges is not None:
            found[self.challenges] = Interface("Challenges")
        if self.registry is not None:
            found[self.registry] = Interface("ParticipantRegistry")
        if self.bids is not None:
            found[self.bids] = Interface("SealedBids")
        if self.payouts is not None:
            found[self.payouts] = Interface("Payouts")
        return found


@dataclass(frozen=True)
class Chain:
    """A node, the contracts by address, and the block after which views are evaluated.

    `answers` keeps what the node said of each view, by contract, function and arguments,
    `balances` what it said that accounts hold of the native coin, and `codes` their code. The
    proofs are held against all of it.
    """

    rpc: Rpc
    contracts: Contracts
    interfaces: Mapping[str, Interface]
    block: Block
    answers: dict[tuple[str, str, tuple[Any, ...]], Any] = field(default_factory=dict)
    balances: dict[str, int] = field(default_factory=dict)
    codes: dict[str, bytes] = field(default_factory=dict)

    def view(self, contract: str, function: str, *arguments: Any) -> Any:
        """Evaluate a view of a contract; None if it refuses or answers something else.

        What the constructor wrote into the code is read there. Any other answer is asked for once
        until it is proven, so that the one that is used is the one that a proof is held against.
        """
        interface, question = self.interfaces[contract], (contract, function, arguments)
        if interface.is_written(function) and (word := self.written(contract).get(function)):
            return interface.returned(function, word)
        if question not in self.answers:
            self.answers[question] = _view(
                self.rpc, interface, contract, self.block, function, arguments
            )
        return self.answers[question]

    def code(self, address: str) -> bytes:
        """Return the code at an address, which the node is asked for once.

        Raises
        ------
        ChainError
            If it doesn't tell, or an archived log is from before this was asked.
        """
        if address not in self.codes:
            self.codes[address] = self.rpc.code(address, self.block.number)
        return self.codes[address]

    def written(self, contract: str) -> dict[str, bytes]:
        """Return what a contract's constructor wrote into its code, by the immutables' names.

        Nothing, if the code is not this release's or the node doesn't tell it.
        """
        try:
            return self.interfaces[contract].written(self.code(contract)) or {}
        except ChainError:
            return {}

    def balance(self, account: str, currency: str, after: int | None = None) -> int:
        """Return what an account holds, in wei; nothing, if the token doesn't say.

        `after` is the height of another block at which to look.
        """
        height = self.block.number if after is None else after
        if currency == NATIVE:
            held = self.rpc.balance(account, height)
            if height == self.block.number:
                self.balances[account] = held
            return held
        question = _BALANCE_OF + encode(["address"], [account])
        answer = self.rpc.call(currency, question, height) or b""
        return int.from_bytes(answer[:32], "big")

    def decimals(self, currency: str) -> int | None:
        """Return by how many digits amounts are shifted for people; None if nobody says."""
        if currency == NATIVE:
            return COIN_DECIMALS
        try:
            answer = self.rpc.call(currency, _DECIMALS, self.block.number) or b""
        except ChainError:  # an archived log from before this was asked
            return None
        said = int.from_bytes(answer, "big")
        return said if len(answer) == 32 and said <= _MOST_DECIMALS else None


def open_chain(
    rpc: Rpc,
    market: str,
    anchor: bytes | None = None,
    bids: str | None = None,
    payouts: str | None = None,
) -> Chain:
    """Find the contracts around a market by asking it.

    Parameters
    ----------
    anchor
        Hash of the block at which to look at the chain. The newest without one, and if the
        node knows no such block: the check of the anchor says so.
    bids, payouts
        Addresses of the contracts of tenders and of payouts, if their logs are to be read too.

    Raises
    ------
    ChainError
        If the node has no block.
    ConfigurationError
        If `market`, `bids` or `payouts` is no address.
    NoContract
        If there is no market at that address, or no such contract at another one.
    """
    if not is_address(market):
        raise ConfigurationError(f"{market!r} is no address", "give the market's 0x address")
    address = to_checksum_address(market)
    block = (rpc.block(anchor) if anchor is not None else None) or rpc.block()
    if block is None:
        raise ChainError("the node has no newest block", "wait until it has some")

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
    registry = asked("ModelMarket", address, "registry")
    if registry is not None and asked("ParticipantRegistry", registry, "delays") is None:
        registry = None
    contracts = Contracts(
        market=address,
        rules=rules,
        committee=committee,
        panel=panel,
        challenges=arbiter if is_challenges else None,
        registry=registry,
        bids=None if bids is None else _named(bids, "SealedBids", "treasury", "tenders", asked),
        payouts=None
        if payouts is None
        else _named(payouts, "Payouts", "activationDelay", "payouts", asked),
    )
    return Chain(rpc, contracts, contracts.interfaces(), block)


def _named(
    given: str, kind: str, function: str, what: str, asked: Callable[[str, str, str], Any]
) -> str:
    """Return where the auditor says that a contract is, once it answers to a function of its."""
    if not is_address(given):
        raise ConfigurationError(f"{given!r} is no address", f"give the 0x address of the {what}")
    address = to_checksum_address(given)
    if asked(kind, address, function) is None:
        raise NoContract(
            f"there is no contract of {what} at {address}", "check the address and the endpoint"
        )
    return address


def _view(
    rpc: Rpc,
    interface: Interface,
    contract: str,
    block: Block,
    function: str,
    arguments: tuple[Any, ...],
) -> Any:
    answer = rpc.call(contract, interface.call_data(function, *arguments), block.number)
    try:
        return None if answer is None else interface.returned(function, answer)
    except ValueError:
        return None
