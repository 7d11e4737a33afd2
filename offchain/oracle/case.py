"""Everything an oracle signer needs to know of one trade, from the chain and storage alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_utils.address import to_checksum_address

from marketplace.chain.market import Market
from marketplace.protocol.documents import Specification
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.terms import DataQuote, ModelQuote, Request
from offchain.data import Dataset, Task, decode
from offchain.exchange import Exchange
from offchain.validation import Commitment, commit

SECRET_BYTES = 32


@dataclass(frozen=True, eq=False)
class Case:
    """One trade as a signer sees it.

    Attributes
    ----------
    trade_id
        32 bytes.
    request
        The frozen terms.
    committee_version
        Whose signatures count.
    task, specification
        What the buyer asks for.
    validation, commitment
        The buyer's rows, opened, and their commitment, which matches the chain's.
    """

    trade_id: bytes
    request: Request
    committee_version: int
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
        int(opened["committeeVersion"]),
        task,
        specification,
        validation,
        commitment,
    )


def accepted_quotes(market: Market, trade_id: bytes) -> tuple[DataQuote, ...]:
    """Return the data quotes that the buyer accepted, ascending by provider."""
    quote = market.event(trade_id, "QuoteAccepted")["quote"]
    return ModelQuote.from_values(_plain(quote)).data_quotes


def committed_gate(market: Market, trade_id: bytes) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the experts (checksummed, ascending) and weights (ppm) that the gate committed to."""
    event = market.event(trade_id, "GateCommitted")
    return (
        tuple(to_checksum_address(expert) for expert in event["experts"]),
        tuple(int(weight) for weight in event["weights"]),
    )


def _plain(value: Any) -> Any:
    """Turn web3's attribute dictionaries into plain ones."""
    if hasattr(value, "items"):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return bytes(value) if isinstance(value, bytes) else value
