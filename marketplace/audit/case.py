"""All that the checks of one trade look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from marketplace.audit.archive import Archive
from marketplace.audit.chain import Chain
from marketplace.audit.disputes import Act
from marketplace.audit.evidence import TradeEvidence
from marketplace.audit.history import History
from marketplace.audit.office import Committee
from marketplace.audit.signatures import SignedReport, reports_of
from marketplace.audit.trade import Trade
from offchain.storage.store import Store


@dataclass(frozen=True)
class Case:
    """One trade, the log around it, the chain under it and the evidence about it."""

    trade: Trade
    history: History
    chain: Chain
    store: Store

    @cached_property
    def evidence(self) -> TradeEvidence:
        """The trade's evidence."""
        return TradeEvidence(self.trade, self.archive)

    @cached_property
    def archive(self) -> Archive:
        """What was read of the store for this trade; it lives as long as this case."""
        return Archive(self.store)

    @cached_property
    def committee(self) -> Committee:
        """The committee that the request names; empty if there never was one."""
        return self.history.committee.of(self.trade.request.committee)

    @cached_property
    def panel(self) -> Committee:
        """The panel that the request names; empty if there never was one."""
        return self.history.panel.of(self.trade.request.panel)

    @cached_property
    def reports(self) -> tuple[SignedReport, ...]:
        """The committee's reports and what was signed in each."""
        return tuple(reports_of(self.history.domain, self.committee.version, self.trade))

    @property
    def acts(self) -> list[Act]:
        """The challenge, ruling and penalties of the trade, in the order of the log."""
        return self.history.disputes.acts.get(self.trade.id, [])
