"""One seat of the committee: recomputes what the leader proposes, and signs only that.

A signer trusts the chain and its own key. Whatever it is handed is a reference: it
fetches, opens and recomputes by itself, and refuses with a reason when it finds
something else.
"""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.chain.market import Market
from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import (
    DataManifest,
    DeliveryManifest,
    GateManifest,
    SettlementEvidence,
    TrainingRecord,
)
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.ids import score_seal
from marketplace.protocol.states import State
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import DataReport, GateReport, Opening, SettlementReport
from marketplace.protocol.typed_data import sign
from offchain.compute import work_on_one_core
from offchain.exchange import Exchange
from offchain.oracle.attempt import (
    AttemptProposal,
    full_report,
    model_digest,
    open_evidence,
    open_reported,
    score_of,
)
from offchain.oracle.case import (
    Case,
    ReportedAttempt,
    accepted_quotes,
    require_due,
)
from offchain.oracle.casebook import Casebook, roster_of
from offchain.oracle.experts import require_signed
from offchain.oracle.numerics import (
    TOLERANCE,
    refusing,
    routing_apart,
    same_votes,
    subsets_apart,
    votes_apart,
)
from offchain.oracle.routing import GateDecision, decode_routing, expert_weights
from offchain.storage.cid import cid_of, digest_of
from offchain.training import Composite, compose, decode_subset
from offchain.validation import Evidence, decode_evidence, encode_openings

NO_DELIVERY = bytes(32)


@dataclass(frozen=True)
class Verdict:
    """A signer's sealed score and its signature over the attempt."""

    seal: bytes
    signature: bytes


