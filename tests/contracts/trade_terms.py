"""What the parties of one trade agree on, find and sign."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from parties import PARTIES

from marketplace.chain.market import Agreement, Market, ReportedAttempt, Status
from marketplace.protocol.agreement import price_of, record_hash, seats_in
from marketplace.protocol.ids import score_seal, trade_id
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import (
    NATIVE,
    AttemptFinding,
    AttemptReport,
    AuditFinding,
    AuditReport,
    DataFinding,
    DataQuote,
    DataReport,
    ModelQuote,
    Opening,
    Request,
    Windows,
)
from marketplace.protocol.typed_data import compact, sign
from marketplace.protocol.units import largest_remainder

LONGEST_WINDOW = 2**24 - 1  # 194 days
UNBONDING_DELAY = 16 * LONGEST_WINDOW
"""As long as can be, in seconds, so that hardly any windows are too long."""

FEE_BPS = 250
FAR_FUTURE = 2**40 - 1
THRESHOLD, PASSING, FAILING = 900_000, 912_345, 812_345
WINDOWS = Windows(
    quote=1_000,
    delivery=2_000,
    judging=2_500,
    training=3_000,
    validation=3_500,
    review=10_000,
    settlement=6_000,
)
TWO = (0, 1)
"""The seats of the signers that sign, where a test doesn't care."""


def commitment(text: str) -> bytes:
    """Return 32 bytes that stand for some content."""
    return keccak(text=text)


@dataclass(frozen=True)
class Prices:
    """What the broker asks, in the currency's smallest unit."""

    data: tuple[int, ...] = (3 * 10**17 + 1, 2 * 10**17 + 7, 10**17 + 3)
    experts: int = 10**18 + 11
    broker: int = 5 * 10**16
    auditor: int = 4 * 10**16
    oracle: int = 3 * 10**16 + 1


@dataclass(frozen=True)
class Course:
    """What was agreed and reported in a trade so far, and the scores behind its seals.

    Attributes
    ----------
    scores
        By attempt: the score that each seat sealed.
    """

    quote: ModelQuote | None = None
    data: DataFinding | None = None
    attempts: tuple[ReportedAttempt, ...] = ()
    scores: tuple[Mapping[int, int], ...] = ()


