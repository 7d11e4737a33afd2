"""The marketplace contract as Python objects: calls, records and its log."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from web3.types import EventData, TxReceipt

from marketplace.chain.client import Node
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import NATIVE, Windows
from marketplace.protocol.typed_data import Domain


@dataclass(frozen=True)
class Trade:
    """What the contract stores of a trade; amounts in wei, times in seconds."""

    buyer: str
    deadline: int
    state: State
    attempts: int
    max_attempts: int
    signers: int
    audited: bool
    broker: str
    threshold: int
    committee_version: int
    min_rows: int
    auditor: str
    fee_bps: int
    currency: str
    treasury: str
    windows: Windows
    validation_root: bytes
    budget: int
    escrow: int
    expert_pool: int
    broker_fee: int
    auditor_fee: int
    oracle_fee: int
    protocol_fee: int
    validation_rows: int
    data_quotes: bytes
    gate: bytes


class Market:
    """A market contract, its committee and its registry on one node."""

    def __init__(self, node: Node, address: str, registry: str | None = None) -> None:
        self.node = node
        self.contract = node.contract("ModelMarket", address)
        self.address = str(self.contract.address)
        self.domain = Domain(node.chain_id, self.address)
        self.committee = node.contract(
            "OracleCommittee", node.call(self.contract.functions.committee())
        )
        self._registry = registry

    # ------------------------------------------------------------------ calls

    def send(
        self,
        account: LocalAccount,
        function: str,
        *arguments: Any,
        value: int = 0,
        step: str | None = None,
    ) -> TxReceipt:
        """Call a function of the contract in a transaction; structs are passed as they are."""
        return self.node.send(account, self._bound(function, arguments), value=value, step=step)

    def view(self, function: str, *arguments: Any) -> Any:
        """Evaluate a view function of the contract."""
        return self.node.call(self._bound(function, arguments))

    def _bound(self, function: str, arguments: tuple[Any, ...]) -> Any:
        return self.contract.functions[function](*(_abi_value(value) for value in arguments))

    # ---------------------------------------------------------------- records

    def trade(self, trade_id: bytes) -> Trade:
        """Read a trade; its state is NONE when the contract doesn't know it."""
        trade = Trade(*self.view("tradeOf", trade_id))
        return replace(trade, state=State(trade.state), windows=Windows.from_values(trade.windows))

    def committee_of(self, version: int) -> tuple[list[str], int]:
        """Return members (ascending) and threshold of a committee version."""
        members, threshold = self.node.call(self.committee.functions.committee(version))
        return list(members), int(threshold)

    def current_committee(self) -> tuple[list[str], int]:
        """Return members and threshold of the committee that a request made now would get."""
        return self.committee_of(self.node.call(self.committee.functions.currentVersion()))

    def credit_of(self, account: str, currency: str = NATIVE) -> int:
        """Return what an account may withdraw, in wei."""
        return int(self.view("creditOf", account, currency))

    # --------------------------------------------------------------- registry

    def publish_encryption_key(self, account: LocalAccount, key: bytes) -> TxReceipt:
        """Publish an account's X25519 public key (32 bytes)."""
        return self.node.send(account, self._registered().functions.publishEncryptionKey(key))

    def encryption_key_of(self, account: str) -> bytes:
        """Return an account's published X25519 public key.

        Raises
        ------
        TradeRefused
            If it never published one.
        """
        key = bytes(
            self.node.call(
                self._registered().functions.encryptionKeyOf(to_checksum_address(account))
            )
        )
        if not any(key):
            raise TradeRefused(
                f"{account} has published no encryption key",
                "ask it to publish one in the participant registry",
            )
        return key

    def _registered(self) -> Any:
        if self._registry is None:
            raise TradeRefused(
                "the participant registry's address is unknown", "give the whole deployment"
            )
        return self.node.contract("ParticipantRegistry", self._registry)

    # -------------------------------------------------------------------- log

    def decoded(self, receipt: TxReceipt) -> list[EventData]:
        """Return the market's own events of one transaction, in order."""
        return [
            event
            for log in receipt["logs"]
            if log["address"] == self.address and (event := self._decode(log)) is not None
        ]

    def log(self, trade_id: bytes) -> list[EventData]:
        """Return all events of one trade, in order."""
        question = {
            "address": self.contract.address,
            "topics": [None, "0x" + trade_id.hex()],
            "fromBlock": "earliest",
            "toBlock": "latest",
        }
        logs = self.node.logs(question)
        return [event for log in logs if (event := self._decode(log)) is not None]

    def trades(self) -> list[bytes]:
        """Return the ids of all trades, the oldest first."""
        event: Any = self.contract.events.ModelRequested
        question = {
            "address": self.contract.address,
            "topics": [event.topic],
            "fromBlock": "earliest",
            "toBlock": "latest",
        }
        return [bytes(log["topics"][1]) for log in self.node.logs(question)]

    def event(self, trade_id: bytes, name: str) -> dict[str, Any]:
        """Return the arguments of the latest event of one name in a trade.

        Raises
        ------
        TradeRefused
            If the trade has no such event.
        """
        for event in reversed(self.log(trade_id)):
            if event["event"] == name:
                return dict(event["args"])
        raise TradeRefused(
            f"trade 0x{trade_id.hex()[:16]}… has no {name} event",
            "check the trade id, the market and how far the trade has come",
        )

    def _decode(self, log: Any) -> EventData | None:
        topic = bytes(log["topics"][0]).hex() if log["topics"] else ""
        event: Any
        for event in cast(Any, self.contract.events):
            if event.topic.removeprefix("0x") == topic:
                decoded: EventData = event().process_log(log)
                return decoded
        return None


def _abi_value(value: Any) -> Any:
    if isinstance(value, Struct):
        return value.as_tuple()
    if isinstance(value, list | tuple):
        return [_abi_value(item) for item in value]
    return value
