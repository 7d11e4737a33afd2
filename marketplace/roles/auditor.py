"""The auditor: opens the sealed evidence before settlement and attests what it found."""

from __future__ import annotations

from marketplace.chain.market import Market
from marketplace.protocol.documents import Attestation, Specification
from marketplace.protocol.errors import ChainError, MarketError, StoreUnreachable, TradeRefused
from marketplace.protocol.states import State
from offchain.exchange import Exchange
from offchain.oracle.attempt import open_reported, score_of
from offchain.oracle.case import Case, open_case, passed_attempt, require_due
from offchain.validation import decode_evidence, encode_openings


class Auditor:
    """One auditor with its account, on one market."""

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account

    def attest(self, trade_id: bytes) -> Attestation:
        """Examine the passed attempt, publish the finding and put it on chain.

        The finding is pass or fail with a reason, never a score: those stay sealed until
        the trade has ended.

        Raises
        ------
        TradeRefused
            If no attestation by this account is due, or the buyer doesn't let its auditor
            read; nothing is published.
        ChainError, StoreUnreachable
            If the node or the store fails, which says nothing about the trade.
        """
        trade = require_due(self.market, trade_id, State.PASSED)
        if trade.auditor != self.account.address or trade.audited:
            raise TradeRefused(
                f"{self.account.address} has nothing to attest in this trade",
                "attest once, as the auditor that the request names",
            )
        if not self._may_read(trade_id):
            raise TradeRefused(
                "the buyer keeps the evidence sealed from its auditor",
                "audit the trade once it has ended",
            )
        try:
            self.examine(trade_id)
            approved, finding = True, "the sealed evidence bears out the verdict"
        except (ChainError, StoreUnreachable):
            raise
        except MarketError as error:
            approved, finding = False, error.cause
        attestation = Attestation(trade="0x" + trade_id.hex(), approved=approved, finding=finding)
        digest = self.exchange.publish(attestation)
        self.market.send(self.account, "attestAudit", trade_id, digest, approved)
        return attestation

    def examine(self, trade_id: bytes) -> None:
        """Recompute the passing verdict from the sealed evidence.

        Raises
        ------
        TradeRefused
            If something does not agree, naming it.
        EnvelopeError, StorageError, DataError, ProtocolError
            If the evidence can't be opened or read.
        """
        case = open_case(self.market, self.exchange, trade_id)
        parts = open_reported(self.exchange, case, passed_attempt(self.market, trade_id))
        if parts.openings != encode_openings(case.commitment.openings):
            raise _disagreement("the opened labels are not those that the buyer committed to")
        if not _passes(case, parts.votes):
            raise _disagreement("the votes earn another verdict than the one reported")

    def _may_read(self, trade_id: bytes) -> bool:
        spec = bytes(self.market.event(trade_id, "ModelRequested")["request"]["spec"])
        return self.exchange.read(Specification, spec).auditor_reads


def _passes(case: Case, votes: bytes) -> bool:
    return score_of(case, decode_evidence(votes)).ppm >= case.request.threshold


def _disagreement(cause: str) -> TradeRefused:
    return TradeRefused(cause, "attest that the audit failed")
