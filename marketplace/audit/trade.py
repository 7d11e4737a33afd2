"""One trade as the log tells it: who did what, when, and where the money went.

It holds what the events say, and nothing is believed because it stands here:
`marketplace.audit.checks` compares the parts with each other, with the evidence and
with the contract's storage.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from marketplace.audit.digests import NOTHING, history
from marketplace.audit.records import (
    Acceptance,
    Attested,
    Credit,
    DataReport,
    Delivered,
    Disputed,
    InForce,
    Opened,
    Payment,
    ReportedAttempt,
    Ruled,
)
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import NOBODY, Deal, Gate, Request, Supply
from marketplace.protocol.typed_data import struct_hash
from marketplace.protocol.units import BASIS_POINTS


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
    disputed, ruled
        When it was disputed, and how that ended.
    unjudged
        Whether delivered work was to be paid because nobody judged it.
    penalised_seals
        Seats of an attempt, as a bitmap, whose closed seals were penalised.
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
    disputed: Disputed | None = None
    ruled: Ruled | None = None
    unjudged: bool = False
    acceptance: Acceptance | None = None
    data: DataReport | None = None
    attempts: list[ReportedAttempt] = field(default_factory=list)
    deliveries: list[Delivered] = field(default_factory=list)
    openings: list[Opened] = field(default_factory=list)
    penalised_seals: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    attestations: list[Attested] = field(default_factory=list)
    locked: list[Payment] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    refunds: list[Payment] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The id as 0x-hex, as documents write it."""
        return "0x" + self.id.hex()

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """The accounts in each role that is filled so far."""
        request = self.request
        return {
            "buyer": (request.buyer,),
            "broker": (request.broker,),
            "auditor": () if request.auditor == NOBODY else (request.auditor,),
            "provider": tuple(supply.provider for supply in self.supplies),
            "expert": self.data.finding.experts if self.data else (),
            "judge": self.members,
        }

    # ------------------------------------------------------------- what was agreed

    @property
    def protocol_fee(self) -> int:
        """The protocol's part of the price, in wei."""
        parts = self.acceptance.components if self.acceptance else 0
        return parts * self.request.fee_bps // BASIS_POINTS

    @property
    def supplies(self) -> tuple[Supply, ...]:
        """The providers' parts of the deal, in the order of the quote."""
        return self.acceptance.supplies if self.acceptance else ()

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
            quote=struct_hash(quote),
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
        """What data report and earlier attempts left; None while there is none, or too few rows."""
        if self.data is None or not self.enough_rows:
            return None
        finding = self.data.finding
        tried = history([(attempt.finding.model, attempt.record) for attempt in self.earlier])
        return Gate(self.data.dropped, tried, finding.experts, finding.weights)

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
    def earlier(self) -> list[ReportedAttempt]:
        """The attempts that decided nothing."""
        cap = self.request.max_attempts
        return [each for n, each in enumerate(self.attempts, 1) if not each.passed and n < cap]

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

    @property
    def overturned(self) -> bool:
        """Whether a ruling overturned the verdict."""
        return self.ruled is not None and self.ruled.overturned

    def delivered(self, stage: int) -> set[str]:
        """Return who put its delivery on record in a stage."""
        return {delivery.account for delivery in self.deliveries if delivery.stage == stage}

    def recorded(self, attempt: ReportedAttempt) -> dict[str, bytes]:
        """Return what was put on record for an attempt, the last by account."""
        stage = attempt.number + 1
        return {each.account: each.commitment for each in self.deliveries if each.stage == stage}

    def trained_until(self, attempt: ReportedAttempt) -> int:
        """Return when the time to train for an attempt was over, in seconds since 1970."""
        begun = self.data.timestamp if self.data else 0
        for earlier in self.attempts:
            if earlier.number < attempt.number:
                begun = earlier.timestamp
        return begun + self.request.windows.training

    def opened(self, attempt: ReportedAttempt) -> dict[int, int]:
        """Return the scores of an attempt that were opened, by seat, as the log tells them."""
        found: dict[int, int] = {}
        for opened in self.openings:
            if opened.attempt == attempt.number:
                by_seat = zip(seats_in(attempt.signers), opened.scores, strict=False)
                found |= {seat: score for seat, score in by_seat if opened.seats >> seat & 1}
        return found

    def scored(self, attempt: ReportedAttempt) -> dict[int, bool]:
        """Return, by seat, whether each score of an attempt that was opened passes."""
        opened = self.opened(attempt).items()
        return {seat: score >= self.request.threshold for seat, score in opened}

    @property
    def contradicted(self) -> bool:
        """Whether more than half of the deciding attempt's signers speak against the verdict.

        Each speaks by its score, or by its own verdict where the score is not open.
        """
        attempt = self.deciding
        if attempt is None:
            return False
        scored = self.scored(attempt)
        against = [
            seat
            for seat in seats_in(attempt.signers)
            if scored.get(seat, attempt.voted(seat)) != attempt.passed
        ]
        return 2 * len(against) > attempt.signers.bit_count()

    @property
    def fell(self) -> bool:
        """Whether the verdict does not count: overturned, or contradicted by its own scores."""
        return self.overturned or self.contradicted

    # -------------------------------------------------------------------- the money

    @property
    def escrow(self) -> int:
        """Wei locked and neither credited nor refunded yet; below zero if too much left."""
        return total(self.locked) - total(self.credits) - total(self.refunds)

    @property
    def at_stake(self) -> int:
        """Wei that the verdict decides on: the price without the data that was delivered."""
        price = self.protocol_fee + (self.acceptance.components if self.acceptance else 0)
        return price - sum(supply.price for supply in self.accepted)

    def credited(self, *purposes: Purpose) -> list[Credit]:
        """Return the credits for some purposes, in the order of the log."""
        return [credit for credit in self.credits if credit.purpose in purposes]


def total(payments: Iterable[Payment]) -> int:
    """Return the sum of some payments in wei."""
    return sum(payment.amount for payment in payments)


def bitmap_of(seats: Iterable[int]) -> int:
    """Return the bitmap of distinct seats; `seats_in` is the inverse."""
    return sum(1 << seat for seat in seats)


def seats_in(bitmap: int) -> list[int]:
    """Return the seats in a bitmap, ascending."""
    return [seat for seat in range(bitmap.bit_length()) if bitmap >> seat & 1]
