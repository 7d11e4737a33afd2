"""The auditor: opens the sealed evidence before settlement and attests what it found."""

from __future__ import annotations

from marketplace.chain.market import Market
from marketplace.protocol.agreement import amounts_hash, record_hash
from marketplace.protocol.documents import Attestation, Specification
from marketplace.protocol.errors import ChainError, MarketError, StoreUnreachable, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import AuditFinding, AuditReport
from marketplace.protocol.typed_data import sign
from offchain.exchange import Exchange
from offchain.oracle.absence import false_absence
from offchain.oracle.attempt import open_reported, score_of
from offchain.oracle.case import Case, open_case
from offchain.validation import decode_evidence, encode_openings

DECIDED = (State.PASSED, State.REJECTED, State.DISPUTED)


class Auditor:
    """One auditor with its account, on one market."""

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account

    def attest(
        self, trade_id: bytes, report: bytes | None = None, objection: str | None = None
    ) -> AuditFinding:
        """Examine the deciding attempt, publish the finding and sign it, for the settlement.

        The finding is pass or fail with a reason, never a score.

        Parameters
        ----------
        report
            Of an audit from outside; it is stored first, and the finding names its CID.
        objection
            What that audit found against the trade.

        Raises
        ------
        TradeRefused
            If no finding by this account is due, or the buyer doesn't let its auditor
            read; nothing is published.
        ChainError, StoreUnreachable
            If the node or the store fails, which says nothing about the trade.
        """
        self._require_asked(trade_id)
        try:
            self.examine(trade_id)
            approved, reason = True, "the sealed evidence bears out the verdict"
        except (ChainError, StoreUnreachable):
            raise
        except MarketError as error:
            approved, reason = False, error.cause
        if approved and objection is not None:
            approved, reason = False, objection
        document = Attestation(
            trade="0x" + trade_id.hex(),
            approved=approved,
            finding=reason,
            report=None if report is None else self.exchange.store.put(report),
        )
        published = self.exchange.publish(document)
        record = record_hash(self.market.agreement(trade_id).last_attempt.record)
        signed = AuditReport(trade_id, record, published, approved)
        return AuditFinding(published, approved, sign(self.market.domain, signed, self.account))

    def record(self, trade_id: bytes, finding: AuditFinding) -> None:
        """Put a finding on chain ahead of the settlement, lest it be left out of that."""
        agreed = self.market.agreement(trade_id)
        attempt = agreed.last_attempt
        self.market.send(
            self.account,
            "attestAudit",
            trade_id,
            agreed.deal,
            agreed.gate,
            agreed.request.committee,
            amounts_hash(attempt.finding.amounts),
            record_hash(attempt.record),
            finding,
        )

    def examine(self, trade_id: bytes) -> None:
        """Recompute the deciding verdict from the sealed evidence.

        Raises
        ------
        TradeRefused
            If something does not agree, naming it.
        EnvelopeError, StorageError, DataError, ProtocolError
            If the evidence can't be opened or read.
        """
        case = open_case(self.market, self.exchange, trade_id)
        attempt = self.market.agreement(trade_id).last_attempt
        if attempt.finding.without_model:
            if reason := false_absence(self.market, self.exchange, case, attempt):
                raise _disagreement(reason)
            return
        parts = open_reported(self.exchange, case, attempt)
        if parts.openings != encode_openings(case.commitment.openings):
            raise _disagreement("the opened labels are not those that the buyer committed to")
        if _passes(case, parts.votes) != attempt.passed:
            raise _disagreement("the votes earn another verdict than the one reported")

    def _require_asked(self, trade_id: bytes) -> None:
        status = self.market.status(trade_id)
        if status.state not in DECIDED:
            raise TradeRefused(
                f"the trade is {status.state.name}", "attest between last verdict and settlement"
            )
        request = self.market.agreement(trade_id).request
        if request.auditor != self.account.address or status.audited:
            raise TradeRefused(
                f"{self.account.address} has nothing to attest in this trade",
                "attest once, as the auditor that the request names",
            )
        if not self.exchange.read(Specification, request.spec).auditor_reads:
            raise TradeRefused(
                "the buyer keeps the evidence sealed from its auditor",
                "audit the trade once it has ended",
            )


def _passes(case: Case, votes: bytes) -> bool:
    return score_of(case, decode_evidence(votes)).ppm >= case.request.threshold


def _disagreement(cause: str) -> TradeRefused:
    return TradeRefused(cause, "attest that the audit failed")
