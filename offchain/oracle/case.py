"""Everything an oracle signer needs to know of one trade, from the chain and storage alone."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.chain.market import Market, ReportedAttempt, Status, struct_in
from marketplace.protocol.documents import Specification
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.ids import seed_of
from marketplace.protocol.states import State
from marketplace.protocol.terms import NOBODY, Committee, DataQuote, ModelQuote, Request
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
    committee
        Whose signatures count, by seat, and how many are needed.
    task, specification
        What the buyer asks for.
    validation, commitment
        The buyer's rows, opened, and their commitment, which matches the chain's.
    """

    trade_id: bytes
    request: Request
    committee: Committee
    task: Task
    specification: Specification
    validation: Dataset
    commitment: Commitment

    @property
    def seed(self) -> int:
        """The trade's seed for everything random."""
        return seed_of(self.trade_id)

    @property
    def name(self) -> str:
        """The trade id as 0x-hex, as documents write it."""
        return "0x" + self.trade_id.hex()

    @property
    def members(self) -> tuple[str, ...]:
        """The committee's accounts, checksummed; a member's position is its seat."""
        return self.committee.members

    @property
    def evidence_readers(self) -> tuple[str, ...]:
        """Accounts that may open the evidence of an attempt while another one may follow."""
        audited = self.specification.auditor_reads and self.request.auditor != NOBODY
        return (*self.members, self.request.auditor) if audited else self.members


def open_case(market: Market, exchange: Exchange, trade_id: bytes) -> Case:
    """Read the request, open the validation set and hold it against its commitment.

    Raises
    ------
    TradeRefused
        If the rows are not those that the buyer committed to.
    EnvelopeError, StorageError, DataError
        If they can't be opened or read.
    """
    request = market.agreement(trade_id).request
    committee = market.committee_of(request.committee)
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
    return Case(trade_id, request, committee, task, specification, validation, commitment)


def require_due(market: Market, trade_id: bytes, state: State) -> Status:
    """Return the trade's status if a report is due in this state.

    Raises
    ------
    TradeRefused
        If the trade is in another state, or its time in this one is over.
    """
    status = market.status(trade_id)
    if status.state != state:
        raise TradeRefused(
            f"the trade is {status.state.name}, and this step belongs to {state.name}",
            "look at the trade's state before the next step",
        )
    if state < State.PASSED and market.node.now() > status.deadline:
        raise TradeRefused(
            f"the time for this step was over at {status.deadline}",
            "end the trade with a timeout; it pays or refunds",
        )
    return status


def require_decided(market: Market, trade_id: bytes) -> Status:
    """Return the trade's status if no attempt can follow any more.

    Raises
    ------
    TradeRefused
        If one can: what is revealed now would help it.
    """
    status = market.status(trade_id)
    if status.state < State.PASSED:
        raise TradeRefused(
            f"the trade is {status.state.name}, and an attempt may follow",
            "reveal nothing before the last verdict",
        )
    return status


def accepted_quotes(market: Market, trade_id: bytes) -> tuple[DataQuote, ...]:
    """Return the data quotes that the buyer accepted, ascending by provider."""
    return struct_in(ModelQuote, market.event(trade_id, "QuoteAccepted")["quote"]).data_quotes


def passed_attempt(market: Market, trade_id: bytes) -> ReportedAttempt:
    """Return the attempt that passed.

    Raises
    ------
    TradeRefused
        If none did.
    """
    for attempt in market.agreement(trade_id).attempts:
        if attempt.passed:
            return attempt
    raise TradeRefused("no attempt has passed", "wait for the next attempt")
