"""Plays one trade with real contracts, real signatures and real documents, without training.

Each method is one step. What a test gives differs from what an honest party would do, and
is signed and stored as if it were true: that is how a dishonest committee looks::

    trade = AuditedTrade(market, store, parties)
    trade.to_gate()
    trade.attempt(passed=True, skill=3)   # a verdict that the votes don't bear out
    trade.finish()
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from audit_chain import QuickChain
from cast_of_trade import (
    ROWS,
    TASK,
    Cast,
    routing,
    shapley_by_orders,
    skill_by_orders,
    validation_commitment,
    votes,
    worth,
)
from clocks import Clocks
from disputing import Disputes
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from numpy.typing import NDArray
from safetensors.numpy import save

from marketplace.chain.market import Market
from marketplace.protocol.agreement import (
    amounts_hash,
    deal_of,
    gate_of,
    gated_digest,
    price_of,
    record_hash,
    record_of,
    supplies_of,
    terms_hash,
)
from marketplace.protocol.attempts import attempt_proof, history_of, path_of
from marketplace.protocol.documents import (
    AttemptEvidence,
    Attestation,
    DataManifest,
    DataNeed,
    Delivery,
    DeliveryManifest,
    Division,
    Document,
    GateExpert,
    GateManifest,
    NoModel,
    Sealed,
    Specification,
    Subset,
    Training,
    TrainingRecord,
)
from marketplace.protocol.ids import score_seal, trade_id
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import (
    NATIVE,
    NO_AUDIT,
    NO_PERMIT,
    AttemptFinding,
    AttemptRecord,
    AttemptReport,
    AuditFinding,
    AuditReport,
    DataFinding,
    DataQuote,
    DataReport,
    Deal,
    Gate,
    ModelQuote,
    Opening,
    Request,
    Supply,
    TrainingCommitment,
    Windows,
)
from marketplace.protocol.typed_data import quorum_signatures, sign
from marketplace.protocol.units import PARTS, largest_remainder
from offchain.storage.cid import cid_of, digest_of
from offchain.storage.disk import DiskStore
from offchain.validation import Evidence, encode_evidence, encode_openings

FAR_FUTURE = 2**40 - 1
WINDOWS = Windows(
    quote=1_000,
    delivery=2_000,
    judging=3_700,
    training=3_000,
    validation=3_800,
    review=10_000,
    settlement=6_000,
)
ROWS_EACH = (50, 30, 20)
PRICES_EACH = (3 * 10**15 + 1, 2 * 10**15 + 7, 10**15 + 3)
FEES = (5 * 10**14, 4 * 10**14, 3 * 10**14 + 1)
"""For broker, auditor and oracles."""

LICENCE = b"for one season only"
SKILLED, UNSKILLED = 8, 4
SEATS = (0, 1)
"""Who signs, if a test doesn't say otherwise."""

CLOSED = Opening(0, bytes(32))


@dataclass(frozen=True)
class Reported:
    """What was reported of an attempt, and the openings of its signers by seat."""

    finding: AttemptFinding
    record: AttemptRecord
    openings: dict[int, Opening]


