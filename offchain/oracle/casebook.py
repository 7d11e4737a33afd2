"""What one seat has opened and computed about its trades.

Everything in here is made again from the chain and storage when it is missing, so a seat
that restarts in the middle of a trade goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from marketplace.chain.market import Market
from marketplace.protocol.documents import DataManifest, GateManifest, Sealed, SettlementEvidence
from marketplace.protocol.errors import TradeRefused
from offchain.data import Dataset
from offchain.exchange import Exchange
from offchain.oracle.allocation import allocate
from offchain.oracle.attempt import open_reported
from offchain.oracle.case import (
    Case,
    accepted_quotes,
    committed_weights,
    open_case,
    passed_attempt,
)
from offchain.oracle.inspection import Inspection, inspect
from offchain.oracle.routing import GateDecision, decide_gate
from offchain.storage.cid import cid_of_digest
from offchain.validation import decode_evidence

Progress = Callable[[str], None]


class Casebook:
    """The trades of one seat.

    Parameters
    ----------
    market
        The contract, on the seat's own node.
    exchange
        The seat's account, keys and storage.
    """

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self._cases: dict[bytes, Case] = {}
        self._inspections: dict[tuple[bytes, tuple[Sealed | None, ...]], Inspection] = {}
        self._decisions: dict[tuple[bytes, tuple[tuple[str, str], ...]], GateDecision] = {}

    def case(self, trade_id: bytes) -> Case:
        """Open a trade's request and validation set; raises as `open_case`."""
        if trade_id not in self._cases:
            self._cases[trade_id] = open_case(self.market, self.exchange, trade_id)
        return self._cases[trade_id]

    def inspection(self, trade_id: bytes, deliveries: Sequence[Sealed | None]) -> Inspection:
        """Inspect the deliveries, one per accepted quote in their order.

        Raises
        ------
        TradeRefused
            If there are more or fewer deliveries than quotes.
        """
        key = trade_id, tuple(deliveries)
        if key not in self._inspections:
            quotes = accepted_quotes(self.market, trade_id)
            if len(deliveries) != len(quotes):
                raise TradeRefused(
                    f"there are {len(deliveries)} deliveries for {len(quotes)} data quotes",
                    "name one delivery, or none, for each quote",
                )
            self._inspections[key] = inspect(self.case(trade_id), self.exchange, quotes, deliveries)
        return self._inspections[key]

    def datasets(self, trade_id: bytes) -> dict[str, Dataset]:
        """Return the accepted datasets by the provider's lowercase address."""
        digest = bytes(self.market.event(trade_id, "DataDelivered")["evidence"])
        manifest = self.exchange.read(DataManifest, digest)
        return self.inspection(trade_id, [d.sealed for d in manifest.deliveries]).datasets

    def decision(
        self,
        trade_id: bytes,
        roster: Mapping[str, str],
        progress: Progress = lambda message: None,
    ) -> GateDecision:
        """Decide the gate over candidates (kind by lowercase address) from the delivered data."""
        key = trade_id, tuple(sorted(roster.items()))
        if key not in self._decisions:
            self._decisions[key] = decide_gate(
                self.case(trade_id), self.datasets(trade_id), roster, progress
            )
        return self._decisions[key]

    def committed_gate(
        self, trade_id: bytes, progress: Progress = lambda message: None
    ) -> tuple[GateManifest, GateDecision]:
        """Return the gate manifest on chain and this seat's own decision over its candidates."""
        digest = bytes(self.market.event(trade_id, "GateCommitted")["evidence"])
        manifest = self.exchange.read(GateManifest, digest)
        return manifest, self.decision(trade_id, roster_of(manifest), progress)

    def settlement(self, trade_id: bytes) -> SettlementEvidence:
        """Divide the expert pool by the sealed evidence of the attempt that passed."""
        case, attempt = self.case(trade_id), passed_attempt(self.market, trade_id)
        parts = open_reported(self.exchange, case, attempt)
        return allocate(
            case.name,
            attempt.number,
            cid_of_digest(attempt.report.evidence),
            decode_evidence(parts.votes),
            case.validation.labels,
            case.task.metric,
            tuple(committed_weights(self.market, trade_id)),
            self.market.trade(trade_id).expert_pool,
        )


def roster_of(manifest: GateManifest) -> dict[str, str]:
    """Return the kind of each candidate by lowercase address.

    Raises
    ------
    TradeRefused
        If candidates are named twice, out of order, or without a kind.
    """
    candidates = manifest.candidates
    if list(candidates) != sorted({name.lower() for name in candidates}):
        raise TradeRefused("the candidates don't ascend", "name each once, in lowercase")
    if len(manifest.kinds) != len(candidates):
        raise TradeRefused(
            f"{len(manifest.kinds)} kinds stand for {len(candidates)} candidates",
            "name the kind of each candidate",
        )
    return dict(zip(candidates, manifest.kinds, strict=True))
