"""Step 7: has the chosen experts train, checks what they deliver and makes one model of it."""

from __future__ import annotations

from collections.abc import Sequence

from marketplace.protocol.documents import Subset, Training
from marketplace.protocol.errors import MarketError, TradeRefused
from offchain.experts import load_fitted
from offchain.oracle.casebook import Progress
from offchain.oracle.experts import ExpertOwner, TrainedModel, TrainingJob, require_signed
from offchain.oracle.numerics import refusing
from offchain.oracle.signer import OracleSigner
from offchain.storage.cid import cid_of, digest_of
from offchain.training import Composite, compose
from offchain.training.predictions import predict


def assemble(
    seat: OracleSigner,
    trade_id: bytes,
    attempt: int,
    owners: Sequence[ExpertOwner],
    progress: Progress,
) -> tuple[Composite, tuple[Training, ...]]:
    """Ask each chosen expert to train; one that fails is dropped, and the rest is composed.

    Parameters
    ----------
    seat
        Whose keys open the models.
    owners
        Those in reach; others than the chosen ones are not asked.

    Returns
    -------
    tuple
        The composite, and the signed commitment of each expert in it, in the same order.

    Raises
    ------
    TradeRefused
        If no chosen expert delivered a usable model.
    """
    manifest, decision = seat.book.committed_gate(trade_id, progress)
    reachable = {owner.address: owner for owner in owners}
    models: dict[str, bytes] = {}
    trainings: list[Training] = []
    for subset in manifest.subsets:
        progress(f"attempt {attempt}: training {subset.expert_kind}")
        try:
            result = _trained(seat, trade_id, attempt, subset, reachable)
            models[subset.expert.lower()] = _usable(seat, trade_id, attempt, subset, result)
            trainings.append(result.training)
        except MarketError as error:
            progress(f"{subset.expert_kind} is dropped: {error.cause}")
    if not models:
        raise TradeRefused(
            "no chosen expert delivered a usable model",
            "try again while the attempt's time lasts, or let the trade time out",
        )
    composite = compose(decision.pooled, decision.roster, decision.routing, models)
    kept = set(composite.experts)
    return composite, tuple(item for item in trainings if item.expert.lower() in kept)


def _trained(
    seat: OracleSigner,
    trade_id: bytes,
    attempt: int,
    subset: Subset,
    reachable: dict[str, ExpertOwner],
) -> TrainedModel:
    if subset.expert not in reachable:
        raise TradeRefused("its owner is out of reach", "ask it again in the next attempt")
    case = seat.book.case(trade_id)
    job = TrainingJob(trade_id, attempt, case.task, case.seed, subset.sealed)
    return reachable[subset.expert].train(job)


def _usable(
    seat: OracleSigner, trade_id: bytes, attempt: int, subset: Subset, result: TrainedModel
) -> bytes:
    """Return the model's bytes once they are signed for, load, and answer with probabilities."""
    case = seat.book.case(trade_id)
    digest = require_signed(seat.market.domain, trade_id, attempt, subset, result.training)
    model = seat.exchange.unseal(result.sealed, trade_id, f"model/{subset.expert}/{attempt}")
    if digest_of(cid_of(model)) != digest:
        raise TradeRefused("its model is not the one that it signed for", "leave it out")
    with refusing("its model can't be run", "leave it out"):
        fitted = load_fitted(subset.expert_kind, model)
        predict(fitted, case.validation.features, len(case.task.classes))
    return model
