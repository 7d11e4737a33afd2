"""Judges a challenged attempt again, from what its committee published and the model itself.

What the committee named by a digest and didn't publish is missing. What lies under such a
digest and can't be read is a fault at once: no honest seat signs for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from marketplace.chain.market import ReportedAttempt
from marketplace.protocol.documents import (
    AttemptEvidence,
    DeliveryManifest,
    Sealed,
    TrainingRecord,
)
from marketplace.protocol.errors import (
    ChainError,
    DataError,
    InvalidCid,
    MarketError,
    MissingContent,
    ProtocolError,
    StoreUnreachable,
    TradeRefused,
    UnreadableDataset,
    UnreadableModel,
)
from offchain.exchange import Exchange
from offchain.oracle.case import Case
from offchain.oracle.casebook import Casebook
from offchain.oracle.reexecution import (
    Compared,
    compare_absence,
    compare_allocation,
    compare_openings,
    compare_predictions,
    compare_score,
    open_composite,
)
from offchain.training import Composite
from offchain.validation import decode_evidence
from offchain.validation.evidence import MAX_EVIDENCE_BYTES

_UNREADABLE = (DataError, InvalidCid, ProtocolError)
_ANY_SIZE = 1 << 128


def fault_of(
    book: Casebook, case: Case, attempt: ReportedAttempt, model: Sealed | None
) -> str | None:
    """Say why the verdict on an attempt doesn't stand; None if it does.

    Parameters
    ----------
    book
        Of the juror.
    model
        The composite, sealed for the panel; None where nobody handed one in. Without it, or
        with another one, a fault is still found in what can be recomputed from the evidence.

    Raises
    ------
    MissingContent
        If no fault is found before something is needed that the committee had to publish.
    TradeRefused
        If no fault is found, and none or another model was handed in.
    EnvelopeError, StorageError
        If no fault is found, and the model can't be opened; or the store fails.
    """
    again = _absent_again if attempt.finding.without_model else _scored_again
    found = again(book, case, attempt, model)
    return next((one.detail for one in found if one.outcome == "different"), None)


def _absent_again(
    book: Casebook, case: Case, attempt: ReportedAttempt, model: Sealed | None
) -> Iterator[Compared]:
    try:
        yield from compare_absence(book, case, attempt)
    except _UNREADABLE:
        yield _unreadable()


def _scored_again(
    book: Casebook, case: Case, attempt: ReportedAttempt, model: Sealed | None
) -> Iterator[Compared]:
    exchange = book.exchange
    try:
        named = exchange.read(AttemptEvidence, attempt.finding.evidence)
        votes = decode_evidence(_content(exchange, named.votes))
        openings = _content(exchange, named.openings)
        score = compare_score(case, votes, attempt.passed)
    except _UNREADABLE:
        yield _unreadable()
        return
    yield compare_openings(case, openings)
    composite, lacking = _opened(exchange, case, attempt, model)
    if composite is not None:
        yield compare_predictions(case, composite, votes)
    yield score
    if attempt.passed:
        agreed = book.market.agreement(case.trade_id)
        yield compare_allocation(case, agreed, attempt, votes)
    if lacking is not None:
        yield from _sealed_again(exchange, attempt, model, lacking)
        raise lacking


def _content(exchange: Exchange, cid: str) -> bytes:
    """Return the bytes of a file, whatever size it claims: to claim too much is no way out."""
    content = bytearray()
    for piece in exchange.store.stream(cid, limit=_ANY_SIZE):
        content += piece
        if len(content) > MAX_EVIDENCE_BYTES:
            raise UnreadableDataset(
                f"{cid} has more than {MAX_EVIDENCE_BYTES} bytes", "don't go by that evidence"
            )
    return bytes(content)


def _opened(
    exchange: Exchange, case: Case, attempt: ReportedAttempt, model: Sealed | None
) -> tuple[Composite | None, MarketError | None]:
    """Return the composite, or why there is none to ask."""
    if model is None:
        return None, TradeRefused(
            f"no model was handed in of attempt {attempt.number}",
            "ask a seat of the committee, or of a pass the buyer, for the one that was scored",
        )
    try:
        return open_composite(exchange, case, attempt, model), None
    except (ChainError, StoreUnreachable):
        raise
    except MarketError as error:
        return None, error


def _sealed_again(
    exchange: Exchange, attempt: ReportedAttempt, model: Sealed | None, lacking: MarketError
) -> Iterator[Compared]:
    """Look whether it is the committee's doing that there is no model to ask.

    A ciphertext opens to one content only, so if what the committee sealed is not the model
    on chain, that is no fault of whoever handed it in.
    """
    try:
        sealed = _sealed_by_committee(exchange, attempt)
    except _UNREADABLE:
        yield _unreadable()
        return
    if not all(_is_there(exchange, part) for part in sealed):
        raise MissingContent(
            f"the sealed model of attempt {attempt.number} is not in the store",
            "ask the committee for it",
        )
    opened_to_another = isinstance(lacking, TradeRefused | UnreadableModel)
    theirs = {part.ciphertext for part in sealed}
    if model is not None and opened_to_another and model.ciphertext in theirs:
        why = "what the committee sealed is not the model that it reported"
        yield Compared("model", "different", why)


def _sealed_by_committee(exchange: Exchange, attempt: ReportedAttempt) -> list[Sealed]:
    """Return where the composite lies sealed for the seats, and of a pass for the buyer."""
    record = exchange.read(TrainingRecord, attempt.finding.training)
    if record.composite is None:
        raise MissingContent(
            f"the training record of attempt {attempt.number} names no sealed model",
            "ask the committee for it",
        )
    if not attempt.passed:
        return [record.composite]
    delivered = exchange.read(DeliveryManifest, attempt.finding.delivery).sealed
    return [record.composite, delivered]


def _is_there(exchange: Exchange, sealed: Sealed) -> bool:
    try:
        return exchange.store.has(sealed.ciphertext) and exchange.store.has(sealed.envelope)
    except InvalidCid:
        return False


def _unreadable() -> Compared:
    why = "what the committee published can't be read as the evidence that it named"
    return Compared("evidence", "different", why)
