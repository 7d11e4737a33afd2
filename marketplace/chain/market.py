"""The marketplace contract as Python objects: calls, records and its log."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, TypeVar, cast

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from web3.contract import Contract
from web3.types import EventData, TxReceipt

from marketplace.chain.client import Node
from marketplace.protocol.agreement import (
    committee_digest,
    deal_of,
    gate_of,
    record_of,
    supplies_of,
)
from marketplace.protocol.attempts import attempt_proof, history_of
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import (
    NATIVE,
    AttemptFinding,
    AttemptRecord,
    Committee,
    DataFinding,
    Deal,
    Gate,
    ModelQuote,
    Request,
    Supply,
    Windows,
)
from marketplace.protocol.typed_data import Domain

S = TypeVar("S", bound=Struct)


@dataclass(frozen=True)
class Status:
    """What the market stores of a trade; times in seconds."""

    state: State
    attempts: int
    max_attempts: int
    signers: int
    deadline: int
    audited: bool
    approved: bool
    challenged: bool
    overturned: bool
    unjudged: bool
    windows: Windows

    @classmethod
    def unpacked(cls, word: int) -> Status:
        """Read what the market packs into one word (`contracts/src/types/Status.sol`)."""
        flags = word >> 80
        windows = (word >> 88 + 24 * place & 0xFFFFFF for place in range(len(fields(Windows))))
        return cls(
            state=State(word & 0xFF),
            attempts=word >> 8 & 0xFF,
            max_attempts=word >> 16 & 0xFF,
            signers=word >> 24 & 0xFFFF,
            deadline=word >> 40 & 0xFF_FFFF_FFFF,
            audited=bool(flags & 1),
            approved=bool(flags >> 1 & 1),
            challenged=bool(flags >> 2 & 1),
            overturned=bool(flags >> 3 & 1),
            unjudged=bool(flags >> 4 & 1),
            windows=Windows(*windows),
        )


@dataclass(frozen=True)
class ReportedAttempt:
    """One attempt as its report on chain tells it.

    Attributes
    ----------
    number
        From one.
    finding
        What all its signers shared.
    record
        Who signed, who said pass, and the sealed scores.
    signatures
        64 bytes each, in the order of the seats.
    """

    number: int
    finding: AttemptFinding
    record: AttemptRecord
    signatures: bytes

    @property
    def passed(self) -> bool:
        """Whether more than half of the signers found that the model passed."""
        return 2 * self.record.verdicts.bit_count() > self.record.signers.bit_count()


@dataclass(frozen=True)
class Agreement:
    """What the log says was agreed and reported in a trade so far."""

    request: Request
    quote: ModelQuote | None
    data: DataFinding | None
    attempts: tuple[ReportedAttempt, ...]

    @property
    def deal(self) -> Deal:
        """What the market keeps of the accepted quote."""
        return deal_of(self.request, self._accepted())

    @property
    def supplies(self) -> tuple[Supply, ...]:
        """The providers' parts of the deal."""
        return supplies_of(self._accepted())

    @property
    def gate(self) -> Gate:
        """The gate as the data report committed it."""
        if self.data is None:
            raise TradeRefused("the data has not been reported on", "wait for the data report")
        history = history_of([attempt.record for attempt in self.earlier_attempts])
        return gate_of(self.supplies, self.data, history)

    @property
    def earlier_attempts(self) -> tuple[ReportedAttempt, ...]:
        """The attempts that decided nothing, the first one first."""
        cap = self.request.max_attempts
        return tuple(a for a in self.attempts if not a.passed and a.number < cap)

    @property
    def last_attempt(self) -> ReportedAttempt:
        """The latest attempt; of a decided trade, the deciding one."""
        if not self.attempts:
            raise TradeRefused("no attempt has been reported", "wait for the attempt report")
        return self.attempts[-1]

    def proof_of(self, attempt: ReportedAttempt) -> tuple[Any, ...]:
        """Return what shows a contract that the trade has this attempt (`AttemptProof`)."""
        earlier, last = self.earlier_attempts, self.last_attempt
        deciding = None if last in earlier else (last.finding.amounts, last.record)
        records = [each.record for each in earlier]
        return attempt_proof(self.deal, self.gate, records, attempt.number, deciding)

    def _accepted(self) -> ModelQuote:
        if self.quote is None:
            raise TradeRefused("no quote has been accepted", "wait for the buyer")
        return self.quote


