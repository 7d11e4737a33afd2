"""Checks of who worked: the gate's weights, and the experts' signed commitments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

from marketplace.audit.case import Case
from marketplace.audit.checks.attempts import over_attempts
from marketplace.audit.digests import fingerprint_of
from marketplace.audit.evidence import account
from marketplace.audit.office import ascending
from marketplace.audit.records import ReportedAttempt
from marketplace.audit.report import Finding, counted, judged, not_reached
from marketplace.audit.signatures import objection_to
from marketplace.protocol.documents import NoModel, Training
from marketplace.protocol.errors import InvalidCid, ProtocolError
from marketplace.protocol.terms import TrainingCommitment
from marketplace.protocol.units import PARTS, largest_remainder
from offchain.storage.cid import cid_of, digest_of
from offchain.validation.quantise import SCALE


def check_gate(case: Case) -> Finding | None:
    """Check that the weights are shares of the column sums of the routing array.

    In parts per million by largest remainder, candidates ascending by address; a
    candidate without load is left out (`docs/protocol.md`, numbers that pay, 6). The array
    itself must be one that the gate can give, and subsets must have gone to its experts.
    """
    trade = case.trade
    if trade.gate is None:
        return not_reached(trade.ended, "gate")
    committed = dict(zip(trade.gate.experts, trade.gate.weights, strict=False))
    faults = []
    if len(trade.gate.experts) != len(trade.gate.weights):
        faults.append(
            f"{len(trade.gate.weights)} weights stand for {len(trade.gate.experts)} experts"
        )
    if not ascending(trade.gate.experts):
        faults.append("the experts are not ascending")
    if 0 in trade.gate.weights or sum(trade.gate.weights) != PARTS:
        faults.append(f"the weights {list(trade.gate.weights)} don't share out {PARTS}")
    if not faults:
        routed = _routed_weights(case)
        if committed != routed:
            faults.append(f"committed was {committed} where the routing array gives {routed}")
        faults += _routing_faults(case, trade.gate.experts)
    return judged(
        faults, f"{counted(len(committed), 'expert')} with their shares of the routing array"
    )


def _routed_weights(case: Case) -> dict[str, int]:
    candidates = [account(name) for name in case.evidence.gate_manifest().candidates]
    loads = [int(load) for load in case.evidence.routing().sum(axis=0, dtype="int64")]
    by_address = sorted(zip(candidates, loads, strict=True), key=lambda pair: int(pair[0], 16))
    weights = largest_remainder(PARTS, [load for _, load in by_address])
    return {name: ppm for (name, _), ppm in zip(by_address, weights, strict=True) if ppm}


def _routing_faults(case: Case, experts: tuple[str, ...]) -> Iterator[str]:
    """Name what no gate over the accepted rows, each distinct one of them once, could decide."""
    routing, bought = case.evidence.routing(), sum(supply.rows for supply in case.trade.accepted)
    if len(routing) > bought:
        yield f"the routing array has {len(routing)} rows where {bought} were accepted"
    odd = set(routing.sum(axis=1, dtype="int64").tolist()) - {SCALE}
    if odd:
        yield f"a row of the routing array sums to {min(odd)} where {SCALE} is due"
    given = [account(subset.expert) for subset in case.evidence.gate_manifest().subsets]
    if sorted(given) != sorted(experts):
        yield f"subsets went to {given} where {list(experts)} have weights"


def check_training(case: Case) -> Finding | None:
    """Check that each expert in the votes signed for its model and the subset it was given.

    And that no attempt scored the very models of an earlier one: an equal composite.
    """
    trade = case.trade
    if not trade.attempts:
        return not_reached(trade.ended, "attempt")
    counts: list[int] = []

    def faults_of(attempt: ReportedAttempt) -> Iterator[str]:
        trainings = case.evidence.training_record(attempt).trainings
        counts.append(len(trainings))
        for training in trainings:
            why = _objection(case, attempt, training)
            if why is not None:
                yield f"the commitment of {training.expert}: {why}"
        if attempt.finding.without_model:
            return
        repeated = repeated_attempt(case, attempt)
        if repeated is not None:
            yield f"its models are those of attempt {repeated}"
        signed = {account(training.expert) for training in trainings}
        voters = case.evidence.votes(attempt).experts if trade.public else ()
        for expert in voters:
            if expert not in signed:
                yield f"{expert} votes without a commitment"

    return over_attempts(
        case,
        faults_of,
        lambda: f"{counted(sum(counts), 'training commitment')} signed by the experts",
    )


def check_absence(case: Case) -> Finding | None:
    """Check what stands for a model where an attempt had none.

    The gate's experts are named with what they put on record, by the log. The time to train
    was over. Models that came again are those of the attempt that is named. Whether what
    lies on record is usable, only committee and panel can see.
    """
    without = [attempt for attempt in case.trade.attempts if attempt.finding.without_model]
    if not without:
        return not_reached(case.trade.ended, "attempt without a model")
    on_record = sum(len(case.trade.recorded(attempt)) for attempt in without)
    return over_attempts(
        case,
        lambda attempt: _absence_faults(case, attempt) if attempt in without else (),
        lambda: (
            f"{counted(len(without), 'attempt')} had no new model; {on_record} on record,"
            " which only committee and panel can open"
        ),
    )


def _absence_faults(case: Case, attempt: ReportedAttempt) -> Iterator[str]:
    trade = case.trade
    if attempt.passed:
        yield "it passed without a model"
    if attempt.timestamp <= trade.trained_until(attempt):
        yield f"it was reported before the time to train was over at {trade.trained_until(attempt)}"
    said, recorded = case.evidence.no_model(attempt), trade.recorded(attempt)
    committed = trade.gate.experts if trade.gate else ()
    found = [(account(each.expert), each.recorded) for each in said.experts]
    due = [
        (expert, "0x" + recorded[expert].hex() if expert in recorded else None)
        for expert in committed
    ]
    if found != due:
        yield f"it says {found} of what is on record where the log says {due}"
    earlier = [attempt.finding.model for attempt in trade.attempts[: attempt.number - 1]]
    if said.salt != (least := _least_salt(said, earlier)):
        yield f"its salt is {said.salt} where {least} is the least that the market takes"
    signed = bool(case.evidence.training_record(attempt).trainings)
    if said.repeats != repeated_attempt(case, attempt) or signed != (said.repeats is not None):
        yield f"the models signed for are not those of attempt {said.repeats}"


def _least_salt(said: NoModel, earlier: Sequence[bytes]) -> int:
    taken = {fingerprint_of(model) for model in earlier}
    documents = (said.model_copy(update={"salt": salt}) for salt in count())
    models = (digest_of(cid_of(document.to_bytes())) for document in documents)
    return next(salt for salt, model in enumerate(models) if fingerprint_of(model) not in taken)


def repeated_attempt(case: Case, attempt: ReportedAttempt) -> int | None:
    """Return the first earlier attempt with the very models of this one, if there is one."""
    models = _models(case, attempt)
    for earlier in case.trade.attempts[: attempt.number - 1]:
        if models and _models(case, earlier) == models:
            return earlier.number
    return None


def _models(case: Case, attempt: ReportedAttempt) -> dict[str, str]:
    trainings = case.evidence.training_record(attempt).trainings
    return {account(training.expert): training.model.lower() for training in trainings}


def _objection(case: Case, attempt: ReportedAttempt, training: Training) -> str | None:
    """Say what is wrong with one commitment; None if nothing is."""
    if not 0 < training.attempt <= attempt.number:
        return f"it is for attempt {training.attempt}"
    try:
        message = TrainingCommitment(
            trade_id=case.trade.id,
            expert=account(training.expert),
            attempt=training.attempt,
            subset=_bytes(training.subset),
            model=_bytes(training.model),
        )
        signature = _bytes(training.signature)
        given = _given_subset(case, message.expert)
    except (ProtocolError, InvalidCid, ValueError) as error:
        return f"it can't be read: {error}"
    if given != message.subset:
        return f"it names subset 0x{message.subset.hex()} where the gate gave another"
    return objection_to(
        case.chain.rpc,
        case.history.domain,
        message.expert,
        message,
        signature,
        attempt.block,
    )


def _given_subset(case: Case, expert: str) -> bytes | None:
    """Return the digest of the encrypted subset that the gate's manifest gives to an expert."""
    for subset in case.evidence.gate_manifest().subsets:
        if account(subset.expert) == expert:
            return digest_of(subset.sealed.ciphertext)
    return None


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
