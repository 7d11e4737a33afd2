"""Step 5: whether a delivery opens, matches its quote and holds usable rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from marketplace.protocol.documents import DataManifest, Delivery, Sealed
from marketplace.protocol.errors import MarketError, StoreUnreachable, TradeRefused, UnusableData
from marketplace.protocol.ids import dataset_commitment
from marketplace.protocol.terms import DataQuote
from offchain.data import Dataset, Task, decode
from offchain.data.names import shown
from offchain.exchange import Exchange
from offchain.oracle.case import Case
from offchain.oracle.numerics import refusing
from offchain.training import Copy, find_copies, require_agreeing, require_usable

SALT_BYTES = 32

MAX_MAGNITUDE = 1e15
"""Larger numbers overflow float32 once they are squared and summed, in everybody's training."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """What was found.

    Attributes
    ----------
    manifest
        One delivery per quote, in their order.
    datasets
        The accepted datasets, by the provider's lowercase address.
    """

    manifest: DataManifest
    datasets: dict[str, Dataset]

    @property
    def accepted(self) -> int:
        """Bitmap over the quotes: bit i is set when quote i was delivered as quoted."""
        return sum(1 << i for i, d in enumerate(self.manifest.deliveries) if d.accepted)

    @property
    def rows(self) -> int:
        """How many rows were accepted."""
        return sum(len(dataset) for dataset in self.datasets.values())


def inspect(
    case: Case,
    exchange: Exchange,
    quotes: Sequence[DataQuote],
    deliveries: Sequence[Sealed | None],
) -> Inspection:
    """Open and check each delivery; a bad one is left out with its reason, the rest goes on.

    Of deliveries that repeat each other's rows one is good, as `find_copies` says.

    Raises
    ------
    StoreUnreachable
        If the signer's own store is out of reach, which is no provider's fault.
    """
    datasets: dict[str, Dataset] = {}
    reasons: dict[str, str] = {}
    for quote, sealed in zip(quotes, deliveries, strict=True):
        try:
            datasets[quote.provider.lower()] = _opened(case, exchange, quote, sealed)
        except StoreUnreachable:
            raise
        except MarketError as error:
            reasons[quote.provider.lower()] = shown(error.cause)
    for name, copy in _copies(case, quotes, datasets).items():
        reasons[name] = (
            f"of {copy.rows} rows {copy.equal} are equal to rows of {copy.original},"
            f" {copy.near} nearly"
        )
        del datasets[name]
    found = [
        Delivery(
            provider=quote.provider,
            sealed=sealed,
            accepted=quote.provider.lower() in datasets,
            reason=reasons.get(quote.provider.lower(), ""),
        )
        for quote, sealed in zip(quotes, deliveries, strict=True)
    ]
    return Inspection(DataManifest(trade=case.name, deliveries=tuple(found)), datasets)


def _copies(
    case: Case, quotes: Sequence[DataQuote], datasets: Mapping[str, Dataset]
) -> dict[str, Copy]:
    """Return the deliveries that repeat another, by the provider's lowercase address."""
    prices = {
        quote.provider.lower(): Fraction(quote.price, quote.rows)
        for quote in quotes
        if quote.provider.lower() in datasets
    }
    return find_copies(datasets, prices, case.seed)


def require_acceptable(provider: str, dataset: Dataset, task: Task, seed: int) -> None:
    """Refuse rows that teach nothing, or that would spoil the training of everybody's.

    Raises
    ------
    UnusableData
        Saying what is wrong with them.
    """
    largest = float(np.abs(dataset.features).max())
    if largest > MAX_MAGNITUDE:
        raise UnusableData(
            f"a feature is as large as {largest:g}", f"scale features to {MAX_MAGNITUDE:g} at most"
        )
    with refusing("the rows can't be examined", "deliver rows of an ordinary scale"):
        require_usable({provider: dataset}, task, seed)


def _opened(case: Case, exchange: Exchange, quote: DataQuote, sealed: Sealed | None) -> Dataset:
    if sealed is None:
        raise TradeRefused("nothing was delivered", "deliver before the window closes")
    payload = exchange.unseal(sealed, case.trade_id, f"data/{quote.provider}")
    salt, plaintext = payload[:SALT_BYTES], payload[SALT_BYTES:]
    if dataset_commitment(plaintext, salt) != quote.dataset:
        raise TradeRefused(
            "the delivered bytes are not those that the quote commits to", "deliver as quoted"
        )
    dataset = decode(plaintext, case.task)
    if len(dataset) != quote.rows:
        raise TradeRefused(
            f"{len(dataset)} rows were delivered, {quote.rows} were quoted", "deliver as quoted"
        )
    require_acceptable(quote.provider, dataset, case.task, case.seed)
    with refusing("the rows can't be examined", "deliver rows of an ordinary scale"):
        require_agreeing(quote.provider, dataset, case.validation, case.task, case.seed)
    return dataset
