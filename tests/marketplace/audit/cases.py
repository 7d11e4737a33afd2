"""The case of a trade, for tests that ask single checks."""

from __future__ import annotations

from audited_trade import AuditedTrade
from web3.providers import BaseProvider

from marketplace.audit.auditor import replayed
from marketplace.audit.case import Case
from marketplace.audit.chain import open_chain
from marketplace.audit.rpc import Rpc


def case_of(trade: AuditedTrade, source: BaseProvider | None = None) -> Case:
    """Return the case of a trade, as a node tells it."""
    node = source or trade.market.node.web3.provider
    history = replayed(node, trade.market.address)
    chain = open_chain(Rpc(node), trade.market.address)
    return Case(history.trades[trade.id], history, chain, trade.store)
