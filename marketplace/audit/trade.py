"""One trade as the log tells it: who did what, when, and where the money went.

These records hold what the events say, and nothing is believed because it stands here:
`marketplace.audit.checks` compares the parts with each other, with the evidence and
with the contract's storage.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from marketplace.audit.digests import NOTHING, record_digest
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import (
    NOBODY,
    AttemptFinding,
    DataFinding,
    Deal,
    Gate,
    ModelQuote,
    Request,
    Supply,
)
from marketplace.protocol.units import BASIS_POINTS


@dataclass(frozen=True)
class InForce:
    """The rules of one moment: what a request made then must name.

    Attributes
    ----------
    committee, panel
        Digests of those in office; 32 zero bytes for none.
    fee_bps, treasury
        Protocol fee in basis points, and who receives it.
    base_review, review_shift
        The least review window: seconds, and one more for each 2**shift wei of budget.
    paused
        Whether requests were refused.
    """

    committee: bytes = NOTHING
    panel: bytes = NOTHING
    fee_bps: int = 0
    treasury: str = NOBODY
    base_review: int = 0
    review_shift: int = 0
    paused: bool = False

    def review_of(self, budget: int) -> int:
        """Return the least review window for a budget in wei, in seconds."""
        return self.base_review + (budget >> self.review_shift)


@dataclass(frozen=True)
class Acceptance:
    """The buyer's acceptance of a quote, in a block of the given height.

    The signatures are the broker's, then one of each provider.
    """

    quote: ModelQuote
    signatures: tuple[bytes, ...]
    block: int

    @property
    def components(self) -> int:
        """The price without the protocol fee, in wei."""
        quote = self.quote
        fees = quote.broker_fee + quote.auditor_fee + quote.oracle_fee
        return sum(offer.price for offer in quote.data_quotes) + quote.expert_pool + fees


@dataclass(frozen=True)
class DataReport:
    """The committee's report on data and gate; `dropped` is the price of what did not come."""

    finding: DataFinding
    dropped: int
    signers: int
    signatures: bytes
    transaction: bytes


@dataclass(frozen=True)
class ReportedAttempt:
    """The committee's report on one validation attempt; bit i of a bitmap is seat i."""

    number: int
    finding: AttemptFinding
    signers: int
    verdicts: int
    seals: tuple[bytes, ...]
    signatures: bytes

    @property
    def passed(self) -> bool:
        """Whether more than half of its signers found that the model passed."""
        return 2 * self.verdicts.bit_count() > self.signers.bit_count()

    @property
    def record(self) -> bytes:
        """Hash of what the attempt leaves behind."""
        finding = self.finding
        return record_digest(
            self.number, finding.model, finding.delivery, self.signers, self.verdicts, self.seals
        )


@dataclass(frozen=True)
class Opened:
    """Scores (parts per million) that were revealed, one for each seal; a zero salt is none."""

    attempt: int
    seats: int
    scores: tuple[int, ...]
    salts: tuple[bytes, ...]


@dataclass(frozen=True)
class Attested:
    """What the auditor put on chain, in a transaction in a block of the given height."""

    auditor: str
    report: bytes
    approved: bool
    transaction: bytes
    block: int


