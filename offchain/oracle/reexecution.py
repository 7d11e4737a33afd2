"""Executes an attempt again from its stored evidence, and says where it first differs.

Every step starts from what is stored, not from what this machine made of the step before, so
that a difference shows where it arose. Who can't open a step's inputs learns only that: a
committee's seat can execute all of it, panel and auditor the part that was sealed for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from marketplace.chain.market import Agreement, Market, ReportedAttempt
from marketplace.protocol.documents import (
    AttemptEvidence,
    Execution,
    Sealed,
    Subset,
    Training,
    TrainingRecord,
)
from marketplace.protocol.errors import (
    EnvelopeError,
    MarketError,
    NodeUnreachable,
    StoreUnreachable,
    TradeRefused,
)
from marketplace.protocol.states import State
from offchain.arithmetic import CHOICES, REPLAYABLE, Arithmetic, computing
from offchain.compute import work_on_one_core
from offchain.exchange import Exchange
from offchain.experts import FittedExpert, load_fitted
from offchain.oracle.absence import false_absence, models_of, recorded_in
from offchain.oracle.allocation import allocate
from offchain.oracle.assembly import recorded_model
from offchain.oracle.attempt import EvidenceParts, model_digest, open_reported, score_of
from offchain.oracle.case import Case, open_case
from offchain.oracle.casebook import Casebook
from offchain.oracle.numerics import TOLERANCE, routing_apart, same_votes, subsets_apart
from offchain.oracle.routing import GateDecision, decode_routing
from offchain.storage.cid import cid_of, digest_of
from offchain.training import Composite, decode_subset, encode_subset, train_expert
from offchain.training.predictions import predict
from offchain.validation import (
    SCALE,
    Evidence,
    decode_evidence,
    encode_evidence,
    encode_openings,
    quantise_probabilities,
)

SCORE_BOUND = 10_000
"""Parts per million by which the score of a model that was trained again may differ."""

Outcome = Literal["equal", "within", "different", "sealed"]
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Compared:
    """One step executed again.

    Attributes
    ----------
    step
        ``pool``, ``probe KIND``, ``gate``, ``subset EXPERT``, ``train EXPERT``,
        ``openings``, ``predictions``, ``score``, ``allocation`` or ``retrained score``;
        ``absence`` and ``model EXPERT`` where the attempt had no model.
    outcome
        ``equal`` bit for bit, ``within`` the stated bounds, ``different``, or ``sealed`` from
        this party.
    detail
        One clause.
    """

    step: str
    outcome: Outcome
    detail: str = ""


class Reexecution:
    """Steps of one attempt, executed by a party that holds a key.

    Parameters
    ----------
    market, exchange
        The trade's market, and the party's account, keys and storage.
    trade_id
        32 bytes.
    number
        The attempt, 1 and up.
    model
        The composite, if it was sealed for this party apart.

    Raises
    ------
    TradeRefused
        If there is no such attempt.
    MarketError
        If the case can't be opened.
    """

    def __init__(
        self,
        market: Market,
        exchange: Exchange,
        trade_id: bytes,
        number: int,
        model: Sealed | None = None,
        progress: Progress = lambda message: None,
    ) -> None:
        work_on_one_core()
        self._exchange, self._progress = exchange, progress
        self._book = Casebook(market, exchange)
        self._case = open_case(market, exchange, trade_id)
        self._agreed = market.agreement(trade_id)
        self._attempt = _attempt_of(self._agreed, number)
        self._record = exchange.read(TrainingRecord, self._attempt.finding.training)
        self._model = model or self._record.composite
        self._manifest = self._book.committed_manifest(trade_id)

    def recorded(self) -> dict[str, Execution]:
        """Return what the evidence says of how it was computed, by part of the work."""
        parts: dict[str, Execution | None] = {
            "gate": self._manifest.execution,
            "predictions": self._record.execution,
        }
        parts |= {f"train {one.expert}": one.execution for one in self._record.trainings}
        return {name: made for name, made in parts.items() if made is not None}

    def steps(self) -> Iterator[Compared]:
        """Execute step after step."""
        yield from self._gated()
        if self._attempt.finding.without_model:
            yield from compare_absence(self._book, self._case, self._attempt)
            return
        composite = self._composite()
        again: dict[str, FittedExpert] = {}
        for training in self._record.trainings:
            yield from self._trained(training, composite, again)
        parts = self._parts()
        if parts is None:
            yield Compared("predictions", "sealed", "the votes are for the committee")
            return
        votes = decode_evidence(parts.votes)
        yield compare_openings(self._case, parts.openings)
        if composite is None:
            yield Compared("predictions", "sealed", "the model is not for this party")
        else:
            yield compare_predictions(self._case, composite, votes)
        yield compare_score(self._case, votes, self._attempt.passed)
        if self._attempt.passed:
            yield compare_allocation(self._case, self._agreed, self._attempt, votes)
        if composite is not None and len(again) == len(composite.experts):
            yield self._rescored(composite, again, votes)

    # -------------------------------------------------------------------- inside

    def _gated(self) -> Iterator[Compared]:
        made = self._manifest.execution
        try:
            self._require_key_to_data()
            with computing(_arithmetic_of(made)):
                _, ours = self._book.committed_gate(self._case.trade_id, self._progress)
        except EnvelopeError:
            yield Compared("pool", "sealed", "the deliveries are for the committee")
            return
        routed = decode_routing(self._exchange.store.get(self._manifest.routing))
        apart = routing_apart(routed, ours.routed)
        here = {step.name: step.output for step in ours.steps}
        for step in made.steps if made else ():
            if step.name != "gate":
                same = here.get(step.name) == step.output
                near: Outcome = (
                    "within" if step.name != "pool" and apart <= TOLERANCE else "different"
                )
                yield Compared(step.name, "equal" if same else near, "" if same else "other bytes")
        yield _by_distance("gate", bool(np.array_equal(routed, ours.routed)), apart, "routing")
        for subset in self._manifest.subsets:
            yield self._given(subset, ours)

    def _require_key_to_data(self) -> None:
        """Open one delivery: an inspection takes one that doesn't open for garbage."""
        for delivery in self._book.committed_data(self._case.trade_id).deliveries:
            if delivery.accepted and delivery.sealed is not None:
                purpose = f"data/{delivery.provider}"
                self._exchange.unseal(delivery.sealed, self._case.trade_id, purpose)
                return

    def _given(self, subset: Subset, ours: GateDecision) -> Compared:
        name = f"subset {subset.expert}"
        expected = ours.routing.subsets.get(subset.expert.lower())
        if expected is None:
            return Compared(name, "different", "this party's gate sends it no data")
        payload = self._subset(subset)
        same = payload == encode_subset(expected)
        apart = subsets_apart(decode_subset(payload, self._case.task), expected)
        return _by_distance(name, same, apart, "weight")

    def _trained(
        self, training: Training, composite: Composite | None, again: dict[str, FittedExpert]
    ) -> Iterator[Compared]:
        name, step = training.expert.lower(), f"train {training.expert}"
        given = {subset.expert.lower(): subset for subset in self._manifest.subsets}
        try:
            payload = self._subset(given[name])
        except EnvelopeError:
            yield Compared(step, "sealed", "its subset is for the committee")
            return
        task, kind = self._case.task, given[name].expert_kind
        self._progress(f"training {kind} again")
        with computing(_arithmetic_of(training.execution)):
            subset = decode_subset(payload, task)
            model = train_expert(kind, subset, task, self._case.seed, training.attempt)
            again[name] = load_fitted(kind, model)
        if "0x" + digest_of(cid_of(model)).hex() == training.model:
            yield Compared(step, "equal", kind)
        elif composite is None or name not in composite.experts:
            yield Compared(step, "different", f"{kind}: other bytes, and no model to compare with")
        else:
            apart = self._answers_apart(composite.experts[name], again[name])
            yield _by_distance(step, False, apart, f"{kind}'s answers")

    def _answers_apart(self, theirs: FittedExpert, ours: FittedExpert) -> float:
        rows, classes = self._case.validation.features, len(self._case.task.classes)
        one, other = (
            quantise_probabilities(predict(fitted, rows, classes)[None]).astype(np.int64)
            for fitted in (theirs, ours)
        )
        return int(np.abs(one - other).sum()) / max(1, 2 * SCALE * len(rows))

    def _rescored(
        self, composite: Composite, again: dict[str, FittedExpert], votes: Evidence
    ) -> Compared:
        """Score the model that was trained again under the stored gate."""
        retrained = Composite(
            composite.task, composite.gate, {name: again[name] for name in composite.experts}
        )
        ours = score_of(self._case, retrained.evidence(self._case.validation.features)).ppm
        theirs = score_of(self._case, votes).ppm
        apart = abs(ours - theirs)
        outcome: Outcome = (
            "equal" if not apart else "within" if apart <= SCORE_BOUND else "different"
        )
        return Compared("retrained score", outcome, f"{apart} ppm apart, {SCORE_BOUND} are allowed")

    def _subset(self, subset: Subset) -> bytes:
        return self._exchange.unseal(subset.sealed, self._case.trade_id, f"subset/{subset.expert}")

    def _composite(self) -> Composite | None:
        if self._model is None:
            return None
        try:
            return open_composite(self._exchange, self._case, self._attempt, self._model)
        except EnvelopeError:
            return None

    def _parts(self) -> EvidenceParts | None:
        """Return the attempt's evidence: sealed while it may be followed, published after."""
        try:
            return open_reported(self._exchange, self._case, self._attempt)
        except EnvelopeError:
            if self._book.market.status(self._case.trade_id).state < State.PASSED:
                return None
        named = self._exchange.read(AttemptEvidence, self._attempt.finding.evidence)
        store = self._exchange.store
        return EvidenceParts(store.get(named.votes), store.get(named.openings))


