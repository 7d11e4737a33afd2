"""The signer that leads a trade: does the work, collects a quorum's signatures, posts reports.

Any member can lead, and any member can take over in the middle of a trade: what a leader
needs is on chain and in storage. Leading gives no power, since every other member
recomputes before it signs, and the contract counts signatures only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from marketplace.protocol.agreement import terms_hash
from marketplace.protocol.attempts import path_of
from marketplace.protocol.documents import (
    DataManifest,
    DeliveryManifest,
    GateManifest,
    Sealed,
    Subset,
    Training,
    TrainingRecord,
)
from marketplace.protocol.errors import ConfigurationError, TradeRefused, TransactionReverted
from marketplace.protocol.states import State
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import AttemptFinding, DataFinding
from marketplace.protocol.typed_data import quorum_signatures
from offchain.data import encode
from offchain.experts.plugins import require_kind
from offchain.oracle.absence import models_of, no_model, repeated_attempt, training_is_over
from offchain.oracle.assembly import composed, gather
from offchain.oracle.attempt import (
    AttemptProposal,
    EvidenceParts,
    model_digest,
    score_of,
)
from offchain.oracle.candidates import drawn, marks_of
from offchain.oracle.case import Case, accepted_quotes, require_due
from offchain.oracle.execution import execution
from offchain.oracle.experts import ExpertOwner
from offchain.oracle.inspection import Inspection
from offchain.oracle.quorum import collect
from offchain.oracle.reports import attempt_report, data_report
from offchain.oracle.routing import GateDecision, encode_routing
from offchain.oracle.settling import OracleSettler
from offchain.oracle.signer import NO_DELIVERY, NO_GATE, Verdict
from offchain.storage.cid import cid_of, digest_of
from offchain.training import Composite, Step, encode_subset
from offchain.validation import Evidence


class OracleLeader(OracleSettler):
    """Leads trades on behalf of a committee, from the delivered data to the settlement."""

    # ------------------------------------------------------------------ reports

    def report_data(
        self,
        trade_id: bytes,
        deliveries: Mapping[str, Sealed | None],
        owners: Sequence[ExpertOwner],
    ) -> DataManifest:
        """Have the good deliveries paid, and commit the gate that was fitted to them.

        With too few rows there is no gate, and the report refunds the buyer.

        Parameters
        ----------
        deliveries
            Sealed dataset by provider (checksummed); None or absent when nothing came.
        owners
            Of the experts on offer. Each chosen one is handed its subset, sealed.

        Raises
        ------
        QuorumNotReached, TradeRefused
            If the committee doesn't agree, no data report is due, or nobody can be chosen.
        """
        require_due(self.market, trade_id, State.FUNDED)
        case, agreed = self.book.case(trade_id), self.market.agreement(trade_id)
        quotes = accepted_quotes(self.market, trade_id)
        found = self.book.inspection(trade_id, [deliveries.get(q.provider) for q in quotes])
        finding = self._data_finding(case, found, owners)
        evidence = finding.data_evidence, finding.gate_evidence
        answers = collect(
            self.market,
            case,
            self._seats(trade_id),
            lambda seat: seat.review_data(trade_id, *evidence),
            lambda signature: (data_report(case, finding), signature),
            self.progress,
        )
        self._send(
            "reportData",
            trade_id,
            agreed.deal,
            agreed.supplies,
            finding,
            case.committee,
            *quorum_signatures(answers),
        )
        return found.manifest

    def report_attempt(self, trade_id: bytes, owners: Sequence[ExpertOwner]) -> AttemptProposal:
        """Have the chosen experts train, score the composite and report the verdict.

        No attempt is spent on a model that was scored before. Once the time to train is
        over and there is no usable model, or none but that one, the attempt has failed.

        Raises
        ------
        QuorumNotReached, TradeRefused
            If the committee doesn't agree, no attempt is due, or there is no new usable
            model and there is still time to train one.
        """
        number = require_due(self.market, trade_id, State.GATED).attempts + 1
        case, agreed = self.book.case(trade_id), self.market.agreement(trade_id)
        found = gather(self.book, trade_id, number, owners, self.progress)
        composite, trainings = composed(self.book, trade_id, found, self.progress)
        repeats = repeated_attempt(self.exchange, agreed.attempts, models_of(trainings))
        if composite is not None and repeats is None:
            votes = composite.evidence(case.validation.features)
            proposal = self.propose(case, number, composite, trainings, votes)
        else:
            proposal = self._without_model(case, number, repeats, trainings)
        finding, passed = proposal.finding, proposal.passed

        def signed(verdict: Verdict) -> tuple[Struct, bytes]:
            report = attempt_report(case, number, finding, passed, verdict.seal)
            return report, verdict.signature

        answers = collect(
            self.market,
            case,
            self._seats(trade_id),
            lambda seat: seat.review_attempt(trade_id, proposal),
            signed,
            self.progress,
        )
        signers, signatures = quorum_signatures({n: v.signature for n, v in answers.items()})
        self._send(
            "reportAttempt",
            trade_id,
            terms_hash(agreed.deal, agreed.gate),
            agreed.deal.expert_pool,
            len(agreed.gate.experts),
            agreed.gate.history,
            path_of([attempt.record for attempt in agreed.attempts], number),
            finding,
            case.committee,
            signers,
            signers if passed else 0,
            [verdict.seal for verdict in answers.values()],
            signatures,
            step=f"reportAttempt {number}",
        )
        return proposal

    def propose(
        self,
        case: Case,
        number: int,
        composite: Composite,
        trainings: tuple[Training, ...],
        votes: Evidence,
    ) -> AttemptProposal:
        """Seal and publish what belongs to an attempt; returns what the seats are asked to sign.

        Parameters
        ----------
        number
            The attempt, 1 and up.
        trainings
            The signed commitment of each expert in the composite, in its order.
        votes
            The composite's answers on the validation rows.
        """
        parts = EvidenceParts.of(case, votes)
        payload = composite.to_bytes()
        sealed = self.exchange.seal(payload, case.trade_id, f"composite/{number}", case.members)
        asked = Step(
            "predict", (cid_of(payload), cid_of(encode(case.validation))), cid_of(parts.votes)
        )
        record = TrainingRecord(
            trade=case.name,
            trainings=trainings,
            evidence=self.exchange.seal(
                parts.to_bytes(), case.trade_id, f"evidence/{number}", case.evidence_readers
            ),
            composite=sealed,
            execution=execution(case.seed, [asked]),
        )
        training = self.exchange.publish(record)
        passed = score_of(case, votes).ppm >= case.request.threshold
        shares = self.book.allocation(case.trade_id, votes) if passed else ()
        finding = AttemptFinding(
            model=model_digest(case.name, composite, payload),
            training=training,
            delivery=self._delivery(case, number, sealed) if passed else NO_DELIVERY,
            evidence=digest_of(cid_of(parts.document(case, number, training).to_bytes())),
            amounts=tuple(share.amount for share in shares),
        )
        return AttemptProposal(number, sealed, finding)

    # ------------------------------------------------------------------- inside

    def _without_model(
        self, case: Case, number: int, repeats: int | None, trainings: tuple[Training, ...]
    ) -> AttemptProposal:
        """Publish what stands for a model that is not there; the attempt failed."""
        what = (
            "no chosen expert delivered a usable model"
            if repeats is None
            else f"the experts delivered the models of attempt {repeats} again"
        )
        if not training_is_over(self.market.status(case.trade_id), self.market.node.now()):
            raise TradeRefused(
                what,
                "try again while there is time to train; then the attempt is reported as failed",
            )
        self.progress(f"{what}, and the time to train is over")
        model = self.exchange.publish(no_model(self.market, case, number, repeats))
        training = self.exchange.publish(TrainingRecord(trade=case.name, trainings=trainings))
        return AttemptProposal(
            number, None, AttemptFinding(model, training, NO_DELIVERY, model, ())
        )

    def _data_finding(
        self, case: Case, found: Inspection, owners: Sequence[ExpertOwner]
    ) -> DataFinding:
        """Publish the evidence of data and gate; returns what it comes down to."""
        evidence = self.exchange.publish(found.manifest)
        if found.rows < case.request.min_rows:
            self.progress(f"{found.rows} rows are left, too few of {case.request.min_rows}")
            return DataFinding(found.accepted, (), (), evidence, NO_GATE)
        candidates = self._candidates(case, found, owners)
        roster = {name: owner.kind for name, owner in sorted(candidates.items())}
        deliveries = [delivery.sealed for delivery in found.manifest.deliveries]
        decision = self.book.decision(case.trade_id, deliveries, roster, self.progress)
        weights = decision.weights
        manifest = GateManifest(
            trade=case.name,
            candidates=tuple(roster),
            kinds=tuple(roster.values()),
            routing=self.exchange.store.put(encode_routing(decision.routed)),
            subsets=tuple(self._given(case, decision, candidates[name]) for name in weights),
            execution=execution(case.seed, decision.steps),
        )
        return DataFinding(
            found.accepted,
            tuple(subset.expert for subset in manifest.subsets),
            tuple(weights.values()),
            evidence,
            self.exchange.publish(manifest),
        )

    def _candidates(
        self, case: Case, found: Inspection, owners: Sequence[ExpertOwner]
    ) -> dict[str, ExpertOwner]:
        """Return by lowercase address the owners who may train in this trade, by the registry.

        Of several of one kind one is drawn.
        """
        request = case.request
        providers = [delivery.provider for delivery in found.manifest.deliveries]
        fit = self.market.registry.functions.requireFitExperts
        by_kind: dict[str, dict[str, ExpertOwner]] = {}
        for owner in owners:
            try:
                require_kind(owner.kind)
                parties = request.buyer, request.auditor, providers, case.members
                self.market.node.call(fit(*parties, [owner.address]))
                by_kind.setdefault(owner.kind, {})[owner.address] = owner
            except (ConfigurationError, TransactionReverted) as error:
                self.progress(f"{owner.address} is left out: {error.cause}")
        return {
            owner.address.lower(): owner
            for owner in (self._one_of(case, kind, same) for kind, same in by_kind.items())
        }

    def _one_of(self, case: Case, kind: str, same: Mapping[str, ExpertOwner]) -> ExpertOwner:
        """Return the owner of a kind that takes part, of one or more."""
        if len(same) == 1:
            return next(iter(same.values()))
        marks = marks_of(self.market, self.exchange, case.trade_id, same)
        chosen = drawn(case.trade_id, kind, marks)
        for owner in sorted(same.keys() - {chosen}):
            self.progress(f"{owner} is left out: {chosen} was drawn of the kind {kind}")
        return same[chosen]

    def _given(self, case: Case, decision: GateDecision, owner: ExpertOwner) -> Subset:
        """Seal an expert's subset for it and for the committee, which checks it."""
        payload = encode_subset(decision.routing.subsets[owner.address.lower()])
        sealed = self.exchange.seal(
            payload, case.trade_id, f"subset/{owner.address}", [owner.address, *case.members]
        )
        return Subset(expert=owner.address, expert_kind=owner.kind, sealed=sealed)

    def _delivery(self, case: Case, number: int, sealed: Sealed) -> bytes:
        manifest = DeliveryManifest(
            trade=case.name,
            attempt=number,
            sealed=self.exchange.share(sealed, [case.request.buyer]),
        )
        return self.exchange.publish(manifest)
