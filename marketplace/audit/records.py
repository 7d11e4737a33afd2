"""What single events of a trade say, one record for each kind of event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from marketplace.audit.digests import NOTHING, record_digest
from marketplace.protocol.states import Purpose
from marketplace.protocol.terms import NOBODY, AttemptFinding, DataFinding, ModelQuote, Supply


@dataclass(frozen=True)
class InForce:
    """The rules of one moment: what a request made then must name.

    Attributes
    ----------
    committee, panel
        Digests of those in office, as long as stakes back them; 32 zero bytes for none.
    fee_bps, treasury
        Protocol fee in basis points, and who receives it.
    base_review, review_shift, own_shifts
        The least review window: seconds, and one more for each 2**shift units of budget. A
        currency in `own_shifts` has its own shift.
    paused
        Whether requests were refused.
    """

    committee: bytes = NOTHING
    panel: bytes = NOTHING
    fee_bps: int = 0
    treasury: str = NOBODY
    base_review: int = 0
    review_shift: int = 0
    own_shifts: Mapping[str, int] = field(default_factory=dict)
    paused: bool = False

    def review_of(self, currency: str, budget: int) -> int:
        """Return the least review window for a budget in a currency's units, in seconds."""
        return self.base_review + (budget >> self.own_shifts.get(currency, self.review_shift))


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

    @cached_property
    def supplies(self) -> tuple[Supply, ...]:
        """The providers' parts of the deal, in the order of the quote."""
        return tuple(
            Supply(offer.provider, offer.rows, offer.price) for offer in self.quote.data_quotes
        )


@dataclass(frozen=True)
class DataReport:
    """The committee's report on data and gate; `dropped` is the price of what did not come.

    It came in a block of the given height and time, in seconds since 1970.
    """

    finding: DataFinding
    dropped: int
    signers: int
    signatures: bytes
    transaction: bytes
    block: int
    timestamp: int


@dataclass(frozen=True)
class ReportedAttempt:
    """The committee's report on one validation attempt; bit i of a bitmap is seat i.

    It came in a block of the given height and time, in seconds since 1970.
    """

    number: int
    finding: AttemptFinding
    signers: int
    verdicts: int
    seals: tuple[bytes, ...]
    signatures: bytes
    block: int
    timestamp: int

    @property
    def passed(self) -> bool:
        """Whether more than half of its signers found that the model passed."""
        return 2 * self.verdicts.bit_count() > self.signers.bit_count()

    def voted(self, seat: int) -> bool:
        """Whether the signer in a seat found that the model passed."""
        return bool(self.verdicts >> seat & 1)

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
class Disputed:
    """The arbiter's freezing of the settlement; times in seconds since 1970.

    Attributes
    ----------
    until
        When the market goes on without a ruling.
    review
        When the review ends, which the dispute doesn't stop.
    """

    until: int
    review: int
    was_rejected: bool
    transaction: bytes


@dataclass(frozen=True)
class Ruled:
    """The end of a dispute, at a time in seconds since 1970."""

    overturned: bool
    transaction: bytes
    timestamp: int


@dataclass(frozen=True)
class Delivered:
    """What somebody put on record: in which stage, one for data and two and more for training.

    `commitment` names what it is.
    """

    account: str
    stage: int
    commitment: bytes


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