def open_composite(
    exchange: Exchange, case: Case, attempt: ReportedAttempt, model: Sealed
) -> Composite:
    """Open an attempt's composite, and require that it is the one on chain.

    Raises
    ------
    TradeRefused
        If it is another.
    EnvelopeError, StorageError, UnreadableModel
        If it can't be opened or read.
    """
    payload = exchange.unseal(model, case.trade_id, f"composite/{attempt.number}")
    composite = Composite.from_bytes(payload)
    name = model_digest(case.name, composite, payload)
    if name != attempt.finding.model:
        raise TradeRefused("another model was handed in", "ask for the one that was scored")
    return composite


def compare_absence(book: Casebook, case: Case, attempt: ReportedAttempt) -> Iterator[Compared]:
    """Look again for a usable model where a report says that there was none, or no new one.

    What an expert put on record is all that is left to look at.
    """
    false = false_absence(book.market, book.exchange, case, attempt)
    yield Compared("absence", "different" if false else "equal", false or "")
    record = book.exchange.read(TrainingRecord, attempt.finding.training)
    repeated = models_of(record.trainings)
    chosen = {subset.expert: subset for subset in book.committed_manifest(case.trade_id).subsets}
    for expert, digest in sorted(recorded_in(book.market, case.trade_id, attempt.number).items()):
        if expert not in chosen:
            continue
        step = f"model {expert}"
        try:
            _, training = recorded_model(
                book, case.trade_id, attempt.number, chosen[expert], digest
            )
        except (StoreUnreachable, NodeUnreachable):
            raise
        except MarketError as error:
            ours = book.exchange.account.address in (*case.members, *_panel(book, case))
            outcome: Outcome = "equal" if ours else "sealed"
            yield Compared(step, outcome, f"not usable: {error.cause}" if ours else "")
        else:
            new = repeated.get(expert.lower()) != training.model
            yield Compared(step, "different" if new else "equal", "usable" if new else "repeated")


