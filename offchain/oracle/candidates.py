"""Step 6, before the gate: of several owners of one kind, one takes part.

The oracle probes kinds, and equal kinds learn the same from the same rows. Two owners of one
kind would be one model that is called, and paid, twice, in the place of another kind.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from eth_utils.crypto import keccak

from marketplace.chain.market import Market
from marketplace.protocol.documents import TrainingRecord
from marketplace.protocol.errors import (
    ConfigurationError,
    MarketError,
    StoreUnreachable,
    TransactionReverted,
)
from marketplace.protocol.units import PARTS
from offchain.exchange import Exchange
from offchain.experts.plugins import require_kind
from offchain.oracle.absence import models_of
from offchain.oracle.case import Case, accepted_quotes
from offchain.oracle.casebook import Casebook
from offchain.oracle.experts import ExpertOwner

LATEST_TRADES = 64
"""So many trades before this one are looked at."""


@dataclass(frozen=True)
class Mark:
    """What earlier attempts say of an owner.

    Attributes
    ----------
    due
        Attempts of gates that chose it.
    delivered
        Those of them in which it handed in a usable model.
    """

    due: int = 0
    delivered: int = 0

    @property
    def weight(self) -> int:
        """Its weight in the draw, in parts per million: its share, with one more of each kind.

        So who is new has a half, and nobody has all or nothing.
        """
        return (self.delivered + 1) * PARTS // (self.due + 2)


def fit_owners(
    book: Casebook,
    case: Case,
    owners: Sequence[ExpertOwner],
    progress: Callable[[str], None] = lambda message: None,
) -> dict[str, ExpertOwner]:
    """Return by lowercase address the owners who may train in a trade, by the registry.

    Of several of one kind one is drawn.
    """
    request, market = case.request, book.market
    providers = [quote.provider for quote in accepted_quotes(market, case.trade_id)]
    fit = market.registry.functions.requireFitExperts
    by_kind: dict[str, dict[str, ExpertOwner]] = {}
    for owner in owners:
        try:
            require_kind(owner.kind)
            parties = request.buyer, request.auditor, providers, case.members
            market.node.call(fit(*parties, [owner.address]))
            by_kind.setdefault(owner.kind, {})[owner.address] = owner
        except (ConfigurationError, TransactionReverted) as error:
            progress(f"{owner.address} is left out: {error.cause}")
    return {
        owner.address.lower(): owner
        for owner in (_one_of(book, case, kind, same, progress) for kind, same in by_kind.items())
    }


def _one_of(
    book: Casebook,
    case: Case,
    kind: str,
    same: Mapping[str, ExpertOwner],
    progress: Callable[[str], None],
) -> ExpertOwner:
    """Return the owner of a kind that takes part, of one or more."""
    if len(same) == 1:
        return next(iter(same.values()))
    chosen = drawn(case.trade_id, kind, marks_of(book.market, book.exchange, case.trade_id, same))
    for owner in sorted(same.keys() - {chosen}):
        progress(f"{owner} is left out: {chosen} was drawn of the kind {kind}")
    return same[chosen]


def marks_of(
    market: Market, exchange: Exchange, trade_id: bytes, owners: Collection[str]
) -> dict[str, Mark]:
    """Return the marks of owners (checksummed) as they were when a trade was requested.

    A training record that is lost says nothing.

    Raises
    ------
    StoreUnreachable
        If the own store does not answer.
    """
    begun = int(market.log(trade_id)[0]["blockNumber"])
    trades = market.trades(last=begun)
    marks = dict.fromkeys(owners, Mark())
    for other in trades[: trades.index(trade_id)][-LATEST_TRADES:]:
        chosen: set[str] = set()
        for event in market.log(other):
            if int(event["blockNumber"]) >= begun:
                break
            if event["event"] == "DataReported":
                chosen = marks.keys() & set(event["args"]["report"]["experts"])
            elif event["event"] == "AttemptReported" and chosen:
                delivered = _delivered(exchange, bytes(event["args"]["report"]["training"]))
                if delivered is not None:
                    _count(marks, chosen, delivered)
    return marks


def drawn(trade_id: bytes, kind: str, marks: Mapping[str, Mark]) -> str:
    """Return the owner of a kind that takes part, drawn by the trade's id and their weights."""
    owners = sorted(marks, key=str.lower)
    total = sum(marks[owner].weight for owner in owners)
    ticket = int.from_bytes(keccak(b"owner" + trade_id + kind.encode()), "big") % total
    for owner in owners:
        ticket -= marks[owner].weight
        if ticket < 0:
            return owner
    raise AssertionError("the weights sum to their total")


def _delivered(exchange: Exchange, training: bytes) -> set[str] | None:
    try:
        return set(models_of(exchange.read(TrainingRecord, training).trainings))
    except StoreUnreachable:
        raise
    except MarketError:
        return None


def _count(marks: dict[str, Mark], chosen: set[str], delivered: set[str]) -> None:
    for owner in chosen:
        mark = marks[owner]
        marks[owner] = Mark(mark.due + 1, mark.delivered + (owner.lower() in delivered))
