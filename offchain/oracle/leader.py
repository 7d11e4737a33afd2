"""The signer that leads a trade: does the work, collects a quorum's signatures, posts reports.

Any member can lead, and any member can take over in the middle of a trade: what a leader
needs is on chain and in storage. Leading gives no power, since every other member
recomputes before it signs, and the contract counts signatures only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from marketplace.protocol.documents import (
    DataManifest,
    DeliveryManifest,
    GateManifest,
    Sealed,
    SettlementEvidence,
    Subset,
    Training,
    TrainingRecord,
)
from marketplace.protocol.errors import MarketError, TradeRefused
from marketplace.protocol.ids import score_seal
from marketplace.protocol.states import State
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import Attempt, DataReport, GateReport, Opening
from marketplace.protocol.typed_data import signer_of
from offchain.oracle.assembly import assemble
from offchain.oracle.attempt import (
    AttemptProposal,
    EvidenceParts,
    full_report,
    model_digest,
    open_reported,
    score_of,
)
from offchain.oracle.case import (
    Case,
    ReportedAttempt,
    accepted_quotes,
    committed_weights,
    reported_attempts,
    require_due,
)
from offchain.oracle.casebook import Progress
from offchain.oracle.experts import ExpertOwner
from offchain.oracle.quorum import collect
from offchain.oracle.routing import GateDecision, encode_routing
from offchain.oracle.signer import NO_DELIVERY, OracleSigner, Verdict, settlement_report
from offchain.storage.cid import cid_of, digest_of
from offchain.training import Composite, encode_subset
from offchain.validation import Evidence


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
        progress: Progress = lambda message: None,
    ) -> None:
        self.signer = signer
        self.peers = peers
        self.progress = progress
        self.market = signer.market
        self.exchange = signer.exchange
        self.book = signer.book

    # ------------------------------------------------------------------ reports

    def report_data(self, trade_id: bytes, deliveries: Mapping[str, Sealed | None]) -> DataManifest:
        """Inspect what the providers delivered and have the good deliveries paid.

        Parameters
        ----------
        deliveries
            Sealed dataset by provider (checksummed); None or absent when nothing came.

        Raises
        ------
        QuorumNotReached, TradeRefused
            If the committee doesn't agree, or no data report is due.
        """
        require_due(self.market, trade_id, State.FUNDED)
        case, quotes = self.book.case(trade_id), accepted_quotes(self.market, trade_id)
        found = self.book.inspection(trade_id, [deliveries.get(q.provider) for q in quotes])
        evidence = self.exchange.publish(found.manifest)
        report = DataReport(trade_id, case.committee_version, found.accepted, evidence)
        signatures = self._signatures(case, report, lambda s: s.review_data(trade_id, evidence))
        self._send("deliverData", trade_id, quotes, found.accepted, evidence, signatures)
        return found.manifest

    def report_gate(self, trade_id: bytes, owners: Sequence[ExpertOwner]) -> dict[str, int]:
        """Decide the gate, hand each chosen expert its subset and commit the weights.

        Returns
        -------
        dict of str to int
            Weight in parts per million by lowercase address, ascending.

        Raises
        ------
        QuorumNotReached, TradeRefused
            If the committee doesn't agree, no gate is due, or nobody can be chosen.
        """
        require_due(self.market, trade_id, State.DATA_DELIVERED)
        case, quotes = self.book.case(trade_id), accepted_quotes(self.market, trade_id)
        barred = {case.request.buyer, case.request.auditor, *(q.provider for q in quotes)}
        candidates = {o.address.lower(): o for o in owners if o.address not in barred}
        roster = {name: owner.kind for name, owner in sorted(candidates.items())}
        decision = self.book.decision(trade_id, roster, self.progress)
        weights = decision.weights
        manifest = GateManifest(
            trade=case.name,
            candidates=tuple(roster),
            kinds=tuple(roster.values()),
            routing=self.exchange.store.put(encode_routing(decision.routed)),
            subsets=tuple(self._given(case, decision, candidates[name]) for name in weights),
        )
        evidence = self.exchange.publish(manifest)
        experts = tuple(subset.expert for subset in manifest.subsets)
        shares = tuple(weights.values())
        report = GateReport(trade_id, case.committee_version, experts, shares, evidence)
        signatures = self._signatures(case, report, lambda s: s.review_gate(trade_id, evidence))
        self._send("commitGate", trade_id, quotes, experts, shares, evidence, signatures)
        return weights

    def run_attempt(self, trade_id: bytes, owners: Sequence[ExpertOwner]) -> AttemptProposal:
        """Have the chosen experts train, score the composite and report the verdict.

        Raises
        ------
        QuorumNotReached, TradeRefused
            If the committee doesn't agree, no attempt is due, or no chosen expert
            delivered a usable model.
        """
        number = require_due(self.market, trade_id, State.GATED).attempts + 1
        case = self.book.case(trade_id)
        composite, trainings = assemble(self.signer, trade_id, number, owners, self.progress)
        votes = composite.evidence(case.validation.features)
        proposal = self.propose(case, number, composite, trainings, votes)

        def signed(verdict: Verdict) -> tuple[Struct, bytes]:
            return full_report(case, number, proposal.report, verdict.seal), verdict.signature

        verdicts = collect(
            self.market,
            case,
            self._seats(trade_id),
            lambda seat: seat.review_attempt(trade_id, proposal),
            signed,
            self.progress,
        )
        seals = [verdict.seal for _, verdict in verdicts]
        signatures = [verdict.signature for _, verdict in verdicts]
        step = f"reportAttempt {number}"
        self._send("reportAttempt", trade_id, proposal.report, seals, signatures, step=step)
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
        record = TrainingRecord(
            trade=case.name,
            trainings=trainings,
            evidence=self.exchange.seal(
                parts.to_bytes(), case.trade_id, f"evidence/{number}", case.evidence_readers
            ),
        )
        training = self.exchange.publish(record)
        payload = composite.to_bytes()
        purpose = f"composite/{number}"
        sealed = self.exchange.seal(payload, case.trade_id, purpose, case.members)
        passed = score_of(case, votes).ppm >= case.request.threshold
        report = Attempt(
            model=model_digest(case.name, number, composite, payload),
            training=training,
            passed=passed,
            delivery=self._delivery(case, number, sealed) if passed else NO_DELIVERY,
            evidence=digest_of(cid_of(parts.document(case, number, training).to_bytes())),
        )
        return AttemptProposal(number, sealed, report)

    def report_settlement(self, trade_id: bytes) -> SettlementEvidence:
        """Divide the expert pool by Shapley value and settle the trade.

        Raises
        ------
        QuorumNotReached, TradeRefused
            If the committee doesn't agree, or no settlement is due.
        """
        require_due(self.market, trade_id, State.PASSED)
        case, settlement = self.book.case(trade_id), self.book.settlement(trade_id)
        report = settlement_report(case, settlement)
        signatures = self._signatures(
            case, report, lambda seat: seat.review_settlement(trade_id, settlement)
        )
        weights = committed_weights(self.market, trade_id)
        self._send(
            "settle",
            trade_id,
            tuple(weights),
            tuple(weights.values()),
            report.amounts,
            report.evidence,
            signatures,
        )
        return settlement

    def publish(self, trade_id: bytes) -> None:
        """Once the trade has ended: publish its evidence and open the scores.

        May be repeated: what is there already is left as it is.

        Raises
        ------
        TradeRefused
            If the trade is still running.
        """
        state = self.market.trade(trade_id).state
        if not state.final:
            raise TradeRefused(
                f"the trade is {state.name}", "publish its evidence once it has ended"
            )
        log = self.market.log(trade_id)
        opened = {e["args"]["attempt"] for e in log if e["event"] == "ScoresOpened"}
        for attempt in reported_attempts(self.market, trade_id):
            self._publish_evidence(trade_id, attempt)
            if attempt.number not in opened:
                self.progress(f"opening the sealed scores of attempt {attempt.number}")
                step = f"openScores {attempt.number}"
                openings = self._openings(trade_id, attempt)
                self._send("openScores", trade_id, attempt.number, openings, step=step)
        if any(e["event"] == "TradeSettled" and any(e["args"]["evidence"]) for e in log):
            self.exchange.publish(self.book.settlement(trade_id))

    # ------------------------------------------------------------------- inside

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

    def _publish_evidence(self, trade_id: bytes, attempt: ReportedAttempt) -> None:
        case = self.book.case(trade_id)
        parts = open_reported(self.exchange, case, attempt)
        self.exchange.store.put(parts.votes)
        self.exchange.store.put(parts.openings)
        self.exchange.publish(parts.document(case, attempt.number, attempt.report.training))

    def _openings(self, trade_id: bytes, attempt: ReportedAttempt) -> list[Opening]:
        """Ask every signer to reveal; one out of reach, or that reveals another, stays closed."""
        case = self.book.case(trade_id)
        seats = {seat.address: seat for seat in self._seats(trade_id)}
        openings = []
        for seal, signature in zip(attempt.seals, attempt.signatures, strict=True):
            report = full_report(case, attempt.number, attempt.report, seal)
            address = signer_of(self.market.domain, report, signature)
            try:
                openings.append(self._opening(trade_id, attempt, seal, seats.get(address)))
            except MarketError as error:
                self.progress(f"{address} does not open its score: {error.cause}")
                openings.append(Opening(address, seal, 0, bytes(32)))
        return openings

    def _opening(
        self, trade_id: bytes, attempt: ReportedAttempt, seal: bytes, seat: OracleSigner | None
    ) -> Opening:
        if seat is None:
            raise TradeRefused("it is out of reach", "open its score later")
        found = seat.opening(trade_id, attempt, seal)
        remade = score_seal(trade_id, attempt.number, seat.address, found.score, found.salt)
        if found.signer != seat.address or found.seal != seal or remade != seal:
            raise TradeRefused("what it reveals is not what it sealed", "ask it again")
        return found

    def _signatures(
        self, case: Case, report: Struct, review: Callable[[OracleSigner], bytes]
    ) -> list[bytes]:
        """Collect a quorum's signatures over one report, ascending by signer."""
        found = collect(
            self.market,
            case,
            self._seats(case.trade_id),
            review,
            lambda signature: (report, signature),
            self.progress,
        )
        return [signature for _, signature in found]

    def _seats(self, trade_id: bytes) -> list[OracleSigner]:
        """Return all seats, the own first; peers take turns, so that each earns its seat.

        Whoever reviews the gate comes first in the attempts, too: it has fitted that gate.
        """
        if not self.peers:
            return [self.signer]
        turn = int(self.market.trade(trade_id).state) // 2 % len(self.peers)
        return [self.signer, *self.peers[turn:], *self.peers[:turn]]

    def _send(self, function: str, *arguments: object, step: str | None = None) -> None:
        self.market.send(self.signer.account, function, *arguments, step=step)