def _panel(book: Casebook, case: Case) -> tuple[str, ...]:
    return book.market.panel_of(case.request.panel).members


def compare_openings(case: Case, openings: bytes) -> Compared:
    """Hold opened labels against those that the buyer committed to."""
    if openings == encode_openings(case.commitment.openings):
        return Compared("openings", "equal")
    why = "the opened labels are not those that the buyer committed to"
    return Compared("openings", "different", why)


def compare_predictions(case: Case, composite: Composite, votes: Evidence) -> Compared:
    """Ask the model again on the validation rows."""
    ours = composite.evidence(case.validation.features)
    if encode_evidence(ours) == encode_evidence(votes):
        return Compared("predictions", "equal")
    if same_votes(votes, ours):
        return Compared("predictions", "within", "some lie across one border of rounding")
    return Compared("predictions", "different", "the votes are not the model's answers")


def compare_score(case: Case, votes: Evidence, passed: bool) -> Compared:
    """Score the votes again, in whole numbers, and hold the score against the verdict."""
    if (score_of(case, votes).ppm >= case.request.threshold) == passed:
        return Compared("score", "equal")
    return Compared("score", "different", "the votes earn another verdict than the one reported")


def compare_allocation(
    case: Case, agreed: Agreement, attempt: ReportedAttempt, votes: Evidence
) -> Compared:
    """Divide the expert pool again, to the last wei."""
    pool, experts = agreed.deal.expert_pool, agreed.gate.experts
    labels, division = case.validation.labels, case.specification.division
    shares = allocate(votes, labels, case.task.metric, experts, pool, division)
    if attempt.finding.amounts == tuple(share.amount for share in shares):
        return Compared("allocation", "equal")
    why = "the expert pool is not divided by what the experts contributed"
    return Compared("allocation", "different", why)


def first_difference(steps: Sequence[Compared]) -> Compared | None:
    """Return the first step that is not equal bit for bit; sealed ones say nothing."""
    return next((one for one in steps if one.outcome in ("within", "different")), None)


def overall(steps: Sequence[Compared]) -> Outcome:
    """Return the worst of what was found."""
    found = {one.outcome for one in steps}
    order: tuple[Outcome, ...] = ("different", "within", "equal")
    return next((outcome for outcome in order if outcome in found), "sealed")


def _by_distance(step: str, same: bool, apart: float, what: str) -> Compared:
    if same:
        return Compared(step, "equal")
    outcome: Outcome = "within" if apart <= TOLERANCE else "different"
    return Compared(step, outcome, f"{what} {apart:.4%} apart, {TOLERANCE:.0%} are allowed")


def _attempt_of(agreed: Agreement, number: int) -> ReportedAttempt:
    for attempt in agreed.attempts:
        if attempt.number == number:
            return attempt
    raise TradeRefused(
        f"the trade has no attempt {number}, but {len(agreed.attempts)}", "name one that it has"
    )


def _arithmetic_of(made: Execution | None) -> Arithmetic:
    """Return the arithmetic that something was computed in."""
    return CHOICES.get(made.environment.get("arithmetic", "") if made else "", REPLAYABLE)
