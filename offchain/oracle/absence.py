"""What the committee says where an attempt has no model: nothing usable came, or nothing new.

Who puts a delivery on record is paid if nobody judges it. So nothing usable has to be a
verdict, too: a failed attempt whose model is the digest of a `NoModel`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count

from marketplace.chain.market import Market, ReportedAttempt, Status
from marketplace.protocol.attempts import is_scored
from marketplace.protocol.documents import GateExpert, NoModel, Training, TrainingRecord
from marketplace.protocol.errors import MarketError, StoreUnreachable
from offchain.exchange import Exchange
from offchain.oracle.case import Case
from offchain.storage.cid import cid_of, digest_of


def training_is_over(status: Status, now: int) -> bool:
    """Whether the time to train is over, after which the market takes no delivery on record."""
    return now > status.deadline - status.windows.validation


def recorded_in(market: Market, trade_id: bytes, number: int) -> dict[str, bytes]:
    """Return what was put on record in an attempt: the last digest by checksummed account."""
    found: dict[str, bytes] = {}
    reports = 0
    for event in market.log(trade_id):
        if event["event"] in ("DataReported", "AttemptReported"):
            reports += 1
        elif event["event"] == "WorkDelivered" and reports == number:
            found[str(event["args"]["account"])] = bytes(event["args"]["commitment"])
    return found


def no_model(market: Market, case: Case, number: int, repeats: int | None) -> NoModel:
    """Return the document that stands for a model; the chain alone says what is in it.

    Parameters
    ----------
    number
        The attempt, 1 and up.
    repeats
        The earlier attempt whose models came again, if any came.
    """
    recorded = recorded_in(market, case.trade_id, number)
    agreement = market.agreement(case.trade_id)
    said = NoModel(
        trade=case.name,
        attempt=number,
        repeats=repeats,
        experts=tuple(
            GateExpert(
                expert=expert,
                recorded="0x" + recorded[expert].hex() if expert in recorded else None,
            )
            for expert in (agreement.data.experts if agreement.data else ())
        ),
        salt=0,
    )
    return salted(said, [attempt.finding.model for attempt in agreement.attempts[: number - 1]])


def salted(said: NoModel, earlier: Sequence[bytes]) -> NoModel:
    """Return the document with the least salt with which the market takes it.

    Without one, experts could grind what they put on record until the document had the fingerprint
    of an earlier model, of 32 bits: nobody could report that they delivered nothing, and silence
    pays.

    Parameters
    ----------
    earlier
        Digests of the earlier attempts' models, 32 bytes each.
    """
    tried = (said.model_copy(update={"salt": salt}) for salt in count())
    return next(
        document
        for document in tried
        if not is_scored(digest_of(cid_of(document.to_bytes())), earlier)
    )


def models_of(trainings: Iterable[Training]) -> dict[str, str]:
    """Return the digest (0x-hex) of each model by its expert's lowercase address."""
    return {training.expert.lower(): training.model.lower() for training in trainings}


def repeated_attempt(
    exchange: Exchange, earlier: Sequence[ReportedAttempt], models: Mapping[str, str]
) -> int | None:
    """Return the first of the earlier attempts that had these very models, if one had.

    The gate is the same in all attempts of a trade, so equal models make an equal composite.

    Raises
    ------
    StoreUnreachable
        If the own store does not answer.
    """
    for attempt in earlier:
        try:
            record = exchange.read(TrainingRecord, attempt.finding.training)
        except StoreUnreachable:
            raise
        except MarketError:  # what is lost can't be compared; the market compares the digests
            continue
        if models and models_of(record.trainings) == models:
            return attempt.number
    return None


def false_absence(
    market: Market, exchange: Exchange, case: Case, attempt: ReportedAttempt
) -> str | None:
    """Say what is wrong with a report of no model by what is public; None if nothing is.

    Whether what lies at a record is usable, only those can see for whom it is sealed.

    Raises
    ------
    StorageError, ProtocolError
        If what stands for the model, or the training record, can't be read.
    """
    said = exchange.read(NoModel, attempt.finding.model)
    if said != no_model(market, case, attempt.number, said.repeats):
        return "what stands for the model is not what the chain says of the experts' deliveries"
    record = exchange.read(TrainingRecord, attempt.finding.training)
    earlier = market.agreement(case.trade_id).attempts[: attempt.number - 1]
    if said.repeats != repeated_attempt(exchange, earlier, models_of(record.trainings)):
        return f"the models signed for are not those of attempt {said.repeats}"
    return "it passed without a model" if attempt.passed else None