@dataclass(frozen=True)
class OpenChallenge:
    """What the arbiter keeps of a challenge until its ruling, in the order of its contract.

    Attributes
    ----------
    challenger
        Who gets the bond back if the verdict falls, or nobody rules.
    deadline
        Last second, since 1970, for the panel's ruling.
    bond
        In the smallest unit of the trade's currency.
    may_not_uphold, may_not_overturn
        Seats of the panel with an interest in such a ruling, as bitmaps.
    """

    challenger: str
    deadline: int
    bond: int
    may_not_uphold: int
    may_not_overturn: int


@dataclass(frozen=True)
class Rules:
    """What a request made now must name.

    Attributes
    ----------
    paused
        Whether new requests are refused.
    fee_bps, treasury
        The protocol fee in basis points, and who receives it.
    committee, panel
        Digests of those in office.
    """

    paused: bool
    fee_bps: int
    treasury: str
    committee: bytes
    panel: bytes


class Market:
    """A market contract and what it stands on, on one node."""

    def __init__(self, node: Node, address: str) -> None:
        self.node = node
        self.contract = node.contract("ModelMarket", address)
        self.address = str(self.contract.address)
        self.domain = Domain(node.chain_id, self.address)

    @cached_property
    def rules(self) -> Contract:
        """The contract that new requests are held against."""
        return self.node.contract("MarketRules", self.view("rules"))

    @cached_property
    def committee(self) -> Contract:
        """The contract of the oracle committee."""
        address = self.node.call(self.rules.functions.committee())
        return self.node.contract("OracleCommittee", address)

    @cached_property
    def panel(self) -> Contract:
        """The contract of the panel that decides challenges."""
        address = self.node.call(self.rules.functions.panel())
        return self.node.contract("OracleCommittee", address)

    @cached_property
    def registry(self) -> Contract:
        """The registry of participants."""
        return self.node.contract("ParticipantRegistry", self.view("registry"))

    @cached_property
    def challenges(self) -> Contract:
        """The arbiter."""
        return self.node.contract("Challenges", self.view("arbiter"))

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

    def status(self, trade_id: bytes) -> Status:
        """Read a trade's status; its state is NONE when the contract doesn't know it."""
        return Status.unpacked(int(self.view("statusOf", trade_id)))

    def agreement(self, trade_id: bytes) -> Agreement:
        """Read from the log what was agreed and reported in a trade.

        Raises
        ------
        TradeRefused
            If there is no such trade.
        """
        request, quote, data = None, None, None
        attempts = []
        for event in self.log(trade_id):
            said = event["args"]
            if event["event"] == "ModelRequested":
                request = struct_in(Request, said["request"])
            elif event["event"] == "QuoteAccepted":
                quote = struct_in(ModelQuote, said["quote"])
            elif event["event"] == "DataReported":
                data = struct_in(DataFinding, said["report"])
            elif event["event"] == "AttemptReported":
                attempts.append(attempt_in(said))
        if request is None:
            raise TradeRefused(
                f"there is no trade 0x{trade_id.hex()[:16]}…", "check the trade id and the market"
            )
        return Agreement(request, quote, data, tuple(attempts))

    def committee_of(self, digest: bytes) -> Committee:
        """Return the committee that a request names by its digest.

        Raises
        ------
        TradeRefused
            If no committee ever had it.
        """
        return self._appointed(self.committee, digest)

    def panel_of(self, digest: bytes) -> Committee:
        """Return the panel that a request names by its digest; raises as `committee_of`."""
        return self._appointed(self.panel, digest)

    def current_committee(self) -> Committee:
        """Return the committee that a request made now must name."""
        return struct_in(Committee, self.node.call(self.committee.functions.current()))

    def in_force(self) -> Rules:
        """Return the rules that a request made now must name."""
        paused, fee_bps, treasury, *_ = self.node.call(self.rules.functions.inForce())
        return Rules(
            paused,
            fee_bps,
            treasury,
            bytes(self.node.call(self.committee.functions.currentDigest())),
            bytes(self.node.call(self.panel.functions.currentDigest())),
        )

    def review_of(self, currency: str, budget: int) -> int:
        """Return the least review window, in seconds, for a budget in a currency's units."""
        return int(self.node.call(self.rules.functions.reviewOf(currency, budget)))

    def credit_of(self, account: str, currency: str = NATIVE) -> int:
        """Return what an account may withdraw, in wei."""
        return int(self.view("creditOf", account, currency))

    # --------------------------------------------------------------- registry

    def publish_encryption_key(self, account: LocalAccount, key: bytes) -> TxReceipt:
        """Publish an account's X25519 public key (32 bytes)."""
        return self.node.send(account, self.registry.functions.publishEncryptionKey(key))

    def encryption_key_of(self, account: str) -> bytes:
        """Return an account's published X25519 public key.

        Raises
        ------
        TradeRefused
            If it never published one.
        """
        question = self.registry.functions.encryptionKeyOf(to_checksum_address(account))
        key = bytes(self.node.call(question))
        if not any(key):
            raise TradeRefused(
                f"{account} has published no encryption key",
                "ask it to publish one in the participant registry",
            )
        return key

    # -------------------------------------------------------------------- log

    def decoded(self, receipt: TxReceipt) -> list[EventData]:
        """Return the market's own events of one transaction, in order."""
        return [
            event
            for log in receipt["logs"]
            if log["address"] == self.address
            and (event := _decoded(self.contract, log)) is not None
        ]

    def log(self, trade_id: bytes) -> list[EventData]:
        """Return all events of one trade, in order."""
        return self._events(self.contract, trade_id)

    def disputes(self, trade_id: bytes) -> list[EventData]:
        """Return what bonds, rulings, penalties and late openings did in a trade, in order."""
        return self._events(self.challenges, trade_id)

    def challenge_of(self, trade_id: bytes) -> OpenChallenge:
        """Return the open challenge of a trade; one by `NOBODY` where none is open."""
        return OpenChallenge(*self.node.call(self.challenges.functions.challengeOf(trade_id)))

    def trades(self, first: int = 0, last: int | None = None) -> list[bytes]:
        """Return the ids of all trades, or of those requested in some blocks, the oldest first."""
        event: Any = self.contract.events.ModelRequested
        question = {
            "address": self.contract.address,
            "topics": [event.topic],
            "fromBlock": hex(first),
            "toBlock": "latest" if last is None else hex(last),
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

    def _appointed(self, office: Contract, digest: bytes) -> Committee:
        version = 0
        while True:
            version += 1
            found = struct_in(Committee, self.node.call(office.functions.committee(version)))
            if not found.version:
                raise TradeRefused(
                    f"no committee has the digest 0x{digest.hex()[:16]}…",
                    "check that the request was made on this market",
                )
            if committee_digest(found) == digest:
                return found

    def _events(self, contract: Contract, trade_id: bytes) -> list[EventData]:
        question = {
            "address": contract.address,
            "topics": [None, "0x" + trade_id.hex()],
            "fromBlock": "earliest",
            "toBlock": "latest",
        }
        logs = self.node.logs(question)
        return [event for log in logs if (event := _decoded(contract, log)) is not None]


def struct_in(kind: type[S], value: Any) -> S:
    """Rebuild a struct from what web3 decoded."""
    return kind.from_values(_plain(value))


def attempt_in(said: Any) -> ReportedAttempt:
    """Read one AttemptReported event's arguments."""
    finding = struct_in(AttemptFinding, said["report"])
    number, seals = int(said["attempt"]), [bytes(seal) for seal in said["seals"]]
    record = record_of(number, finding, int(said["signers"]), int(said["verdicts"]), seals)
    return ReportedAttempt(number, finding, record, bytes(said["signatures"]))


def _decoded(contract: Contract, log: Any) -> EventData | None:
    topic = bytes(log["topics"][0]).hex() if log["topics"] else ""
    event: Any
    for event in cast(Any, contract.events):
        if event.topic.removeprefix("0x") == topic:
            decoded: EventData = event().process_log(log)
            return decoded
    return None


def _plain(value: Any) -> Any:
    """Turn web3's attribute dictionaries into plain ones."""
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return bytes(value) if isinstance(value, bytes) else value


def _abi_value(value: Any) -> Any:
    if isinstance(value, Struct):
        return value.as_tuple()
    if isinstance(value, list | tuple):
        return [_abi_value(item) for item in value]
    return value
