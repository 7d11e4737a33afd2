"""The audit: read the log, replay it, check every trade against evidence and storage."""

from __future__ import annotations

from collections.abc import Iterator

from eth_utils.address import is_address, to_checksum_address
from web3.providers import BaseProvider

from marketplace.audit.abi import Interface
from marketplace.audit.archive import Unavailable
from marketplace.audit.case import Case, Chain
from marketplace.audit.checks import TRADE_CHECKS
from marketplace.audit.checks.storage import check_credits, check_ledger
from marketplace.audit.history import History, fold
from marketplace.audit.log import MarketLog, read_log
from marketplace.audit.report import AuditedTrade, Check, Finding, Report, counted, judged
from marketplace.audit.rpc import Rpc
from marketplace.audit.trade import Trade
from marketplace.protocol.errors import ConfigurationError, NoContract
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
    chain, committee = _open(source, market)
    contracts = {chain.contract: chain.interface, committee: Interface("OracleCommittee")}
    log = read_log(chain.rpc, contracts, chain.block)
    history = fold(Domain(chain.rpc.chain_id(), chain.contract), log.events)
    trades = _chosen(history, trade)
    checks = list(_market_checks(log, history, chain))
    for chosen in trades:
        checks += _trade_checks(Case(chosen, history, chain, store))
    return Report.of(
        chain_id=history.domain.chain_id,
        market=chain.contract,
        block=chain.block.number,
        block_hash="0x" + chain.block.hash.hex(),
        trades=[AuditedTrade(id=chosen.name, state=chosen.state.name) for chosen in trades],
        checks=checks,
    )


def _open(source: BaseProvider, market: str) -> tuple[Chain, str]:
    """Find the market at its address, and the address of its committee."""
    if not is_address(market):
        raise ConfigurationError(f"{market!r} is no address", "give the market's 0x address")
    rpc, address, interface = Rpc(source), to_checksum_address(market), Interface("ModelMarket")
    block = rpc.header()
    answer = rpc.call(address, interface.call_data("committee"), block.number)
    try:
        committee = interface.returned("committee", answer or b"")
    except ValueError as error:
        raise NoContract(
            f"there is no market at {address} on chain {rpc.chain_id()}",
            "check the address, the endpoint, and whether the chain was restarted",
        ) from error
    return Chain(rpc, address, interface, block), committee


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
    findings = {
        "log": judged(
            [*log.faults, *history.strays],
            f"{count} events are in order, in their receipts, and of known trades",
        ),
        "committee": judged(
            history.misrotations,
            f"{counted(len(history.committees), 'committee version')} with a majority as quorum",
        ),
        "ledger": check_ledger(history, chain),
        "storage-state": check_credits(history, chain),
    }
    for name, finding in findings.items():
        yield Check(trade=None, name=name, verdict=finding.verdict, detail=finding.detail)


def _trade_checks(case: Case) -> Iterator[Check]:
    for name, check in TRADE_CHECKS.items():
        finding: Finding | None
        try:
            finding = check(case)
        except Unavailable as gap:
            finding = gap.finding
        if finding is not None:
            yield Check(
                trade=case.trade.name, name=name, verdict=finding.verdict, detail=finding.detail
            )
