"""Step 7: has the chosen experts train, checks what they deliver and makes one model of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from marketplace.protocol.documents import RecordedModel, Subset, Training
from marketplace.protocol.errors import (
    MarketError,
    NodeUnreachable,
    StoreUnreachable,
    TradeRefused,
)
from offchain.experts import load_fitted
from offchain.oracle.absence import recorded_in
from offchain.oracle.casebook import Casebook, Progress
from offchain.oracle.experts import ExpertOwner, TrainedModel, TrainingJob, require_signed
from offchain.oracle.numerics import refusing
from offchain.storage.cid import cid_of, digest_of
from offchain.training import Composite, compose
from offchain.training.predictions import predict


@dataclass(frozen=True)
class Gathered:
    """What the chosen experts handed in, of those whose model is usable.

    Attributes
    ----------
    models
        Bytes of each model by the expert's lowercase address.
    trainings
        The signed commitment of each, ascending by expert.
    """

    models: Mapping[str, bytes]
    trainings: tuple[Training, ...]


def gather(
    book: Casebook,
    trade_id: bytes,
    attempt: int,
    owners: Sequence[ExpertOwner],
    progress: Progress = lambda message: None,
) -> Gathered:
    """Look for each chosen expert's model; one whose model is not usable is dropped.

    Who put a delivery on record is judged by that alone: it is the same for all seats, and
    what lies there can't be shown to one of them only. Others are asked to train.

    Parameters
    ----------
    book
        Of the seat whose keys open the models.
    owners
        Those in reach; others than the chosen ones are not asked.

    Raises
    ------
    StoreUnreachable, NodeUnreachable
        If the seat's own store or node does not answer, which is no expert's fault.
    """
    recorded = recorded_in(book.market, trade_id, attempt)
    reachable = {owner.address: owner for owner in owners}
    models: dict[str, bytes] = {}
    trainings: list[Training] = []
    for subset in book.committed_manifest(trade_id).subsets:
        try:
            if subset.expert in recorded:
                digest = recorded[subset.expert]
                model, training = recorded_model(book, trade_id, attempt, subset, digest)
            else:
                progress(f"attempt {attempt}: training {subset.expert_kind}")
                result = _trained(book, trade_id, attempt, subset, reachable)
                model, training = _usable(book, trade_id, attempt, subset, result)
            models[subset.expert.lower()] = model
            trainings.append(training)
        except (StoreUnreachable, NodeUnreachable):
            raise
        except MarketError as error:
            progress(f"{subset.expert_kind} is dropped: {error.cause}")
    return Gathered(models, tuple(trainings))


def composed(
    book: Casebook, trade_id: bytes, gathered: Gathered, progress: Progress = lambda message: None
) -> tuple[Composite | None, tuple[Training, ...]]:
    """Join the gate with the models that are there.

    Returns
    -------
    tuple
        The composite, None without any model, and the signed commitment of each expert in
        it, in the same order.
    """
    if not gathered.models:
        return None, ()
    _, decision = book.committed_gate(trade_id, progress)
    composite = compose(decision.pooled, decision.roster, decision.routing, gathered.models)
    kept = set(composite.experts)
    return composite, tuple(one for one in gathered.trainings if one.expert.lower() in kept)


def recorded_model(
    book: Casebook, trade_id: bytes, attempt: int, subset: Subset, digest: bytes
) -> tuple[bytes, Training]:
    """Return the model that an expert put on record, and its commitment.

    Raises
    ------
    MarketError
        If it is not usable.
    """
    found = book.exchange.read(RecordedModel, digest)
    if (found.trade, found.attempt) != ("0x" + trade_id.hex(), attempt):
        raise TradeRefused(
            "what it put on record is of another trade or attempt", "leave that expert out"
        )
    result = TrainedModel(found.sealed, found.training)
    return _usable(book, trade_id, attempt, subset, result)


def _trained(
    book: Casebook,
    trade_id: bytes,
    attempt: int,
    subset: Subset,
    reachable: dict[str, ExpertOwner],
) -> TrainedModel:
    if subset.expert not in reachable:
        raise TradeRefused("its owner is out of reach", "ask it again in the next attempt")
    case = book.case(trade_id)
    job = TrainingJob(trade_id, attempt, case.task, case.seed, subset.sealed)
    return reachable[subset.expert].train(job)


def _usable(
    book: Casebook, trade_id: bytes, attempt: int, subset: Subset, result: TrainedModel
) -> tuple[bytes, Training]:
    """Return a model that is signed for, loads, and answers with probabilities."""
    case = book.case(trade_id)
    digest = require_signed(book.market.domain, trade_id, attempt, subset, result.training)
    model = book.exchange.unseal(result.sealed, trade_id, f"model/{subset.expert}/{attempt}")
    if digest_of(cid_of(model)) != digest:
        raise TradeRefused("its model is not the one that it signed for", "leave it out")
    with refusing("its model can't be run", "leave it out"):
        fitted = load_fitted(subset.expert_kind, model)
        predict(fitted, case.validation.features, len(case.task.classes))
    return model, result.training
