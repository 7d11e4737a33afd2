"""One seat of the committee: recomputes what the leader proposes, and signs only that.

A signer trusts the chain and its own key. Whatever it is handed is a reference: it
fetches, opens and recomputes by itself, and refuses with a reason when it finds
something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marketplace.chain.market import Market, ReportedAttempt
from marketplace.protocol.agreement import seats_in
from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import (
    DataManifest,
    DeliveryManifest,
    GateManifest,
    NoModel,
    Sealed,
    TrainingRecord,
)
from marketplace.protocol.errors import MarketError, TradeRefused
from marketplace.protocol.ids import score_seal
from marketplace.protocol.states import State
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import AttemptFinding, DataFinding, Opening
from marketplace.protocol.typed_data import sign
from offchain.compute import work_on_one_core
from offchain.exchange import Exchange
from offchain.oracle.absence import no_model, repeated_attempt, training_is_over
from offchain.oracle.assembly import gather
from offchain.oracle.attempt import (
    AttemptProposal,
    model_digest,
    open_evidence,
    reported_score,
    score_of,
)
from offchain.oracle.candidates import fit_owners
from offchain.oracle.case import Case, accepted_quotes, require_decided, require_due
from offchain.oracle.casebook import Casebook, roster_of
from offchain.oracle.experts import ExpertOwner, require_signed
from offchain.oracle.hindrances import delivery_is_over, no_gate_reason
from offchain.oracle.inspection import Inspection
from offchain.oracle.numerics import (
    TOLERANCE,
    refusing,
    routing_apart,
    same_votes,
    subsets_apart,
    votes_apart,
)
from offchain.oracle.reports import attempt_report, data_report
from offchain.oracle.routing import GateDecision, decode_routing, expert_weights
from offchain.oracle.showing import show_scored
from offchain.storage.cid import cid_of, digest_of
from offchain.training import Composite, compose, decode_subset
from offchain.validation import Evidence, decode_evidence, encode_openings

NO_GATE = bytes(32)
"""The gate evidence of a data report that leaves too few rows."""

NO_DELIVERY = bytes(32)
"""The delivery of a failed attempt."""


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
    folder
        Where it keeps finished steps, so that it goes on there after it was killed.
    owners
        Experts that it asks by itself before it signs that nobody has a usable model.
    """

    def __init__(
        self,
        market: Market,
        exchange: Exchange,
        folder: Path | None = None,
        owners: Sequence[ExpertOwner] = (),
    ) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account
        self.book = Casebook(market, exchange, folder)
        self.owners = owners
        work_on_one_core()

    @property
    def address(self) -> str:
        """The seat's account, checksummed."""
        return self.account.address

    # ------------------------------------------------------------------ reviews

    def review_data(self, trade_id: bytes, data_evidence: bytes, gate_evidence: bytes) -> bytes:
        """Inspect every delivery, fit the gate to what is good, and sign if the findings agree.

        Parameters
        ----------
        data_evidence
            Digest of the data manifest, 32 bytes.
        gate_evidence
            Digest of the gate manifest, 32 bytes; zero when too few rows are left. The
            weights are what its routing gives.

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
        status = require_due(self.market, trade_id, State.FUNDED)
        committee = self.market.committee_of(self.market.agreement(trade_id).request.committee)
        manifest = self._manifest(trade_id, data_evidence)
        nothing = not any(delivery.accepted for delivery in manifest.deliveries)
        if nothing and gate_evidence == NO_GATE and self._hindered(trade_id, manifest):
            _require(
                delivery_is_over(status, self.market.node.now()), "there is still time to deliver"
            )
            finding = DataFinding(0, (), (), data_evidence, NO_GATE)
            return self._signed(data_report(trade_id, committee, finding))
        case = self.book.case(trade_id)
        found = self._inspected(case, manifest)
        enough = found.rows >= case.request.min_rows
        _require(
            enough == (gate_evidence != NO_GATE),
            f"{found.rows} rows are left of {case.request.min_rows} that are needed, and a gate is"
            f" {'missing' if enough else 'there'}",
        )
        weights = self._gated(case, found, gate_evidence) if enough else {}
        finding = DataFinding(
            found.accepted, tuple(weights), tuple(weights.values()), data_evidence, gate_evidence
        )
        return self._signed(data_report(trade_id, committee, finding))

    def review_attempt(self, trade_id: bytes, proposal: AttemptProposal) -> Verdict:
        """Run the model on the validation rows, score it, and sign the verdict it earns.

        An attempt without a model scores zero, once this seat finds none either. All seats
        score the same sealed votes in whole numbers, so two honest ones can't find different
        verdicts. One that finds another verdict than the leader has nothing to sign: what is
        delivered and paid follows from the verdict.

        Raises
        ------
        MarketError
            As `review_data`.
        """
        trade = require_due(self.market, trade_id, State.GATED)
        due = trade.attempts + 1
        _require(proposal.number == due, f"this is attempt {due}, not {proposal.number}")
        case = self.book.case(trade_id)
        if proposal.composite is None:
            self._require_no_model(case, proposal)
            score, passed = 0, False
        else:
            score, passed = self._scored(case, proposal, proposal.composite)
        seal = self._seal(trade_id, proposal.number, score)
        report = attempt_report(case, proposal.number, proposal.finding, passed, seal)
        return Verdict(seal, self._signed(report))

    # ----------------------------------------------------------- after the verdict

    def opening(self, trade_id: bytes, attempt: ReportedAttempt) -> Opening:
        """Reveal this seat's sealed score of an attempt.

        Raises
        ------
        TradeRefused
            If another attempt may follow, or this seat did not seal that score.
        """
        require_decided(self.market, trade_id)
        case = self.book.case(trade_id)
        signers = [case.members[seat] for seat in seats_in(attempt.record.signers)]
        seals = dict(zip(signers, attempt.record.seals, strict=True))
        score = reported_score(self.exchange, case, attempt)
        if seals.get(self.address) != self._seal(trade_id, attempt.number, score):
            raise TradeRefused(
                f"{self.address} sealed no score of {score} ppm in attempt {attempt.number}",
                "ask the seats that signed the attempt",
            )
        return Opening(score, self._salt(trade_id, attempt.number))

    def show_model(self, trade_id: bytes, attempt: int) -> dict[int, Sealed]:
        """Share an attempt's composite with the panel of a disputed trade; see `show_scored`."""
        return show_scored(self.market, self.exchange, trade_id, attempt)

    # ------------------------------------------------------------------- inside

    def _manifest(self, trade_id: bytes, evidence: bytes) -> DataManifest:
        """Return the data manifest, with one delivery for each quote."""
        manifest = self.exchange.read(DataManifest, evidence)
        named = manifest.trade == "0x" + trade_id.hex()
        _require(named, "the data manifest is about another trade")
        quoted = [quote.provider for quote in accepted_quotes(self.market, trade_id)]
        delivered = [delivery.provider for delivery in manifest.deliveries]
        _require(quoted == delivered, f"the deliveries are by {delivered}, not by {quoted}")
        return manifest

    def _hindered(self, trade_id: bytes, manifest: DataManifest) -> bool:
        """Tell whether this seat, too, finds that nothing of a trade can be judged."""
        if self.book.hindrance(trade_id) is not None:
            return True
        case = self.book.case(trade_id)
        deliveries = [delivery.sealed for delivery in manifest.deliveries]
        few = self.book.inspection(trade_id, deliveries).rows < case.request.min_rows
        if few or not self.owners:
            return False  # an ordinary report; who knows no experts can't tell that none suits
        fit = fit_owners(self.book, case, self.owners)
        try:
            self.book.decision(trade_id, deliveries, {name: fit[name].kind for name in fit})
        except MarketError as error:
            if no_gate_reason(error) is None:
                raise
            return True
        return False

    def _inspected(self, case: Case, manifest: DataManifest) -> Inspection:
        """Return this seat's own inspection, which agrees with the data manifest."""
        found = self.book.inspection(case.trade_id, [d.sealed for d in manifest.deliveries])
        theirs = [delivery.accepted for delivery in manifest.deliveries]
        ours = [delivery.accepted for delivery in found.manifest.deliveries]
        _require(ours == theirs, f"deliveries were accepted as {theirs}, this signer finds {ours}")
        return found

    def _gated(self, case: Case, found: Inspection, evidence: bytes) -> dict[str, int]:
        """Return the weights (ppm) by expert of a gate manifest that agrees with the own gate."""
        manifest = self.exchange.read(GateManifest, evidence)
        _require(manifest.trade == case.name, "the gate manifest is about another trade")
        kinds = manifest.kinds
        _require(len(set(kinds)) == len(kinds), "a kind has two owners, where one takes part")
        deliveries = [delivery.sealed for delivery in found.manifest.deliveries]
        ours = self.book.decision(case.trade_id, deliveries, roster_of(manifest))
        routed = decode_routing(self.exchange.store.get(manifest.routing))
        apart = routing_apart(routed, ours.routed)
        _require(apart <= TOLERANCE, f"the routing differs by {apart:.1%} from this signer's")
        weights = expert_weights(manifest.candidates, routed)
        self._require_subsets(case, manifest, ours, tuple(weights))
        experts = [subset.expert for subset in manifest.subsets]
        return dict(zip(experts, weights.values(), strict=True))

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

    def _require_no_model(self, case: Case, proposal: AttemptProposal) -> None:
        """Require that this seat, too, finds no usable model that was not scored before."""
        number, finding, trade_id = proposal.number, proposal.finding, case.trade_id
        _require(
            training_is_over(self.market.status(trade_id), self.market.node.now()),
            "the time to train is not over",
        )
        theirs = self.exchange.read(NoModel, finding.model)
        _require(
            theirs == no_model(self.market, case, number, theirs.repeats),
            "what stands for the model is not what the chain says of the experts' deliveries",
        )
        record = self.exchange.read(TrainingRecord, finding.training)
        claimed = self._signed_models(case, number, record)
        earlier = self.market.agreement(trade_id).attempts
        _require(
            theirs.repeats == repeated_attempt(self.exchange, earlier, claimed)
            and bool(claimed) == (theirs.repeats is not None),
            f"the models signed for are not those of attempt {theirs.repeats}",
        )
        for training in gather(self.book, trade_id, number, self.owners).trainings:
            _require(
                claimed.get(training.expert.lower()) == training.model,
                f"{training.expert} has a usable model that was not scored",
            )
        _require(
            record == TrainingRecord(trade=case.name, trainings=record.trainings)
            and finding
            == AttemptFinding(finding.model, finding.training, NO_DELIVERY, finding.model, ()),
            "the report of an attempt without a model holds something else",
        )

    def _scored(self, case: Case, proposal: AttemptProposal, sealed: Sealed) -> tuple[int, bool]:
        """Return the score that this seat finds, and whether it passes as the leader says."""
        composite = self._opened_composite(case, proposal, sealed)
        self._require_trained(case, proposal, composite)
        votes = self._checked_votes(case, proposal, composite)
        score = score_of(case, votes).ppm
        passed = score >= case.request.threshold
        _require(
            passed == proposal.passed,
            f"the verdict is not what this signer finds ({'passed' if passed else 'failed'})",
        )
        self._require_outcome(case, proposal, sealed, votes)
        record = self.exchange.read(TrainingRecord, proposal.finding.training)
        _require(  # that is what a seat shows to a panel
            record.composite == sealed, "the training record names another sealed composite"
        )
        return score, passed

    def _opened_composite(self, case: Case, proposal: AttemptProposal, sealed: Sealed) -> Composite:
        purpose = f"composite/{proposal.number}"
        payload = self.exchange.unseal(sealed, case.trade_id, purpose)
        composite = Composite.from_bytes(payload)
        _require(composite.task == case.task, "the composite is for another task")
        _require(
            model_digest(case.name, composite, payload) == proposal.finding.model,
            "the model's digest is not that of the composite",
        )
        return composite

    def _require_trained(self, case: Case, proposal: AttemptProposal, composite: Composite) -> None:
        """Require that the composite is made of what chosen experts trained and signed for."""
        record = self.exchange.read(TrainingRecord, proposal.finding.training)
        signed = self._signed_models(case, proposal.number, record)
        _require(
            tuple(signed) == tuple(composite.experts),
            f"{tuple(signed)} signed for training, the composite is of {tuple(composite.experts)}",
        )
        for name, model in signed.items():
            _require(
                model == "0x" + digest_of(cid_of(composite.experts[name].to_bytes())).hex(),
                f"the model of {name} is not the one that it signed for",
            )
        earlier = self.market.agreement(case.trade_id).attempts
        repeats = repeated_attempt(self.exchange, earlier, signed)
        _require(repeats is None, f"the models are those of attempt {repeats}")
        for training in gather(self.book, case.trade_id, proposal.number, ()).trainings:
            _require(
                signed.get(training.expert.lower()) == training.model,
                f"the usable model that {training.expert} put on record is left out",
            )

    def _signed_models(self, case: Case, number: int, record: TrainingRecord) -> dict[str, str]:
        """Return the digest (0x-hex) of each model that a chosen expert signed for."""
        manifest = self.book.committed_manifest(case.trade_id)
        given = {subset.expert.lower(): subset for subset in manifest.subsets}
        _require(record.trade == case.name, "the training record is about another trade")
        names = [training.expert.lower() for training in record.trainings]
        _require(names == sorted(set(names)), "the experts don't ascend")
        signed: dict[str, str] = {}
        for name, training in zip(names, record.trainings, strict=True):
            _require(name in given, f"the gate did not choose {training.expert}")
            model = require_signed(self.market.domain, case.trade_id, number, given[name], training)
            signed[name] = "0x" + model.hex()
        return signed

    def _checked_votes(
        self, case: Case, proposal: AttemptProposal, composite: Composite
    ) -> Evidence:
        """Return the sealed votes once they are seen to be the composite's, under our gate.

        The score is computed from them, not from this machine's own: they are what anyone
        recomputes it from once the verdict is final.
        """
        finding = proposal.finding
        parts = open_evidence(
            self.exchange, case, proposal.number, finding.training, finding.evidence
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

    def _require_outcome(
        self, case: Case, proposal: AttemptProposal, sealed: Sealed, votes: Evidence
    ) -> None:
        """Require that a pass, and only a pass, delivers what was scored and pays for it."""
        finding = proposal.finding
        if not proposal.passed:
            _require(not finding.amounts, "a failed attempt pays the experts")
            return
        manifest = self.exchange.read(DeliveryManifest, finding.delivery)
        named = manifest.trade, manifest.attempt, manifest.sealed.ciphertext
        _require(
            named == (case.name, proposal.number, sealed.ciphertext),
            "the delivery is not the composite that was scored",
        )
        shares = self.book.allocation(case.trade_id, votes)
        ours = tuple(share.amount for share in shares)
        _require(finding.amounts == ours, "the allocation is not what this signer computes")

    def _seal(self, trade_id: bytes, attempt: int, score: int) -> bytes:
        return score_seal(trade_id, attempt, self.address, score, self._salt(trade_id, attempt))

    def _salt(self, trade_id: bytes, attempt: int) -> bytes:
        return derived_secret(self.account, "score salt", trade_id, bytes([attempt]))

    def _signed(self, report: Struct) -> bytes:
        return sign(self.market.domain, report, self.account)


def _require(holds: bool, cause: str) -> None:
    if not holds:
        raise TradeRefused(cause, "let the leader propose again, or let the trade time out")