@dataclass(frozen=True)
class Delivered:
    """What somebody put on record: in which stage, one for data and two and more for training."""

    account: str
    stage: int


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
    in_force
        What the events before the request put in force.
    members
        Members of the committee that the request names, by seat; none if nobody was that.
    state, deadline
        Where the replay puts the trade; the deadline is in seconds since 1970.
    ended_from
        The state before the final one.
    digest
        What the contract should hold of the agreement, 32 bytes.
    step
        Name and transaction of the last step: some events belong to a step's transaction.
    signers
        Seats that signed any report, as a bitmap.
    challenged, rejected_before, overturned
        Whether it was disputed, had been rejected by then, and whether the verdict fell.
    unjudged
        Whether delivered work was to be paid because nobody judged it.
    disorder
        Sentences about events that came out of order or out of time.
    """

    id: bytes
    buyer: str
    broker: str
    request: Request
    in_force: InForce
    members: tuple[str, ...]
    state: State
    deadline: int
    step: tuple[str, bytes]
    ended_from: State | None = None
    digest: bytes = NOTHING
    signers: int = 0
    challenged: bool = False
    rejected_before: bool = False
    overturned: bool = False
    unjudged: bool = False
    acceptance: Acceptance | None = None
    data: DataReport | None = None
    attempts: list[ReportedAttempt] = field(default_factory=list)
    deliveries: list[Delivered] = field(default_factory=list)
    openings: list[Opened] = field(default_factory=list)
    attestations: list[Attested] = field(default_factory=list)
    locked: list[Payment] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    refunds: list[Payment] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The id as 0x-hex, as documents write it."""
        return "0x" + self.id.hex()

    # ------------------------------------------------------------- what was agreed

    @property
    def protocol_fee(self) -> int:
        """The protocol's part of the price, in wei."""
        parts = self.acceptance.components if self.acceptance else 0
        return parts * self.request.fee_bps // BASIS_POINTS

    @property
    def supplies(self) -> tuple[Supply, ...]:
        """The providers' parts of the deal, in the order of the quote."""
        offers = self.acceptance.quote.data_quotes if self.acceptance else ()
        return tuple(Supply(offer.provider, offer.rows, offer.price) for offer in offers)

    @property
    def deal(self) -> Deal | None:
        """What the market keeps of the accepted quote."""
        if self.acceptance is None:
            return None
        request, quote = self.request, self.acceptance.quote
        return Deal(
            buyer=request.buyer,
            broker=request.broker,
            auditor=request.auditor,
            treasury=request.treasury,
            currency=request.currency,
            threshold=request.threshold,
            min_rows=request.min_rows,
            approval_required=request.approval_required,
            expert_pool=quote.expert_pool,
            broker_fee=quote.broker_fee,
            auditor_fee=quote.auditor_fee,
            oracle_fee=quote.oracle_fee,
            protocol_fee=self.protocol_fee,
        )

    @property
    def accepted(self) -> tuple[Supply, ...]:
        """The supplies that were delivered as quoted, by the committee's report."""
        bits = self.data.finding.accepted if self.data else 0
        return tuple(supply for i, supply in enumerate(self.supplies) if bits >> i & 1)

    @property
    def enough_rows(self) -> bool:
        """Whether the accepted datasets hold as many rows as the buyer asked for at least."""
        return sum(supply.rows for supply in self.accepted) >= self.request.min_rows

    @property
    def gate(self) -> Gate | None:
        """What the data report left for later steps; None while there is none, or too few rows."""
        if self.data is None or not self.enough_rows:
            return None
        finding = self.data.finding
        return Gate(self.data.dropped, finding.experts, finding.weights)

    # ---------------------------------------------------------------- how it stands

    @property
    def ended(self) -> bool:
        """Whether the trade has reached a final state."""
        return self.state.final

    @property
    def standing(self) -> State:
        """The state, or the one from which the trade ended."""
        return self.ended_from or self.state

    @property
    def decided(self) -> bool:
        """Whether the last verdict is there."""
        return State.PASSED <= self.standing <= State.DISPUTED

    @property
    def public(self) -> bool:
        """Whether the evidence is due in public: no attempt can follow any more."""
        return self.decided or self.ended

    @property
    def deciding(self) -> ReportedAttempt | None:
        """The attempt whose verdict decided the trade."""
        return self.attempts[-1] if self.decided and self.attempts else None

    @property
    def passed(self) -> ReportedAttempt | None:
        """The attempt that passed, if one did."""
        return next((attempt for attempt in self.attempts if attempt.passed), None)

    @property
    def attested(self) -> bool:
        """Whether the auditor attested, which earns its fee."""
        return bool(self.attestations)

    @property
    def approved(self) -> bool:
        """Whether the auditor approved."""
        return any(attested.approved for attested in self.attestations[:1])

    def delivered(self, stage: int) -> set[str]:
        """Return who put its delivery on record in a stage."""
        return {delivery.account for delivery in self.deliveries if delivery.stage == stage}

    def opened(self, attempt: ReportedAttempt) -> dict[int, int]:
        """Return the scores of an attempt that were opened, by seat, as the log tells them."""
        found: dict[int, int] = {}
        for opened in self.openings:
            if opened.attempt == attempt.number:
                by_seat = zip(seats_in(attempt.signers), opened.scores, strict=False)
                found |= {seat: score for seat, score in by_seat if opened.seats >> seat & 1}
        return found

    @property
    def contradicted(self) -> bool:
        """Whether the median of the deciding attempt's opened scores contradicts the verdict.

        More than half of the signers must have opened; the lower median counts.
        """
        attempt = self.deciding
        if attempt is None:
            return False
        scores = self.opened(attempt).values()
        passing = sum(score >= self.request.threshold for score in scores)
        enough = 2 * len(scores) > attempt.signers.bit_count()
        return enough and (2 * passing > len(scores)) != attempt.passed

    @property
    def fell(self) -> bool:
        """Whether the verdict does not count: overturned, or contradicted by its own scores."""
        return self.overturned or self.contradicted

    # -------------------------------------------------------------------- the money

    @property
    def escrow(self) -> int:
        """Wei locked and neither credited nor refunded yet; below zero if too much left."""
        return total(self.locked) - total(self.credits) - total(self.refunds)

    def credited(self, *purposes: Purpose) -> list[Credit]:
        """Return the credits for some purposes, in the order of the log."""
        return [credit for credit in self.credits if credit.purpose in purposes]


def total(payments: Iterable[Payment]) -> int:
    """Return the sum of some payments in wei."""
    return sum(payment.amount for payment in payments)


def seats_in(bitmap: int) -> list[int]:
    """Return the seats in a bitmap, ascending."""
    return [seat for seat in range(bitmap.bit_length()) if bitmap >> seat & 1]
