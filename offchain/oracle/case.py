"""Everything an oracle signer needs to know of one trade, from the chain and storage alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address

from marketplace.chain.market import Market, Trade
from marketplace.protocol.documents import Specification
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE, Attempt, DataQuote, ModelQuote, Request
from offchain.data import Dataset, Task, decode
from offchain.exchange import Exchange
from offchain.validation import Commitment, commit
from offchain.validation.commitment import SECRET_BYTES


@dataclass(frozen=True, eq=False)
class Case:
    """One trade as a signer sees it.

    Attributes
    ----------
    trade_id
        32 bytes.
    request
        The frozen terms.
    committee_version, members, quorum
        Whose signatures count, checksummed and ascending, and how many are needed.
    task, specification
        What the buyer asks for.
    validation, commitment
        The buyer's rows, opened, and their commitment, which matches the chain's.
    """

    trade_id: bytes
    request: Request
    committee_version: int
    members: tuple[str, ...]
    quorum: int
    task: Task
    specification: Specification
    validation: Dataset
    commitment: Commitment

    @property
    def seed(self) -> int:
        """The trade's seed for everything random; anyone can derive it from the id."""
        return int.from_bytes(self.trade_id[:4], "big")

    @property
    def name(self) -> str:
        """The trade id as 0x-hex, as documents write it."""
        return "0x" + self.trade_id.hex()

    @property
    def evidence_readers(self) -> tuple[str, ...]:
        """Accounts that may open the evidence of an attempt while the trade is open."""
        audited = self.specification.auditor_reads and self.request.auditor != NATIVE
        return (*self.members, self.request.auditor) if audited else self.members


@dataclass(frozen=True)
class ReportedAttempt:
    """One attempt as its report on chain tells it; seals and signatures ascend by signer."""

    number: int
    report: Attempt
    seals: tuple[bytes, ...]
    signatures: tuple[bytes, ...]


def open_case(market: Market, exchange: Exchange, trade_id: bytes) -> Case:
    """Read the request, open the validation set and hold it against its commitment.

    Raises
    ------
    TradeRefused
        If the rows are not those that the buyer committed to.
    EnvelopeError, StorageError, DataError
        If they can't be opened or read.
    """
    opened = market.event(trade_id, "ModelRequested")
    request = Request.from_values(_plain(opened["request"]))
    version = int(opened["committeeVersion"])
    members, quorum = market.committee_of(version)
    specification = exchange.read(Specification, request.spec)
    task = Task.from_json(specification.task)
    payload = exchange.unseal(specification.validation, request.buyer, "validation")
    validation = decode(payload[SECRET_BYTES:], task)
    commitment = commit(validation, payload[:SECRET_BYTES])
    if commitment.root != request.validation_root or len(validation) != request.validation_rows:
        raise TradeRefused(
            f"the validation set opens to root 0x{commitment.root.hex()[:16]}… over"
            f" {len(validation)} rows, not to what the request commits to",
            "let the trade time out; the buyer sent other rows than it committed to",
        )
    return Case(
        trade_id,
        request,
        version,
        tuple(members),
        quorum,
        task,
        specification,
        validation,
        commitment,
    )


def require_due(market: Market, trade_id: bytes, state: State) -> Trade:
    """Return the trade if a report is due in this state.

    Raises
    ------
    TradeRefused
        If the trade is in another state, or its time in this one is over.
    """
    trade = market.trade(trade_id)
    if trade.state != state:
        raise TradeRefused(
            f"the trade is {trade.state.name}, and this step belongs to {state.name}",
            "look at the trade's state before the next step",
        )
    if state < State.PASSED and market.node.now() > trade.deadline:
        raise TradeRefused(
            f"the time for this step was over at {trade.deadline}",
            "end the trade with a timeout; it pays or refunds",
        )
    return trade


def accepted_quotes(market: Market, trade_id: bytes) -> tuple[DataQuote, ...]:
    """Return the data quotes that the buyer accepted, ascending by provider."""
    quote = market.event(trade_id, "QuoteAccepted")["quote"]
    return ModelQuote.from_values(_plain(quote)).data_quotes


def committed_weights(market: Market, trade_id: bytes) -> dict[str, int]:
    """Return the gate's weights (ppm) on chain by expert, checksummed and ascending."""
    event = market.event(trade_id, "GateCommitted")
    return {
        to_checksum_address(expert): int(weight)
        for expert, weight in zip(event["experts"], event["weights"], strict=True)
    }


def reported_attempts(market: Market, trade_id: bytes) -> tuple[ReportedAttempt, ...]:
    """Return all attempts of a trade, the first one first."""
    return tuple(
        ReportedAttempt(
            int(event["args"]["attempt"]),
            Attempt.from_values(_plain(event["args"]["report"])),
            tuple(bytes(seal) for seal in event["args"]["seals"]),
            tuple(bytes(signature) for signature in event["args"]["signatures"]),
        )
        for event in market.log(trade_id)
        if event["event"] == "AttemptReported"
    )


def passed_attempt(market: Market, trade_id: bytes) -> ReportedAttempt:
    """Return the attempt that passed.

    Raises
    ------
    TradeRefused
        If none did.
    """
    for attempt in reported_attempts(market, trade_id):
        if attempt.report.passed:
            return attempt
    raise TradeRefused("no attempt has passed", "wait for the next attempt")


def _plain(value: Any) -> Any:
    """Turn web3's attribute dictionaries into plain ones."""
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return bytes(value) if isinstance(value, bytes) else value