class OracleSigner:
    """One committee member with its account.

    Parameters
    ----------
    market
        The contract it serves, on its own node.
    exchange
        Its account, keys and storage.
    """

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account
        self.book = Casebook(market, exchange)
        work_on_one_core()

    @property
    def address(self) -> str:
        """The seat's account, checksummed."""
        return self.account.address

    # ------------------------------------------------------------------ reviews

    def review_data(self, trade_id: bytes, evidence: bytes) -> bytes:
        """Inspect every delivery and sign the data report if the findings agree.

        Parameters
        ----------
        evidence
            Digest of the data manifest, 32 bytes.

        Returns
        -------
        bytes
            The signature, 65 bytes.

        Raises
        ------
        TradeRefused
            If this signer finds something else, naming it.
        MarketError
            If what it needs can't be reached, opened or read.
        """
        require_due(self.market, trade_id, State.FUNDED)
        case = self.book.case(trade_id)
        manifest = self.exchange.read(DataManifest, evidence)
        _require(manifest.trade == case.name, "the data manifest is about another trade")
        quoted = [quote.provider for quote in accepted_quotes(self.market, trade_id)]
        delivered = [delivery.provider for delivery in manifest.deliveries]
        _require(quoted == delivered, f"the deliveries are by {delivered}, not by {quoted}")
        found = self.book.inspection(trade_id, [d.sealed for d in manifest.deliveries])
        theirs = [delivery.accepted for delivery in manifest.deliveries]
        ours = [delivery.accepted for delivery in found.manifest.deliveries]
        _require(ours == theirs, f"deliveries were accepted as {theirs}, this signer finds {ours}")
        return self._signed(DataReport(trade_id, case.committee_version, found.accepted, evidence))

    def review_gate(self, trade_id: bytes, evidence: bytes) -> bytes:
        """Fit the gate again from the delivered data and sign weights that agree.

        Parameters
        ----------
        evidence
            Digest of the gate manifest, 32 bytes. The weights are what its routing gives.

        Returns
        -------
        bytes
            The signature, 65 bytes.

        Raises
        ------
        MarketError
            As `review_data`.
        """
        require_due(self.market, trade_id, State.DATA_DELIVERED)
        case = self.book.case(trade_id)
        manifest = self.exchange.read(GateManifest, evidence)
        _require(manifest.trade == case.name, "the gate manifest is about another trade")
        ours = self.book.decision(trade_id, roster_of(manifest))
        routed = decode_routing(self.exchange.store.get(manifest.routing))
        apart = routing_apart(routed, ours.routed)
        _require(apart <= TOLERANCE, f"the routing differs by {apart:.1%} from this signer's")
        weights = expert_weights(manifest.candidates, routed)
        self._require_subsets(case, manifest, ours, tuple(weights))
        experts = tuple(subset.expert for subset in manifest.subsets)
        return self._signed(
            GateReport(trade_id, case.committee_version, experts, tuple(weights.values()), evidence)
        )

    def review_attempt(self, trade_id: bytes, proposal: AttemptProposal) -> Verdict:
        """Run the model on the validation rows, score it, and sign the verdict it earns.

        Raises
        ------
        MarketError
            As `review_data`.
        """
        trade = require_due(self.market, trade_id, State.GATED)
        due = trade.attempts + 1
        _require(proposal.number == due, f"this is attempt {due}, not {proposal.number}")
        case = self.book.case(trade_id)
        composite = self._opened_composite(case, proposal)
        self._require_trained(case, proposal, composite)
        votes = self._checked_votes(case, proposal, composite)
        score = score_of(case, votes).ppm
        passed = score >= case.request.threshold
        _require(
            passed == proposal.report.passed,
            f"the verdict is not what this signer finds ({'passed' if passed else 'failed'})",
        )
        self._require_delivery(case, proposal)
        seal = self._seal(trade_id, proposal.number, score)
        return Verdict(
            seal, self._signed(full_report(case, proposal.number, proposal.report, seal))
        )

    def review_settlement(self, trade_id: bytes, settlement: SettlementEvidence) -> bytes:
        """Compute the allocation again from the sealed evidence and sign it if it is equal.

        Returns
        -------
        bytes
            The signature, 65 bytes.

        Raises
        ------
        MarketError
            As `review_data`.
        """
        require_due(self.market, trade_id, State.PASSED)
        ours = self.book.settlement(trade_id)
        _require(ours == settlement, "the allocation is not what this signer computes")
        return self._signed(settlement_report(self.book.case(trade_id), ours))

    # ----------------------------------------------------------------- after the end

    def opening(self, trade_id: bytes, attempt: ReportedAttempt, seal: bytes) -> Opening:
        """Reveal this seat's sealed score of an attempt.

        Raises
        ------
        TradeRefused
            If the trade is still running, or the seal is not this seat's.
        """
        if not self.market.trade(trade_id).state.final:
            raise TradeRefused("the trade is still running", "open scores once it has ended")
        case = self.book.case(trade_id)
        parts = open_reported(self.exchange, case, attempt)
        score = score_of(case, decode_evidence(parts.votes)).ppm
        if self._seal(trade_id, attempt.number, score) != seal:
            raise TradeRefused(
                f"the seal 0x{seal.hex()[:16]}… is not this seat's", "ask the seat that made it"
            )
        return Opening(self.address, seal, score, self._salt(trade_id, attempt.number))

    # ------------------------------------------------------------------- inside

    def _require_subsets(
        self, case: Case, manifest: GateManifest, ours: GateDecision, chosen: tuple[str, ...]
    ) -> None:
        """Require that chosen experts, and nobody else, were given what the gate routes to them."""
        given = tuple(subset.expert.lower() for subset in manifest.subsets)
        _require(given == chosen, f"subsets go to {given}, weights to {chosen}")
        for subset in manifest.subsets:
            name = subset.expert.lower()
            _require(
                subset.expert_kind == ours.roster[name],
                f"{subset.expert} is no {subset.expert_kind}",
            )
            _require(name in ours.routing.subsets, f"this signer's gate sends {name} no data")
            purpose = f"subset/{subset.expert}"
            payload = self.exchange.unseal(subset.sealed, case.trade_id, purpose)
            theirs = decode_subset(payload, case.task)
            apart = subsets_apart(theirs, ours.routing.subsets[name])
            _require(
                apart <= TOLERANCE,
                f"the subset of {subset.expert} differs by {apart:.1%} from this signer's",
            )

    def _opened_composite(self, case: Case, proposal: AttemptProposal) -> Composite:
        purpose = f"composite/{proposal.number}"
        payload = self.exchange.unseal(proposal.composite, case.trade_id, purpose)
        composite = Composite.from_bytes(payload)
        _require(composite.task == case.task, "the composite is for another task")
        _require(
            model_digest(case.name, proposal.number, composite, payload) == proposal.report.model,
            "the model's digest is not that of the composite",
        )
        return composite

    def _require_trained(self, case: Case, proposal: AttemptProposal, composite: Composite) -> None:
        """Require that the composite is made of what chosen experts trained and signed for."""
        manifest, _ = self.book.committed_gate(case.trade_id)
        given = {subset.expert.lower(): subset for subset in manifest.subsets}
        record = self.exchange.read(TrainingRecord, proposal.report.training)
        _require(record.trade == case.name, "the training record is about another trade")
        signed = tuple(training.expert.lower() for training in record.trainings)
        _require(
            signed == tuple(composite.experts),
            f"{signed} signed for training, the composite is of {tuple(composite.experts)}",
        )
        _require(signed == tuple(sorted(set(signed))), "the experts don't ascend")
        for training in record.trainings:
            name = training.expert.lower()
            _require(name in given, f"the gate did not choose {training.expert}")
            model = require_signed(
                self.market.domain, case.trade_id, proposal.number, given[name], training
            )
            _require(
                model == digest_of(cid_of(composite.experts[name].to_bytes())),
                f"the model of {training.expert} is not the one that it signed for",
            )

    def _checked_votes(
        self, case: Case, proposal: AttemptProposal, composite: Composite
    ) -> Evidence:
        """Return the sealed votes once they are seen to be the composite's, under our gate.

        The score is computed from them, not from this machine's own: they are what anyone
        recomputes it from once the trade has ended.
        """
        report = proposal.report
        parts = open_evidence(
            self.exchange, case, proposal.number, report.training, report.evidence
        )
        _require(
            parts.openings == encode_openings(case.commitment.openings),
            "the openings are not those of the validation labels",
        )
        theirs = decode_evidence(parts.votes)
        features = case.validation.features
        with refusing("the composite can't be run", "leave out the expert that fails"):
            answered = composite.evidence(features)
            own = self._under_own_gate(case, composite)
            same = own.gate.to_bytes() == composite.gate.to_bytes()
            expected = answered if same else own.evidence(features)
        _require(same_votes(theirs, answered), "the sealed votes are not the composite's answers")
        apart = votes_apart(theirs, expected)
        _require(
            apart <= TOLERANCE, f"the composite's gate is {apart:.1%} apart from this signer's"
        )
        return theirs

    def _under_own_gate(self, case: Case, composite: Composite) -> Composite:
        """Return the composite's experts under the gate that this seat fitted."""
        _, decision = self.book.committed_gate(case.trade_id)
        models = {name: fitted.to_bytes() for name, fitted in composite.experts.items()}
        return compose(decision.pooled, decision.roster, decision.routing, models)

    def _require_delivery(self, case: Case, proposal: AttemptProposal) -> None:
        """Require that a pass, and only a pass, delivers the very composite that was scored."""
        report = proposal.report
        if not report.passed:
            _require(report.delivery == NO_DELIVERY, "a failed attempt delivers the model")
            return
        manifest = self.exchange.read(DeliveryManifest, report.delivery)
        named = manifest.trade, manifest.attempt, manifest.sealed.ciphertext
        _require(
            named == (case.name, proposal.number, proposal.composite.ciphertext),
            "the delivery is not the composite that was scored",
        )

    def _seal(self, trade_id: bytes, attempt: int, score: int) -> bytes:
        return score_seal(trade_id, attempt, self.address, score, self._salt(trade_id, attempt))

    def _salt(self, trade_id: bytes, attempt: int) -> bytes:
        return derived_secret(self.account, "score salt", trade_id, bytes([attempt]))

    def _signed(self, report: Struct) -> bytes:
        return sign(self.market.domain, report, self.account)


def settlement_report(case: Case, settlement: SettlementEvidence) -> SettlementReport:
    """Return what signers sign about the division of the expert pool."""
    return SettlementReport(
        case.trade_id,
        case.committee_version,
        tuple(share.expert for share in settlement.shares),
        tuple(share.amount for share in settlement.shares),
        digest_of(cid_of(settlement.to_bytes())),
    )


def _require(holds: bool, cause: str) -> None:
    if not holds:
        raise TradeRefused(cause, "let the leader propose again, or let the trade time out")