class TradeTerms:
    """Terms, quotes, reports and signatures of one trade.

    Parameters
    ----------
    market
        Where.
    salt
        Makes the trade's id differ from others with the same terms.
    prices, rows, weights
        The quote's amounts, rows of each dataset, and the gate's weights.
    request
        Fields of the request that differ from the default.
    """

    def __init__(
        self,
        market: Market,
        *,
        salt: str = "a trade",
        prices: Prices | None = None,
        rows: tuple[int, ...] = (500, 300, 200),
        weights: tuple[int, ...] = (400_000, 300_000, 150_000, 100_000, 50_000),
        **request: Any,
    ) -> None:
        self.market = market
        self.domain = market.domain
        self.parties = PARTIES
        self.prices = prices or Prices()
        self.rows = rows
        self.weights = weights
        self.judges = market.current_committee()
        self.request = replace(self._usual_request(salt), **request)
        self.id = trade_id(market.domain.chain_id, market.address, self.request)
        self.course = Course()

    def _usual_request(self, salt: str) -> Request:
        rules = self.market.in_force()
        return Request(
            buyer=self.parties.buyer.address,
            broker=self.parties.broker.address,
            auditor=self.parties.auditor.address,
            currency=NATIVE,
            budget=10**19,
            threshold=THRESHOLD,
            max_attempts=3,
            min_rows=600,
            validation_rows=250,
            validation_root=commitment("validation rows"),
            spec=commitment("specification"),
            licence=commitment("licence"),
            transfer_rule=0,
            approval_required=False,
            committee=rules.committee,
            panel=rules.panel,
            fee_bps=rules.fee_bps,
            treasury=rules.treasury,
            windows=WINDOWS,
            salt=commitment(salt),
        )

    @property
    def status(self) -> Status:
        """What the contract stores of the trade now."""
        return self.market.status(self.id)

    @property
    def agreement(self) -> Agreement:
        """What the contract's digest stands for."""
        told = self.course
        return Agreement(self.request, told.quote, told.data, told.attempts)

    # ------------------------------------------------------------------- quotes

    @property
    def experts(self) -> tuple[str, ...]:
        """The experts that carry weight, ascending."""
        return tuple(expert.address for expert in self.parties.experts[: len(self.weights)])

    @property
    def data_quotes(self) -> tuple[DataQuote, ...]:
        """One quote for each price, ascending by provider."""
        return tuple(
            DataQuote(
                trade_id=self.id,
                provider=provider.address,
                dataset=commitment(f"dataset {number}"),
                rows=rows,
                price=price,
                expiry=FAR_FUTURE,
            )
            for number, (provider, price, rows) in enumerate(
                zip(self.parties.providers, self.prices.data, self.rows, strict=False)
            )
        )

    @property
    def quote(self) -> ModelQuote:
        """The broker's quote."""
        return ModelQuote(
            trade_id=self.id,
            data_request=commitment("data request"),
            data_quotes=self.data_quotes,
            expert_pool=self.prices.experts,
            broker_fee=self.prices.broker,
            auditor_fee=self.prices.auditor,
            oracle_fee=self.prices.oracle,
            expiry=FAR_FUTURE,
        )

    @property
    def price(self) -> int:
        """What the buyer pays for the usual quote, the protocol fee included."""
        return price_of(self.quote, self.request.fee_bps)[0]

    @property
    def protocol_fee(self) -> int:
        """The part of the price that the treasury gets."""
        return price_of(self.quote, self.request.fee_bps)[1]

    # ----------------------------------------------------------------- findings

    def data_finding(self, accepted: int | None = None) -> DataFinding:
        """Return a finding on the data; too few rows come without a gate."""
        accepted = (1 << len(self.data_quotes)) - 1 if accepted is None else accepted
        delivered = sum(rows for seat, rows in enumerate(self.rows) if accepted >> seat & 1)
        enough = delivered >= self.request.min_rows
        return DataFinding(
            accepted=accepted,
            experts=self.experts if enough else (),
            weights=self.weights if enough else (),
            data_evidence=commitment("data evidence"),
            gate_evidence=commitment("gate evidence"),
        )

    def attempt_finding(self, number: int, passed: bool) -> AttemptFinding:
        """Return what the committee found in an attempt; a pass divides the pool."""
        return AttemptFinding(
            model=commitment(f"model {number}"),
            training=commitment(f"training {number}"),
            delivery=commitment("delivery") if passed else bytes(32),
            evidence=commitment(f"evidence {number}"),
            amounts=self.amounts if passed else (),
        )

    @property
    def amounts(self) -> tuple[int, ...]:
        """A division of the expert pool that is not the gate's."""
        return tuple(largest_remainder(self.prices.experts, range(1, len(self.experts) + 1)))

    # ------------------------------------------------------------------ signing

    def sign(self, message: Struct, account: LocalAccount) -> bytes:
        """Sign for this market on this chain, unless a test has changed the domain."""
        return sign(self.domain, message, account)

    def quorum(self, report: Struct, seats: Sequence[int] = TWO) -> bytes:
        """Let members sign one report, in the order given."""
        return self.packed(dict.fromkeys(seats, report))

    def packed(self, reports: Mapping[int, Struct]) -> bytes:
        """Let the member in each seat sign its own report."""
        signers = self.parties.signers
        return b"".join(compact(self.sign(said, signers[seat])) for seat, said in reports.items())

    def data_report(self, finding: DataFinding) -> DataReport:
        """Return what signers sign of a finding on the data."""
        return DataReport.from_values((self.id, self.judges.version, *finding.as_tuple()))

    def attempt_report(
        self, number: int, finding: AttemptFinding, passed: bool, seal: bytes
    ) -> AttemptReport:
        """Return what one signer signs of an attempt."""
        shared = finding.as_tuple()
        return AttemptReport.from_values(
            (self.id, self.judges.version, number, *shared, passed, seal)
        )

    def audit(self, approved: bool = True, by: LocalAccount | None = None) -> AuditFinding:
        """Return the auditor's signed finding."""
        record = record_hash(self.agreement.last_attempt.record)
        report = AuditReport(self.id, record, commitment("audit"), approved)
        signature = self.sign(report, by or self.parties.auditor)
        return AuditFinding(report.report, approved, signature)

    # -------------------------------------------------------------------- seals

    def salt(self, number: int, seat: int) -> bytes:
        """Return a signer's salt in an attempt."""
        return commitment(f"salt {number} {seat}")

    def seal(self, number: int, seat: int, score: int) -> bytes:
        """Return a signer's sealed score in an attempt."""
        signer = self.parties.signers[seat].address
        return score_seal(self.id, number, signer, score, self.salt(number, seat))

    def openings(self, number: int = 0, closed: Iterable[int] = ()) -> list[Opening]:
        """Return what the signers of an attempt sealed; number 0 stands for the last one."""
        reported = self.agreement.attempts[number - 1]
        scores = self.course.scores[number - 1]
        return [
            Opening(0, bytes(32))
            if seat in set(closed)
            else Opening(scores[seat], self.salt(reported.number, seat))
            for seat in seats_in(reported.record.signers)
        ]
