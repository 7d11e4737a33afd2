"""Parties that misbehave, for the scripts that show how a trade survives them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marketplace.chain.market import Market, ReportedAttempt
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.terms import Opening
from marketplace.roles.provider import Provider
from offchain.data import Dataset
from offchain.exchange import Exchange
from offchain.oracle.case import Case
from offchain.oracle.casebook import Casebook
from offchain.oracle.signer import OracleSigner


class GarbageProvider(Provider):
    """Quotes a good dataset and delivers a torn one, as a broken upload would."""

    def _payload(self, trade_id: bytes) -> bytes:
        whole = super()._payload(trade_id)
        return whole[: len(whole) // 2]


def disguised(dataset: Dataset) -> Dataset:
    """Return most of somebody's rows, shuffled and with a little noise on every number."""
    generator = np.random.default_rng(0)
    rows = dataset.take(generator.permutation(len(dataset))[: len(dataset) * 4 // 5])
    noise = generator.normal(size=rows.features.shape) * rows.features.std(axis=0)
    return Dataset((rows.features + noise / 1_000).astype(np.float32), rows.labels)


class ClosedSigner(OracleSigner):
    """Judges as any other, and then keeps its score sealed."""

    def opening(self, trade_id: bytes, attempt: ReportedAttempt) -> Opening:
        """Refuse."""
        raise TradeRefused("it keeps its score sealed", "settle without it")


class CorruptSigner(OracleSigner):
    """Does all the work, and lets any model pass."""

    def __init__(self, market: Market, exchange: Exchange) -> None:
        super().__init__(market, exchange)
        self.book = LenientCasebook(market, exchange)


class LenientCasebook(Casebook):
    """Reads every request as if it had asked for next to nothing."""

    def case(self, trade_id: bytes) -> Case:
        """Open a trade as any casebook does, and lower its threshold."""
        case = super().case(trade_id)
        return replace(case, request=replace(case.request, threshold=1))
