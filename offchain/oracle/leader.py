"""The signer that leads a trade: does the work, collects a quorum's signatures, posts reports.

Any member can lead; leading gives no power, since every other member recomputes before
it signs, and the contract counts signatures only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from marketplace.protocol.documents import (
    DataManifest,
    DeliveryManifest,
    GateManifest,
    ModelManifest,
    Sealed,
    SettlementEvidence,
    Subset,
    TrainingRecord,
)
from marketplace.protocol.errors import MarketError, QuorumNotReached
from marketplace.protocol.terms import Attempt, Opening
from marketplace.protocol.typed_data import in_signer_order
from offchain.exchange import Exchange
from offchain.oracle.attempt import AttemptProposal, EvidenceParts, score_of
from offchain.oracle.case import accepted_quotes, committed_gate
from offchain.oracle.experts import ExpertOwner, TrainedModel, TrainingJob
from offchain.oracle.routing import GateDecision
from offchain.oracle.signer import OracleSigner, Verdict
from offchain.storage.cid import cid_of, digest_of
from offchain.training import Composite, compose, encode_subset
from offchain.validation import Evidence

R = TypeVar("R")

NO_DELIVERY = bytes(32)


@dataclass(frozen=True, eq=False)
class AttemptOutcome:
    """One posted attempt.

    Attributes
    ----------
    proposal
        What was signed.
    composite
        The model that was scored.
    votes, parts
        Its evidence, to be published once the trade has ended.
    seals
        Each signer's sealed score, ascending by signer.
    """

    proposal: AttemptProposal
    composite: Composite
    votes: Evidence
    parts: EvidenceParts
    seals: tuple[tuple[str, bytes], ...]


class OracleLeader:
    """Leads trades on behalf of a committee.

    Parameters
    ----------
    signer
        The leader's own seat.
    peers
        The other seats; any may be out of reach.
    progress
        Called with one line as work goes on.
    """

    def __init__(
        self,
        signer: OracleSigner,
        peers: Sequence[OracleSigner],
        progress: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.signer = signer
        self.peers = peers
        self.progress = progress
        self.market = signer.market
        self.exchange: Exchange = signer.exchange

    # ------------------------------------------------------------------ reports

    def report_data(self, trade_id: bytes, deliveries: Mapping[str, Sealed | None]) -> DataManifest:
        """Inspect what the providers delivered and have the good deliveries paid.

        Parameters
        ----------
        deliveries
            Sealed dataset by provider (checksummed); None or absent when nothing came.
        """
        quotes = accepted_quotes(self.market, trade_id)
        sealed = [deliveries.get(quote.provider) for quote in quotes]
        found = self.signer.inspection(trade_id, sealed)
        evidence = self.exchange.publish(found.manifest)
        signatures = self._signatures(trade_id, lambda seat: seat.review_data(trade_id, evidence))
        self.market.send(
            self.signer.account,
            "deliverData",
            trade_id,
            list(quotes),
            found.accepted,
            evidence,
            signatures,
        )
        return found.manifest

    def report_gate(self, trade_id: bytes, owners: Sequence[ExpertOwner]) -> dict[str, int]:
        """Decide the gate, hand each chosen expert its subset and commit the weights.

        Returns
        -------
        dict of str to int
            Weight in parts per million by lowercase address, ascending.
        """
        roster = _roster(owners)
        decision = self.signer.gate(trade_id, roster, self.progress)
        weights = decision.weights
        subsets = tuple(
            Subset(
                expert=owner.address,
                expert_kind=owner.kind,
                sealed=self._sealed_subset(trade_id, decision, owner.address),
            )
            for _, owner in in_signer_order([(owner.address, owner) for owner in owners])
            if owner.address.lower() in weights
        )
        manifest = GateManifest(
            trade=self.signer.case(trade_id).name,
            candidates=decision.candidates,
            routing=self.exchange.store.put(decision.routing_bytes()),
            subsets=subsets,
        )
        evidence = self.exchange.publish(manifest)
        signatures = self._signatures(
            trade_id, lambda seat: seat.review_gate(trade_id, evidence, roster, weights)
        )
        self.market.send(
            self.signer.account,
            "commitGate",
            trade_id,
            list(accepted_quotes(self.market, trade_id)),
            [subset.expert for subset in subsets],
            list(weights.values()),
            evidence,
            signatures,
        )
        return weights

    def run_attempt(self, trade_id: bytes, owners: Sequence[ExpertOwner]) -> AttemptOutcome:
        """Have the chosen experts train, score the composite and report the verdict.

        Raises
        ------
        TradeRefused
            If no chosen expert delivered a model.
        """
        attempt = self.market.trade(trade_id).attempts + 1
        trained = self._train(trade_id, attempt, owners)
        composite = self._composed(trade_id, attempt, owners, trained)
        outcome = self._propose(trade_id, attempt, composite, trained)
        verdicts: list[tuple[str, Verdict]] = self._collect(
            trade_id, lambda seat: seat.review_attempt(trade_id, outcome.proposal)
        )
        proposal = outcome.proposal
        report = Attempt(
            proposal.model,
            proposal.training,
            proposal.passed,
            proposal.delivery,
            proposal.evidence,
        )
        self.market.send(
            self.signer.account,
            "reportAttempt",
            trade_id,
            report,
            [verdict.seal for _, verdict in verdicts],
            [verdict.signature for _, verdict in verdicts],
            step=f"reportAttempt {attempt}",
        )
        seals = tuple((address, verdict.seal) for address, verdict in verdicts)
        return AttemptOutcome(proposal, composite, outcome.votes, outcome.parts, seals)

    def report_settlement(self, trade_id: bytes, outcome: AttemptOutcome) -> SettlementEvidence:
        """Divide the expert pool by Shapley value and settle the trade."""
        attempt = outcome.proposal.attempt
        settlement = self.signer.allocation(trade_id, attempt, outcome.parts)
        signatures = self._signatures(
            trade_id, lambda seat: seat.review_settlement(trade_id, attempt, settlement)
        )
        experts, weights = committed_gate(self.market, trade_id)
        self.market.send(
            self.signer.account,
            "settle",
            trade_id,
            list(experts),
            list(weights),
            [share.amount for share in settlement.shares],
            digest_of(cid_of(settlement.to_bytes())),
            signatures,
        )
        self.exchange.publish(settlement)
        return settlement

    def publish_attempt(self, trade_id: bytes, outcome: AttemptOutcome) -> None:
        """Once the trade has ended: publish the evidence and open every signer's score."""
        proposal = outcome.proposal
        case = self.signer.case(trade_id)
        openings = self._openings(trade_id, outcome)
        self.exchange.store.put(outcome.parts.votes)
        self.exchange.store.put(outcome.parts.openings)
        self.exchange.publish(outcome.parts.document(case, proposal.attempt, proposal.training))
        self.market.send(
            self.signer.account,
            "openScores",
            trade_id,
            proposal.attempt,
            openings,
            step=f"openScores {proposal.attempt}",
        )

    # ------------------------------------------------------------------- inside

    def _sealed_subset(self, trade_id: bytes, decision: GateDecision, expert: str) -> Sealed:
        payload = encode_subset(decision.routing.subsets[expert.lower()])
        return self.exchange.seal(
            payload, trade_id, f"subset/{expert}", [expert, *self._members(trade_id)]
        )

    def _train(
        self, trade_id: bytes, attempt: int, owners: Sequence[ExpertOwner]
    ) -> list[TrainedModel]:
        """Ask each chosen expert; one that fails is dropped."""
        case = self.signer.case(trade_id)
        evidence = bytes(self.market.event(trade_id, "GateCommitted")["evidence"])
        manifest = self.exchange.read(GateManifest, evidence)
        by_address = {owner.address: owner for owner in owners}
        trained = []
        for subset in manifest.subsets:
            self.progress(f"attempt {attempt}: training {subset.expert_kind}")
            job = TrainingJob(
                trade_id,
                attempt,
                case.task,
                case.seed,
                subset.sealed,
                tuple(self._members(trade_id)),
            )
            try:
                trained.append(by_address[subset.expert].train(job))
            except MarketError as error:
                self.progress(f"{subset.expert_kind} is dropped: {error.cause}")
        return trained

    def _composed(
        self,
        trade_id: bytes,
        attempt: int,
        owners: Sequence[ExpertOwner],
        trained: Sequence[TrainedModel],
    ) -> Composite:
        roster = _roster(owners)
        decision = self.signer.gate(trade_id, roster, self.progress)
        models = {
            result.training.expert.lower(): self.exchange.unseal(
                result.sealed, trade_id, f"model/{result.training.expert}/{attempt}"
            )
            for result in trained
        }
        return compose(decision.pooled, roster, decision.routing, models)

    def _propose(
        self,
        trade_id: bytes,
        attempt: int,
        composite: Composite,
        trained: Sequence[TrainedModel],
    ) -> AttemptOutcome:
        case = self.signer.case(trade_id)
        members = self._members(trade_id)
        votes = composite.evidence(case.validation.features)
        passed = score_of(case, votes).ppm >= case.request.threshold
        parts = EvidenceParts.of(case, votes)
        readers = [*members, case.request.auditor] if case.specification.auditor_reads else members
        record = TrainingRecord(
            trade=case.name,
            trainings=tuple(result.training for result in trained),
            evidence=self.exchange.seal(parts.to_bytes(), trade_id, f"evidence/{attempt}", readers),
        )
        training = self.exchange.publish(record)
        payload = composite.to_bytes()
        sealed = self.exchange.seal(payload, trade_id, f"composite/{attempt}", members)
        manifest = ModelManifest(
            trade=case.name,
            attempt=attempt,
            experts=tuple(composite.experts),
            composite=cid_of(payload),
        )
        proposal = AttemptProposal(
            attempt=attempt,
            composite=sealed,
            model=digest_of(cid_of(manifest.to_bytes())),
            training=training,
            passed=passed,
            delivery=self._delivery(trade_id, attempt, sealed) if passed else NO_DELIVERY,
            evidence=digest_of(cid_of(parts.document(case, attempt, training).to_bytes())),
        )
        return AttemptOutcome(proposal, composite, votes, parts, ())

    def _delivery(self, trade_id: bytes, attempt: int, sealed: Sealed) -> bytes:
        case = self.signer.case(trade_id)
        manifest = DeliveryManifest(
            trade=case.name,
            attempt=attempt,
            sealed=self.exchange.share(sealed, [case.request.buyer]),
        )
        return self.exchange.publish(manifest)

    def _openings(self, trade_id: bytes, outcome: AttemptOutcome) -> list[Opening]:
        """Ask every signer to reveal; one out of reach stays closed."""
        seats = {seat.address: seat for seat in (self.signer, *self.peers)}
        openings = []
        for address, seal in outcome.seals:
            try:
                openings.append(seats[address].opening(trade_id, outcome.proposal.attempt, seal))
            except MarketError as error:
                self.progress(f"{address} does not open its score: {error.cause}")
                openings.append(Opening(address, seal, 0, bytes(32)))
        return openings

    def _members(self, trade_id: bytes) -> list[str]:
        members, _ = self.market.committee_of(self.signer.case(trade_id).committee_version)
        return members

    def _signatures(self, trade_id: bytes, review: Callable[[OracleSigner], bytes]) -> list[bytes]:
        return [signature for _, signature in self._collect(trade_id, review)]

    def _collect(self, trade_id: bytes, review: Callable[[OracleSigner], R]) -> list[tuple[str, R]]:
        """Ask seats until a quorum has signed; a refusal is a reason to ask the next."""
        _, threshold = self.market.committee_of(self.signer.case(trade_id).committee_version)
        signed: list[tuple[str, R]] = []
        reasons: list[str] = []
        for seat in (self.signer, *self._peers_in_turn(trade_id)):
            if len(signed) == threshold:
                break
            try:
                signed.append((seat.address, review(seat)))
            except MarketError as error:
                reasons.append(f"{seat.address[:10]}…: {error.cause}")
        if len(signed) < threshold:
            raise QuorumNotReached(
                f"{len(signed)} of {threshold} needed oracles signed ({'; '.join(reasons)})",
                "mend what they refuse, or let the trade time out",
            )
        return in_signer_order(signed)

    def _peers_in_turn(self, trade_id: bytes) -> list[OracleSigner]:
        """Start with another peer in each state, so that all of them earn their seat."""
        if not self.peers:
            return []
        turn = int(self.market.trade(trade_id).state) % len(self.peers)
        return [*self.peers[turn:], *self.peers[:turn]]


def _roster(owners: Sequence[ExpertOwner]) -> dict[str, str]:
    """Return the kind of each candidate by lowercase address."""
    return {owner.address.lower(): owner.kind for owner in owners}