class AuditedTrade(Clocks, Disputes):
    """One trade, step by step."""

    def __init__(
        self,
        market: Market,
        store: DiskStore,
        parties: Cast,
        salt: str = "a trade",
        division: Division = "shapley",
        **request: Any,
    ) -> None:
        self.market = market
        self.store = store
        self.parties = parties
        self.experts = tuple(expert.address for expert in parties.experts)
        self.routing: NDArray[np.int16] = routing(len(self.experts))
        self.routing_file: bytes | None = None
        self.never_delivered: Sequence[int] = ()
        self.sealed_evidence: Sealed | None = None
        self.sealed_composite: Sealed | None = None
        self.expiry = FAR_FUTURE
        self.prices = PRICES_EACH
        self.fees = FEES
        self.expert_pool = 10**16 + 11
        self.data_request: bytes | None = None
        self.labels = validation_commitment()
        self.committee = market.current_committee()
        self.division = division
        self.request = replace(self._usual_request(salt), **request)
        self.id = trade_id(market.domain.chain_id, market.address, self.request)
        self.subsets = {name: self.seal(f"subset of {name}") for name in self.experts}
        self.data: DataFinding | None = None
        self.attempts: list[Reported] = []
        self.unpublished: list[bytes] = []
        self.recorded: dict[str, str] = {}
        self.audit = NO_AUDIT

    @property
    def name(self) -> str:
        return "0x" + self.id.hex()

    def _usual_request(self, salt: str) -> Request:
        specification = Specification(
            task=TASK.to_json(),
            description="which stone is it?",
            validation=self.seal("validation"),
            auditor_reads=True,
            division=self.division,
        )
        rules = self.market.in_force()
        return Request(
            buyer=self.parties.buyer.address,
            broker=self.parties.broker.address,
            auditor=self.parties.auditor.address,
            currency=NATIVE,
            budget=10**18,
            threshold=700_000,
            max_attempts=2,
            min_rows=60,
            validation_rows=ROWS,
            validation_root=self.labels.root,
            spec=self.publish_document(specification),
            licence=digest_of(self.store.put(LICENCE)),
            transfer_rule=0,
            approval_required=False,
            committee=rules.committee,
            panel=rules.panel,
            fee_bps=rules.fee_bps,
            treasury=rules.treasury,
            windows=WINDOWS,
            salt=keccak(text=salt),
        )

    # ------------------------------------------------------------ request to money

    def ask(self) -> None:
        self.market.send(self.parties.buyer, "requestModel", self.request)

    def decline(self) -> None:
        self.market.send(self.parties.buyer, "declineQuote", self.request, keccak(text="too dear"))

    @property
    def quote(self) -> ModelQuote:
        need = DataNeed(trade=self.name, task=TASK.to_json(), min_rows=self.request.min_rows)
        quotes = tuple(
            DataQuote(self.id, provider.address, keccak(text=f"data {i}"), rows, price, self.expiry)
            for i, (provider, rows, price) in enumerate(
                zip(self.parties.providers, ROWS_EACH, self.prices, strict=True)
            )
        )
        return ModelQuote(
            trade_id=self.id,
            data_request=self.data_request or self.publish_document(need),
            data_quotes=quotes,
            expert_pool=self.expert_pool,
            broker_fee=self.fees[0],
            auditor_fee=self.fees[1],
            oracle_fee=self.fees[2],
            expiry=self.expiry,
        )

    def accept(self) -> None:
        quote = self.quote
        price = price_of(quote, self.request.fee_bps)[0]
        offers = zip(quote.data_quotes, self.parties.providers, strict=True)
        signatures = [
            self.sign(quote, self.parties.broker),
            *(self.sign(offer, provider) for offer, provider in offers),
        ]
        value = price if self.request.currency == NATIVE else 0
        arguments = (self.request, self.committee, quote, price, signatures, NO_PERMIT)
        self.market.send(self.parties.buyer, "acceptQuote", *arguments, value=value)

    # ------------------------------------------------------------------ data, gate

    @property
    def deal(self) -> Deal:
        return deal_of(self.request, self.quote)

    @property
    def supplies(self) -> tuple[Supply, ...]:
        return supplies_of(self.quote)

    @property
    def gate(self) -> Gate:
        assert self.data is not None
        history = history_of([attempt.record for attempt in self.earlier])
        return gate_of(self.supplies, self.data, history)

    @property
    def earlier(self) -> list[Reported]:
        """The attempts that decided nothing."""
        cap = self.request.max_attempts
        return [a for a in self.attempts if not a.finding.amounts and a.record.attempt < cap]

    def put_on_record(self, account: LocalAccount) -> None:
        self.market.send(account, "recordDelivery", self.id, keccak(text="what I delivered"))

    def true_weights(self) -> list[int]:
        return largest_remainder(PARTS, [int(load) for load in self.routing.sum(axis=0)])

    def report_data(
        self,
        accepted: int = 0b111,
        manifest_says: int | None = None,
        weights: Sequence[int] | None = None,
        seats: Sequence[int] = SEATS,
    ) -> None:
        """Report data and gate; without a gate if too few rows are left."""
        rows = sum(rows for i, rows in enumerate(ROWS_EACH) if accepted >> i & 1)
        enough = rows >= self.request.min_rows
        self.data = DataFinding(
            accepted=accepted,
            experts=self.experts if enough else (),
            weights=tuple(weights or self.true_weights()) if enough else (),
            data_evidence=self._data_manifest(accepted if manifest_says is None else manifest_says),
            gate_evidence=self._gate_manifest() if enough else bytes(32),
        )
        report = DataReport(self.id, self.committee.version, *self.data.as_tuple())
        packed = self.quorum(dict.fromkeys(seats, report))
        self._post("reportData", self.deal, self.supplies, self.data, self.committee, *packed)

    def _data_manifest(self, said: int) -> bytes:
        manifest = DataManifest(
            trade=self.name,
            deliveries=tuple(
                Delivery(
                    provider=provider.address,
                    sealed=None if i in self.never_delivered else self.seal(f"data {i}"),
                    accepted=bool(said >> i & 1),
                    reason="" if said >> i & 1 else "the rows teach nothing",
                )
                for i, provider in enumerate(self.parties.providers)
            ),
        )
        return self.publish_document(manifest)

    def _gate_manifest(self) -> bytes:
        manifest = GateManifest(
            trade=self.name,
            candidates=tuple(name.lower() for name in self.experts),
            routing=self.store.put(self.routing_file or save({"routing": self.routing})),
            subsets=tuple(
                Subset(expert=name, expert_kind="forest", sealed=sealed)
                for name, sealed in self.subsets.items()
            ),
        )
        return self.publish_document(manifest)

    # ------------------------------------------------------------------- attempts

    def attempt(
        self,
        skill: int = SKILLED,
        *,
        passed: bool | None = None,
        evidence: Evidence | None = None,
        sealed: Callable[[int], int] = lambda score: score,
        openings: bytes | None = None,
        trainings: Callable[[list[Training]], list[Training]] = lambda trainings: trainings,
        amounts: Callable[[list[int]], list[int]] = lambda amounts: amounts,
        seats: Sequence[int] = SEATS,
        verdicts: Sequence[int] | None = None,
        like: int | None = None,
        **document: Any,
    ) -> None:
        """Report an attempt.

        Parameters
        ----------
        like
            The experts hand in the models of this attempt.
        sealed
            Turns the true score into the one that signers seal.
        amounts
            Turns the division of the pool that is due into the one that is reported.
        seats, verdicts
            Who signs, and who of them found that the model passed: all or none by default.
        document
            Fields of the evidence document that are to differ.
        """
        number = len(self.attempts) + 1
        evidence = evidence or votes(self.experts, skill)
        score = math.floor(worth(evidence, tuple(range(len(evidence.experts)))) * PARTS)
        passed = score >= self.request.threshold if passed is None else passed
        training = self._training(number, trainings, like)
        named = self._attempt_evidence(number, evidence, openings, training, document)
        finding = AttemptFinding(
            model=keccak(text=f"model {number} of {self.name}"),
            training=training,
            delivery=self._delivery(number) if passed else bytes(32),
            evidence=digest_of(cid_of(named.to_bytes())),
            amounts=tuple(amounts(self.true_amounts(evidence))) if passed else (),
        )
        for_it = seats if passed else ()
        self._report(
            number, finding, sealed(score), seats, for_it if verdicts is None else verdicts
        )

    def attempt_without_model(
        self,
        *,
        sealed: int = 0,
        verdicts: Sequence[int] = (),
        like: int | None = None,
        training: bytes | None = None,
        **document: Any,
    ) -> None:
        """Report that an attempt had no model.

        Parameters
        ----------
        like
            The experts hand in the models of this attempt; none by default.
        document
            Fields of what stands for the model that are to differ.
        """
        number = len(self.attempts) + 1
        recorded = dict(self.recorded)
        self.recorded.clear()
        said = NoModel(
            trade=self.name,
            attempt=number,
            repeats=like,
            experts=tuple(
                GateExpert(expert=expert, recorded=recorded.get(expert)) for expert in self.experts
            ),
            salt=0,
        ).model_copy(update=document)
        model = self.publish_document(said)
        found = self._training(number, lambda signed: signed if like else [], like)
        finding = AttemptFinding(
            model=model,
            training=training or found,
            delivery=self._delivery(number) if verdicts else bytes(32),
            evidence=model,
            amounts=(self.expert_pool, *[0] * (len(self.experts) - 1)) if verdicts else (),
        )
        self._report(number, finding, sealed, SEATS, verdicts)

    def record(self, expert: int, what: str = "a model") -> None:
        """Let an expert put something on record."""
        account, digest = self.parties.experts[expert], keccak(text=what)
        self.market.send(account, "recordDelivery", self.id, digest)
        self.recorded[account.address] = "0x" + digest.hex()

    def after_training(self) -> None:
        """Wait until the time to train is over."""
        status = self.market.status(self.id)
        until = status.deadline - status.windows.validation
        self.market.node.advance_time(until - self.market.node.now() + 1)

    def _attempt_evidence(
        self,
        number: int,
        evidence: Evidence,
        openings: bytes | None,
        training: bytes,
        changes: dict[str, Any],
    ) -> AttemptEvidence:
        parts = [
            encode_evidence(evidence),
            encode_openings(self.labels.openings) if openings is None else openings,
        ]
        document = AttemptEvidence(
            trade=self.name,
            attempt=number,
            metric=TASK.metric,
            classes=len(TASK.classes),
            votes=cid_of(parts[0]),
            openings=cid_of(parts[1]),
            training="0x" + training.hex(),
        ).model_copy(update=changes)
        self.unpublished += [*parts, document.to_bytes()]
        return document

    def _report(
        self,
        number: int,
        finding: AttemptFinding,
        score: int,
        seats: Sequence[int],
        passing: Sequence[int],
    ) -> None:
        openings, reports = {}, {}
        for seat in seats:
            signer = self.parties.signers[seat]
            openings[seat] = Opening(score, keccak(text=f"salt {number} {signer.address}"))
            reports[seat] = AttemptReport(
                trade_id=self.id,
                committee_version=self.committee.version,
                attempt=number,
                passed=seat in passing,
                seal=score_seal(self.id, number, signer.address, score, openings[seat].salt),
                **vars(finding),
            )
        signers, signatures = self.quorum(reports)
        verdicts = sum(1 << seat for seat in passing)
        seals = [reports[seat].seal for seat in seats]
        record = record_of(number, finding, signers, verdicts, seals)
        self._post(
            "reportAttempt",
            terms_hash(self.deal, self.gate),
            self.expert_pool,
            len(self.experts),
            self.gate.history,
            path_of([attempt.record for attempt in self.attempts], number),
            finding,
            self.committee,
            signers,
            verdicts,
            seals,
            signatures,
        )
        self.attempts.append(Reported(finding, record, openings))

    def _training(
        self,
        number: int,
        change: Callable[[list[Training]], list[Training]],
        of: int | None = None,
    ) -> bytes:
        trainings = []
        for expert in self.parties.experts:
            commitment = TrainingCommitment(
                trade_id=self.id,
                expert=expert.address,
                attempt=number,
                subset=digest_of(self.subsets[expert.address].ciphertext),
                model=keccak(text=f"model {of or number} of {expert.address}"),
            )
            trainings.append(
                Training(
                    expert=expert.address,
                    attempt=number,
                    subset="0x" + commitment.subset.hex(),
                    model="0x" + commitment.model.hex(),
                    signature="0x" + self.sign(commitment, expert).hex(),
                )
            )
        record = TrainingRecord(
            trade=self.name,
            trainings=tuple(change(trainings)),
            evidence=self.sealed_evidence,
            composite=self.sealed_composite,
        )
        return self.publish_document(record)

    def _delivery(self, number: int) -> bytes:
        sealed = self.seal(f"composite {number}")
        return self.publish_document(
            DeliveryManifest(trade=self.name, attempt=number, sealed=sealed)
        )

    def true_amounts(self, evidence: Evidence) -> list[int]:
        """Divide the pool by the rule that was asked for; evenly if nobody contributed anything."""
        found = {"shapley": shapley_by_orders, "skill": skill_by_orders}[self.division](evidence)
        by_name = dict(zip(evidence.experts, found, strict=True))
        values = [max(by_name.get(name, Fraction(0)), Fraction(0)) for name in self.experts]
        scale = math.lcm(*(value.denominator for value in values))
        weights = [int(value * scale) for value in values]
        return largest_remainder(self.expert_pool, weights if any(weights) else [1] * len(values))

    # ------------------------------------------------------------------ to the end

    @property
    def gated(self) -> bytes:
        return gated_digest(self.request.committee, self.deal, self.gate)

    def attest(
        self, approved: bool = True, said: bool | None = None, report: str | None = None
    ) -> None:
        """Have the auditor sign its finding, for `settle` to take along.

        Parameters
        ----------
        said
            What it signs, where its document says `approved`.
        report
            CID of the report of its own audit.
        """
        finding = Attestation(
            trade=self.name, approved=approved, finding="all agrees", report=report
        )
        digest, signed = self.publish_document(finding), approved if said is None else said
        report = AuditReport(self.id, record_hash(self.attempts[-1].record), digest, signed)
        self.audit = AuditFinding(digest, signed, self.sign(report, self.parties.auditor))

    def send_attestation(self, by: LocalAccount | None = None) -> None:
        """Put what `attest` signed on chain at once; the auditor itself needs no signature."""
        sender = by or self.parties.auditor
        own = sender == self.parties.auditor
        audit = replace(self.audit, signature=b"") if own else self.audit
        last = self.attempts[-1]
        known = amounts_hash(last.finding.amounts), record_hash(last.record)
        parts = (self.deal, self.gate, self.request.committee, *known)
        self.market.send(sender, "attestAudit", self.id, *parts, audit)
        self.audit = NO_AUDIT

    def settle(self, closed: Sequence[int] = ()) -> None:
        """Settle, once the review window is over; some seats may keep their scores sealed."""
        last = self.attempts[-1]
        openings = _shown(last, closed)
        parts = (self.deal, self.gate, self.committee, last.finding.amounts, last.record, openings)
        self._post("settle", *parts, self.audit)

    def open_deciding(self, closed: Sequence[int] = ()) -> None:
        last = self.attempts[-1]
        amounts = amounts_hash(last.finding.amounts)
        parts = (self.deal, self.gate, self.committee, amounts, last.record, _shown(last, closed))
        self._post("openDecidingScores", *parts)

    def open_failed(self, closed: Sequence[int] = ()) -> None:
        """Reveal the sealed scores of all attempts but the one that decided."""
        for attempt in self.earlier:
            shown = (attempt.record, self.proof_of(attempt), _shown(attempt, closed))
            parts = (self.request, self.committee, *shown)
            self.send_challenges(self.parties.stranger, "openScores", *parts)

    def proof_of(self, attempt: Reported) -> tuple[Any, ...]:
        last = self.attempts[-1]
        deciding = None if last in self.earlier else (last.finding.amounts, last.record)
        records = [each.record for each in self.earlier]
        return attempt_proof(self.deal, self.gate, records, attempt.record.attempt, deciding)

    def expire(self) -> None:
        self.market.send(self.parties.stranger, "expire", self.id)

    def time_out_delivery(self) -> None:
        self._post("timeoutDelivery", self.deal, self.supplies, self.request.committee)

    def time_out_training(self) -> None:
        self._post("timeoutTraining", self.deal, self.gate, self.committee)

    def publish(self) -> None:
        """Once the last verdict is there: make the evidence public."""
        for content in self.unpublished:
            self.store.put(content)

    def withdraw(self, account: LocalAccount) -> None:
        self.market.send(account, "withdraw", self.request.currency, account.address)

    # ---------------------------------------------------------------- whole stretches

    def to_funded(self) -> None:
        self.ask()
        self.accept()

    def to_gate(self) -> None:
        self.to_funded()
        self.report_data()

    def to_passed(self) -> None:
        self.to_gate()
        self.attempt()

    def to_penalty_after_overturning(self) -> None:
        """A fail, a false pass that the panel overturns, and a seal of the fail left closed."""
        self.to_gate()
        self.attempt(UNSKILLED)
        self.attempt(UNSKILLED, passed=True, seats=(0, 1, 2), verdicts=(1, 2))
        self.challenge()
        self.overturn()
        self.publish()
        self.lapse()
        self.settle()
        self.open_failed(closed=(1,))
        self.lapse()
        self.penalise_closed_seals()

    def finish(self) -> None:
        """From the last verdict: publish, settle and open the scores of earlier attempts."""
        self.publish()
        self.lapse()
        self.settle()
        self.open_failed()

    # ---------------------------------------------------------------------- inside

    def sign(self, message: Struct, account: LocalAccount) -> bytes:
        return sign(self.market.domain, message, account)

    def quorum(self, reports: dict[int, Any]) -> tuple[int, bytes]:
        """Let each seat sign its report: the bitmap of signers, and the packed signatures."""
        return quorum_signatures(
            {
                seat: self.sign(report, self.parties.signers[seat])
                for seat, report in reports.items()
            }
        )

    def publish_document(self, document: Document) -> bytes:
        return digest_of(self.store.put(document.to_bytes()))

    def seal(self, what: str) -> Sealed:
        return Sealed(
            ciphertext=self.store.put(f"ciphertext of {what}".encode()),
            envelope=self.store.put(f"envelope of {what}".encode()),
        )

    def _post(self, function: str, *arguments: Any) -> None:
        self.market.send(self.parties.stranger, function, self.id, *arguments)


def _shown(attempt: Reported, closed: Sequence[int]) -> list[Opening]:
    """Return one opening for each signer of an attempt, nothing for the closed seats."""
    return [CLOSED if seat in closed else shown for seat, shown in attempt.openings.items()]


@dataclass(frozen=True)
class Settled:
    """A trade that went well after a failed attempt, and part of whose credits are withdrawn."""

    trade: AuditedTrade
    chain: QuickChain
    store: DiskStore

    @property
    def market(self) -> str:
        return self.trade.market.address
