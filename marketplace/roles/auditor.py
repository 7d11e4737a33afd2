"""The auditor: opens the sealed evidence before settlement and attests what it found."""

from __future__ import annotations

from typing import Any

from marketplace.chain.market import Market
from marketplace.protocol.documents import Attestation, TrainingRecord
from marketplace.protocol.errors import MarketError, TradeRefused
from offchain.exchange import Exchange
from offchain.oracle.attempt import EvidenceParts
from offchain.oracle.case import Case, open_case
from offchain.storage.cid import cid_of, digest_of
from offchain.validation import decode_evidence, decode_openings, opened_labels, score_votes


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
        """
        try:
            self.examine(trade_id)
            finding = "the sealed evidence bears out the verdict"
            approved = True
        except MarketError as error:
            finding, approved = error.cause, False
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
        event = self.market.event(trade_id, "AttemptReported")
        report, attempt = event["report"], int(event["attempt"])
        parts = self._opened(trade_id, report, attempt)
        document = parts.document(case, attempt, bytes(report["training"]))
        if digest_of(cid_of(document.to_bytes())) != bytes(report["evidence"]):
            raise _disagreement("the sealed evidence is not the one committed to")
        if _passes(case, parts) != bool(report["passed"]):
            raise _disagreement("the votes earn another verdict than the one reported")

    def _opened(self, trade_id: bytes, report: Any, attempt: int) -> EvidenceParts:
        record = self.exchange.read(TrainingRecord, bytes(report["training"]))
        if record.evidence is None:
            raise _disagreement("the training record names no sealed evidence")
        payload = self.exchange.unseal(record.evidence, trade_id, f"evidence/{attempt}")
        return EvidenceParts.from_bytes(payload)


def _passes(case: Case, parts: EvidenceParts) -> bool:
    labels = opened_labels(case.request.validation_root, decode_openings(parts.openings))
    if labels is None:
        raise _disagreement("the opened labels are not those that the buyer committed to")
    votes = decode_evidence(parts.votes)
    score = score_votes(votes.predictions, votes.gates, labels, case.task.metric)
    return score.ppm >= case.request.threshold


def _disagreement(cause: str) -> TradeRefused:
    return TradeRefused(cause, "attest that the audit failed")
