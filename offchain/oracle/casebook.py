"""What one seat has opened and computed about its trades.

Everything in here is made again from the chain and storage when it is missing, so a seat
that restarts in the middle of a trade goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from marketplace.chain.market import Market, struct_in
from marketplace.protocol.documents import DataManifest, GateManifest, Sealed
from marketplace.protocol.errors import ChainError, MarketError, StoreUnreachable, TradeRefused
from marketplace.protocol.terms import DataFinding
from offchain.data.names import shown
from offchain.exchange import Exchange
from offchain.oracle.allocation import Share, allocate
from offchain.oracle.case import Case, accepted_quotes, open_case
from offchain.oracle.inspection import Inspection, inspect
from offchain.oracle.routing import GateDecision, decide_gate
from offchain.validation import Evidence

Deliveries = tuple[Sealed | None, ...]
Progress = Callable[[str], None]


class Casebook:
    """The trades of one seat.

    Parameters
    ----------
    market
        The contract, on the seat's own node.
    exchange
        The seat's account, keys and storage.
    folder
        Where the seat keeps finished steps, unencrypted; None keeps them in memory only.
    """

    def __init__(self, market: Market, exchange: Exchange, folder: Path | None = None) -> None:
        self.market = market
        self.exchange = exchange
        self.folder = folder
        self._cases: dict[bytes, Case] = {}
        self._inspections: dict[tuple[bytes, Deliveries], Inspection] = {}
        self._decisions: dict[
            tuple[bytes, Deliveries, tuple[tuple[str, str], ...]], GateDecision
        ] = {}

    def case(self, trade_id: bytes) -> Case:
        """Open a trade's request and validation set; raises as `open_case`."""
        if trade_id not in self._cases:
            self._cases[trade_id] = open_case(self.market, self.exchange, trade_id)
        return self._cases[trade_id]

    def hindrance(self, trade_id: bytes) -> str | None:
        """Say why nothing of a trade can be judged: what its buyer sent can't be used.

        Raises
        ------
        ChainError, StoreUnreachable
            If the own node or store is out of reach, which is nobody else's fault.
        """
        try:
            self.case(trade_id)
        except (ChainError, StoreUnreachable):
            raise
        except MarketError as error:
            return shown(error.cause)
        return None

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

    def decision(
        self,
        trade_id: bytes,
        deliveries: Sequence[Sealed | None],
        roster: Mapping[str, str],
        progress: Progress = lambda message: None,
    ) -> GateDecision:
        """Decide the gate over candidates (kind by lowercase address) from what was delivered."""
        key = trade_id, tuple(deliveries), tuple(sorted(roster.items()))
        if key not in self._decisions:
            datasets = self.inspection(trade_id, deliveries).datasets
            self._decisions[key] = decide_gate(
                self.case(trade_id), datasets, roster, progress, self.folder
            )
        return self._decisions[key]

    def committed_gate(
        self, trade_id: bytes, progress: Progress = lambda message: None
    ) -> tuple[GateManifest, GateDecision]:
        """Return the gate manifest on chain and this seat's own decision over its candidates."""
        manifest, data = self.committed_manifest(trade_id), self.committed_data(trade_id)
        deliveries = [delivery.sealed for delivery in data.deliveries]
        return manifest, self.decision(trade_id, deliveries, roster_of(manifest), progress)

    def forget(self, trade_id: bytes) -> None:
        """Let go of what was opened and computed in a trade; it can be made again."""
        self._cases.pop(trade_id, None)
        for inspected in [key for key in list(self._inspections) if key[0] == trade_id]:
            self._inspections.pop(inspected, None)
        for decided in [key for key in list(self._decisions) if key[0] == trade_id]:
            self._decisions.pop(decided, None)

    def committed_manifest(self, trade_id: bytes) -> GateManifest:
        """Return the gate manifest on chain."""
        return self.exchange.read(GateManifest, self._reported(trade_id).gate_evidence)

    def committed_data(self, trade_id: bytes) -> DataManifest:
        """Return the data manifest on chain."""
        return self.exchange.read(DataManifest, self._reported(trade_id).data_evidence)

    def _reported(self, trade_id: bytes) -> DataFinding:
        return struct_in(DataFinding, self.market.event(trade_id, "DataReported")["report"])

    def allocation(self, trade_id: bytes, votes: Evidence) -> tuple[Share, ...]:
        """Divide the expert pool by what each of the gate's experts adds to these votes."""
        case, agreed = self.case(trade_id), self.market.agreement(trade_id)
        return allocate(
            votes,
            case.validation.labels,
            case.task.metric,
            agreed.gate.experts,
            agreed.deal.expert_pool,
            case.specification.division,
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
