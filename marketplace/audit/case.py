"""All that the checks of one trade look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from marketplace.audit.abi import Interface
from marketplace.audit.archive import Archive
from marketplace.audit.evidence import TradeEvidence
from marketplace.audit.history import Committee, History
from marketplace.audit.rpc import Header, Rpc
from marketplace.audit.signatures import RecoveredReport, recovered_reports
from marketplace.audit.trade import ReportedAttempt, Trade
from offchain.storage.store import Store


@dataclass(frozen=True)
class Chain:
    """The chain at the block at which the audit looks at it.

    Attributes
    ----------
    contract, interface
        The market's address and its ABI.
    block
        Views are evaluated after this block.
    """

    rpc: Rpc
    contract: str
    interface: Interface
    block: Header


@dataclass(frozen=True)
class Case:
    """One trade, the log around it, the chain under it and the evidence about it."""

    trade: Trade
    history: History
    chain: Chain
    store: Store

    @cached_property
    def evidence(self) -> TradeEvidence:
        """The trade's evidence; what is read lives as long as this case."""
        return TradeEvidence(self.trade, Archive(self.store))

    @cached_property
    def committee(self) -> Committee:
        """The committee version that the trade was requested under; empty if there is none."""
        version = self.trade.terms.committee_version
        return self.history.committees.get(version, Committee((), 0))

    @cached_property
    def reports(self) -> tuple[RecoveredReport, ...]:
        """The committee's reports and who signed them."""
        return recovered_reports(self.history.domain, self.trade)

    @cached_property
    def signers(self) -> tuple[str, ...]:
        """Members that signed any report of the trade, in the order of their seats."""
        signed = {signer for report in self.reports for signer in report.signers}
        return tuple(member for member in self.committee.members if member in signed)

    def signers_of(self, attempt: ReportedAttempt) -> tuple[str, ...]:
        """Return who signed the report on an attempt, in the order of its seals."""
        return next(report.signers for report in self.reports if report.subject is attempt)
