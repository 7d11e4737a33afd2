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
from marketplace.protocol.errors import MarketError, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import AttemptFinding, DataFinding
from marketplace.protocol.typed_data import quorum_signatures
from offchain.data import encode
from offchain.oracle.absence import models_of, no_model, repeated_attempt, training_is_over
from offchain.oracle.assembly import composed, gather
from offchain.oracle.attempt import (
    AttemptProposal,
    EvidenceParts,
    model_digest,
    score_of,
)
from offchain.oracle.candidates import fit_owners
from offchain.oracle.case import Case, accepted_quotes, require_due
from offchain.oracle.execution import execution
from offchain.oracle.experts import ExpertOwner
from offchain.oracle.hindrances import delivery_is_over, no_gate_reason, nothing_accepted
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

        With too few rows there is no gate, and the report refunds the buyer. So it does, once
        the time to deliver is over, where nothing can be judged: the validation rows are not
        those that the buyer committed to, or nobody can be chosen for the data. The committee
        that says so is paid for it; one that said nothing would be penalised.

        Parameters
        ----------
        deliveries
            Sealed dataset by provider (checksummed); None or absent when nothing came.
        owners
            Of the experts on offer. Each chosen one is handed its subset, sealed.

        Raises
        ------
        QuorumNotReached, TradeRefused
            If the committee doesn't agree, no data report is due, or nothing can be judged
            and there is still time to deliver.
        """
        status = require_due(self.market, trade_id, State.FUNDED)
        agreed = self.market.agreement(trade_id)
        committee = self.market.committee_of(agreed.request.committee)
        quotes = accepted_quotes(self.market, trade_id)
        handed_in = [deliveries.get(quote.provider) for quote in quotes]
        try:
            found = self.book.inspection(trade_id, handed_in)
            manifest, finding = found.manifest, self._data_finding(trade_id, found, owners)
        except MarketError as error:
            reason = self.book.hindrance(trade_id) or no_gate_reason(error)
            if reason is None or not delivery_is_over(status, self.market.node.now()):
                raise
            self.progress(f"nothing of this trade can be judged: {reason}")
            manifest = nothing_accepted(trade_id, quotes, handed_in, reason)
            finding = DataFinding(0, (), (), self.exchange.publish(manifest), NO_GATE)
        evidence = finding.data_evidence, finding.gate_evidence
        answers = collect(
            self.market,
            committee,
            self._seats(trade_id),
            lambda seat: seat.review_data(trade_id, *evidence),
            lambda signature: (data_report(trade_id, committee, finding), signature),
            self.progress,
        )
        self._send(
            "reportData",
            trade_id,
            agreed.deal,
            agreed.supplies,
            finding,
            committee,
            *quorum_signatures(answers),
        )
        return manifest

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
            case.committee,
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
        self, trade_id: bytes, found: Inspection, owners: Sequence[ExpertOwner]
    ) -> DataFinding:
        """Publish the evidence of data and gate; returns what it comes down to."""
        case = self.book.case(trade_id)
        evidence = self.exchange.publish(found.manifest)
        if found.rows < case.request.min_rows:
            self.progress(f"{found.rows} rows are left, too few of {case.request.min_rows}")
            return DataFinding(found.accepted, (), (), evidence, NO_GATE)
        candidates = fit_owners(self.book, case, owners, self.progress)
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
