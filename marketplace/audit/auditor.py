"""The audit: read the log, replay it, check every trade against evidence and storage."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from web3.providers import BaseProvider

from marketplace.audit.archive import Unavailable
from marketplace.audit.case import Case
from marketplace.audit.chain import Chain, open_chain
from marketplace.audit.checks import MARKET_CHECKS, TRADE_CHECKS
from marketplace.audit.checks.blocks import (
    check_anchor,
    check_headers,
    check_invariants,
    check_log,
    check_receipts,
    check_served_log,
    check_solvency,
    check_start,
    check_transactions,
)
from marketplace.audit.checks.distributions import check_distributions
from marketplace.audit.folding import Fold, blank_history
from marketplace.audit.history import History
from marketplace.audit.log import LogReader
from marketplace.audit.patterns import PATTERNS
from marketplace.audit.patterns.bidding import moving_bids
from marketplace.audit.patterns.funding import funders
from marketplace.audit.postings import Postings
from marketplace.audit.proofs import StateProofs
from marketplace.audit.report import AuditedTrade, Check, Finding, Report
from marketplace.audit.reporting.money import movements, movements_beside
from marketplace.audit.reporting.records import Movement
from marketplace.audit.reporting.timeline import timeline
from marketplace.audit.rpc import Rpc
from marketplace.audit.trade import Trade
from marketplace.protocol.errors import ConfigurationError
from offchain.storage.store import Store


def audit(
    source: BaseProvider,
    market: str,
    store: Store,
    *,
    trade: bytes | Collection[bytes] | None = None,
    anchor: bytes | None = None,
    first: int = 0,
    bids: str | None = None,
    payouts: str | None = None,
    follow_funds: bool = False,
) -> Report:
    """Check every trade of a market, as a stranger would.

    Parameters
    ----------
    source
        A web3 provider for the chain; nothing it says is believed that could be
        recomputed.
    market
        Address of the ``ModelMarket`` contract; all else is found from there.
    store
        Where the evidence lies.
    trade
        Report on this trade only (32 bytes), or on these; on the market alone if there are
        none. The whole log is replayed even so, since the credits of an account come from
        many trades.
    anchor
        Hash of a block (32 bytes) that the auditor knows from elsewhere, e.g. from a node of
        its own. The chain is looked at as of this block, and nothing that the headers commit
        to can differ from what is behind this hash. Without one the newest block counts, and
        the report says that it is unanchored.
    first
        Height from which to read the log. No contract of the market may be older.
    bids
        Address of the ``SealedBids`` contract whose tenders are to be looked at: their money, and
        patterns in the prices.
    payouts
        Address of the ``Payouts`` contract whose money is to be looked at.
    follow_funds
        Whether to read all transactions of all blocks too, for who funded whom.

    Returns
    -------
    Report
        One check per name and trade, market-wide ones first, then patterns, as warnings.

    Raises
    ------
    ConfigurationError
        If `market`, `bids` or `payouts` is no address, or the log knows no such trade.
    NoContract
        If there is no market at that address, or no such contract at another one.
    ChainError, NodeUnreachable, StoreUnreachable
        If the node or the store does not answer.
    """
    begun = begin(
        source,
        market,
        store,
        trade=trade,
        anchor=anchor,
        first=first,
        bids=bids,
        payouts=payouts,
        follow_funds=follow_funds,
    )
    return begun.report()


def begin(
    source: BaseProvider,
    market: str,
    store: Store,
    *,
    trade: bytes | Collection[bytes] | None = None,
    anchor: bytes | None = None,
    first: int = 0,
    bids: str | None = None,
    payouts: str | None = None,
    follow_funds: bool = False,
) -> Audit:
    """Read and fold the log of a market; takes and raises what `audit` does."""
    wanted = {trade} if isinstance(trade, bytes) else trade
    chain = open_chain(Rpc(source), market, anchor, bids, payouts)
    fold = Fold(chain, first, wanted)
    return Audit(fold, store, trade=wanted, anchor=anchor, follow_funds=follow_funds)


class Audit:
    """An audit step by step: the log was read and folded, and the rest follows as it is asked for.

    What was read and found of one trade is let go with the next.

    Parameters
    ----------
    fold
        The log; it may be one that goes on later.
    store, anchor, follow_funds
        As `audit` takes them.
    trade
        Report on these trades only; on all if None.

    Attributes
    ----------
    chain, history
        What was looked at, and what the log says.
    reading
        What came up while the log was read.
    """

    def __init__(
        self,
        fold: Fold,
        store: Store,
        *,
        trade: Collection[bytes] | None = None,
        anchor: bytes | None = None,
        follow_funds: bool = False,
    ) -> None:
        self.chain, self.history, self.reading = fold.chain, fold.history, fold.reading
        self._fold, self._store, self._wanted = fold, store, trade
        self._anchor, self._follow_funds = anchor, follow_funds
        self._proofs = StateProofs(self.chain)
        self._chosen = _chosen(self.history, trade)

    def report(self) -> Report:
        """Go through all steps, and return what was found."""
        of_market = self.market_checks()
        told, of_trades = [], []
        for audited, checks in self.trades():
            told.append(audited)
            of_trades += checks
        return Report.of(
            chain_id=self.history.domain.chain_id,
            market=self.chain.contracts.market,
            block=self.chain.block.number,
            block_hash="0x" + self.chain.block.recomputed.hex(),
            trades=told,
            checks=[*of_market, self.proofs_check(), *of_trades],
            movements=self.movements(),
        )

    def market_checks(self) -> list[Check]:
        """Check the log and the market as a whole, and look for patterns."""
        log, history, chain = self.reading, self.history, self.chain
        found = {
            "start": check_start(log, chain, self._fold.first),
            "anchor": check_anchor(log, chain, self._anchor),
            "headers": check_headers(log),
            "receipts": check_receipts(log),
            "transactions": check_transactions(log),
            "served-log": check_served_log(log),
            "log": check_log(log, history.strays),
            "invariants": check_invariants(self._fold.watch),
            "solvency": check_solvency(self._fold.watch),
            **{name: check(history, chain) for name, check in self._of_market()},
            **{name: look(history) for name, look in PATTERNS.items()},
        }
        if self._follow_funds:
            found["funders"] = funders(history, chain, self._fold.first)
        if chain.contracts.payouts:
            lists = self._fold.lists
            found["distributions"] = check_distributions(history, chain, lists, self._store)
        if chain.contracts.bids:
            found["bids"] = moving_bids(history, chain.block.timestamp)
        return [_check(None, name, finding) for name, finding in found.items()]

    def trades(self) -> Iterator[tuple[AuditedTrade, list[Check]]]:
        """Yield each audited trade with its checks, oldest first."""
        for chosen in self._chosen:
            checks = list(_trade_checks(Case(chosen, self.history, self.chain, self._store)))
            if len(self.chain.answers) >= ANSWERS_AT_ONCE:
                self._proofs.prove()
            yield self._told(chosen), checks

    def proofs_check(self) -> Check:
        """Hold what the other checks were told against proofs; so it comes last."""
        return _check(None, "state-proofs", self._proofs.finding())

    def movements(self) -> list[Movement]:
        """Return what moved beside the trades, unless the audit is of single trades."""
        events = self._fold.journal.beside() if self._wanted is None else []
        return movements_beside(events, self._postings())

    def _postings(self) -> Postings:
        return Postings(self.chain.contracts, self.history.books.stakes)

    def _of_market(self) -> list[tuple[str, Callable[[History, Chain], Finding]]]:
        named = self.chain.contracts
        left_out = {"tenders": named.bids is None, "payouts": named.payouts is None}
        return [(name, c) for name, c in MARKET_CHECKS.items() if not left_out.get(name)]

    def _told(self, trade: Trade) -> AuditedTrade:
        events = self._fold.journal.events(trade.id)
        return AuditedTrade(
            id=trade.name,
            state=trade.state.name,
            decimals=self.chain.decimals(trade.request.currency),
            timeline=tuple(timeline(events)),
            movements=tuple(movements(trade, events, self._postings())),
        )


ANSWERS_AT_ONCE = 500
"""Answers of the node about storage that are kept until they are proven."""


def _chosen(history: History, wanted: Collection[bytes] | None) -> list[Trade]:
    if wanted is None:
        return list(history.trades.values())
    for each in wanted:
        if each not in history.trades:
            raise ConfigurationError(
                f"the market's log has no trade 0x{each.hex()}",
                "check the trade id, the market and the endpoint",
            )
    return [found for found in history.trades.values() if found.id in wanted]


def _trade_checks(case: Case) -> Iterator[Check]:
    for name, check in TRADE_CHECKS.items():
        finding: Finding | None
        try:
            finding = check(case)
        except Unavailable as gap:
            finding = gap.finding
        if finding is not None:
            yield _check(case.trade.name, name, finding)


def _check(trade: str | None, name: str, finding: Finding) -> Check:
    return Check(trade=trade, name=name, verdict=finding.verdict, detail=finding.detail)


def replayed(
    source: BaseProvider, market: str, payouts: str | None = None, first: int = 0
) -> History:
    """Return what a market's log says from a height on, read as `audit` reads it, not judged yet.

    With its address, the log of a contract of payouts, too.
    """
    chain = open_chain(Rpc(source), market, payouts=payouts)
    history = blank_history(chain)
    for event in LogReader(chain.rpc, chain.interfaces, first, chain.block.number).events():
        history.take(event)
    return history
