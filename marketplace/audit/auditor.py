"""The audit: read the log, replay it, check every trade against evidence and storage."""

from __future__ import annotations

from collections.abc import Iterator

from web3.providers import BaseProvider

from marketplace.audit.archive import Unavailable
from marketplace.audit.case import Case
from marketplace.audit.chain import Chain, open_chain
from marketplace.audit.checks import MARKET_CHECKS, TRADE_CHECKS
from marketplace.audit.history import History, fold
from marketplace.audit.log import MarketLog, read_log
from marketplace.audit.office import Office
from marketplace.audit.report import AuditedTrade, Check, Finding, Report, judged
from marketplace.audit.rpc import Rpc
from marketplace.audit.trade import Trade
from marketplace.protocol.errors import ConfigurationError
from marketplace.protocol.typed_data import Domain
from offchain.storage.store import Store


def audit(source: BaseProvider, market: str, store: Store, *, trade: bytes | None = None) -> Report:
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
        Report on this trade only (32 bytes). The whole log is replayed even so, since
        the credits of an account come from many trades.

    Returns
    -------
    Report
        One check per name and trade, market-wide ones first.

    Raises
    ------
    ConfigurationError
        If `market` is no address, or the log knows no such trade.
    NoContract
        If there is no market at that address.
    ChainError, NodeUnreachable, StoreUnreachable
        If the node or the store does not answer.
    """
    chain = open_chain(Rpc(source), market)
    log = read_log(chain.rpc, chain.interfaces, chain.block)
    history = fold(_blank(chain), log.events)
    trades = _chosen(history, trade)
    checks = list(_market_checks(log, history, chain))
    for chosen in trades:
        checks += _trade_checks(Case(chosen, history, chain, store))
    return Report.of(
        chain_id=history.domain.chain_id,
        market=chain.contracts.market,
        block=chain.block.number,
        block_hash="0x" + chain.block.hash.hex(),
        trades=[AuditedTrade(id=chosen.name, state=chosen.state.name) for chosen in trades],
        checks=checks,
    )


def _blank(chain: Chain) -> History:
    """Return a history that knows no event yet."""
    contracts = chain.contracts
    return History(
        Domain(chain.rpc.chain_id(), contracts.market),
        contracts,
        Office("committee", chain.view(contracts.committee, "rotationDelay") or 0),
        Office("panel", chain.view(contracts.panel, "rotationDelay") or 0),
    )


def _chosen(history: History, trade: bytes | None) -> list[Trade]:
    if trade is None:
        return list(history.trades.values())
    if trade not in history.trades:
        raise ConfigurationError(
            f"the market's log has no trade 0x{trade.hex()}",
            "check the trade id, the market and the endpoint",
        )
    return [history.trades[trade]]


def _market_checks(log: MarketLog, history: History, chain: Chain) -> Iterator[Check]:
    count = len(log.events)
    in_order = judged(
        [*log.faults, *history.strays],
        f"{count} events are in order, in their receipts, and of known trades",
    )
    yield _check(None, "log", in_order)
    for name, check in MARKET_CHECKS.items():
        yield _check(None, name, check(history, chain))


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
