"""One trade as the log tells it: who did what, when, and where the money went.

These records hold what the events say, and nothing is believed because it stands here:
`marketplace.audit.checks` compares the parts with each other, with the evidence and
with the contract's storage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import Attempt, ModelQuote, Request


@dataclass(frozen=True)
class Terms:
    """What the market froze into a request: committee version, fee (basis points), treasury."""

    committee_version: int
    fee_bps: int
    treasury: str


@dataclass(frozen=True)
class Acceptance:
    """The buyer's acceptance of a quote, in a block of the given height."""

    quote: ModelQuote
    price: int
    broker_signature: bytes
    provider_signatures: tuple[bytes, ...]
    block: int

    @property
    def components(self) -> int:
        """The price without the protocol fee, in wei."""
        quote = self.quote
        fees = quote.broker_fee + quote.auditor_fee + quote.oracle_fee
        return sum(offer.price for offer in quote.data_quotes) + quote.expert_pool + fees


@dataclass(frozen=True)
class DataReport:
    """The committee's report on the data; bit i of `accepted` belongs to data quote i."""

    accepted: int
    evidence: bytes
    signatures: tuple[bytes, ...]


@dataclass(frozen=True)
class GateReport:
    """The committee's report on the gate; weights in parts per million."""

    experts: tuple[str, ...]
    weights: tuple[int, ...]
    evidence: bytes
    signatures: tuple[bytes, ...]


@dataclass(frozen=True)
class ReportedAttempt:
    """The committee's report on one validation attempt."""

    number: int
    report: Attempt
    seals: tuple[bytes, ...]
    signatures: tuple[bytes, ...]


@dataclass(frozen=True)
class Opened:
    """Scores (parts per million) that were revealed; a zero salt stays closed."""

    attempt: int
    signers: tuple[str, ...]
    scores: tuple[int, ...]
    salts: tuple[bytes, ...]


@dataclass(frozen=True)
class Settlement:
    """The division of the expert pool in wei; without signatures, by the gate's weights."""

    experts: tuple[str, ...]
    amounts: tuple[int, ...]
    evidence: bytes
    signatures: tuple[bytes, ...]

    @property
    def by_gate(self) -> bool:
        """Whether anyone settled it because the committee fell silent."""
        return not self.signatures and not any(self.evidence)


@dataclass(frozen=True)
class Attested:
    """What the auditor put on chain."""

    auditor: str
    report: bytes
    approved: bool


@dataclass(frozen=True)
class Payment:
    """Wei that came into the trade's escrow or left it."""

    account: str
    currency: str
    amount: int
    transaction: bytes


@dataclass(frozen=True)
class Credit(Payment):
    """Wei that left the escrow for an account, and why."""

    purpose: Purpose


@dataclass
class Trade:
    """Everything that the log says about one trade.

    Attributes
    ----------
    terms, in_force
        What the request's event says, and what the events before it put in force.
    state, deadline
        Where the replay puts the trade; the deadline is in seconds since 1970.
    step
        Name and transaction of the last step: money moves in a step's own transaction.
    disorder
        Sentences about events that came out of order or out of time.
    """

    id: bytes
    buyer: str
    broker: str
    request: Request
    terms: Terms
    in_force: Terms
    state: State
    deadline: int
    step: tuple[str, bytes]
    data_need: bytes | None = None
    acceptance: Acceptance | None = None
    data: DataReport | None = None
    gate: GateReport | None = None
    attempts: list[ReportedAttempt] = field(default_factory=list)
    openings: list[Opened] = field(default_factory=list)
    attestations: list[Attested] = field(default_factory=list)
    settlement: Settlement | None = None
    locked: list[Payment] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    refunds: list[Payment] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The id as 0x-hex, as documents write it."""
        return "0x" + self.id.hex()

    @property
    def ended(self) -> bool:
        """Whether the trade has reached a final state."""
        return self.state.final

    @property
    def attested(self) -> bool:
        """Whether the auditor attested, which earns its fee."""
        return bool(self.attestations)

    @property
    def escrow(self) -> int:
        """Wei locked and neither credited nor refunded yet; below zero if too much left."""
        return _total(self.locked) - _total(self.credits) - _total(self.refunds)

    @property
    def accepted_rows(self) -> int:
        """Rows of the datasets that the committee accepted."""
        return sum(
            quote.rows
            for i, quote in enumerate(self.acceptance.quote.data_quotes if self.acceptance else ())
            if self.data is not None and self.data.accepted >> i & 1
        )

    @property
    def passed(self) -> ReportedAttempt | None:
        """The attempt that passed, if one did."""
        return next((attempt for attempt in self.attempts if attempt.report.passed), None)

    def credited(self, *purposes: Purpose) -> list[Credit]:
        """Return the credits for some purposes, in the order of the log."""
        return [credit for credit in self.credits if credit.purpose in purposes]


def _total(payments: Iterable[Payment]) -> int:
    return sum(payment.amount for payment in payments)
