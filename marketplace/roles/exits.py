"""The exits of a trade that stands still: anyone may take them, once its time is over."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from marketplace.chain.market import Market, Trade
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State


def exit_time(trade: Trade) -> int:
    """Return the last second, since 1970, before anyone may end the trade."""
    grace = trade.windows.settlement if trade.state == State.PASSED else 0
    return trade.deadline + grace


def seconds_to_exit(market: Market, trade_id: bytes) -> int:
    """Return how long the chain's clock must go on until anyone may end the trade; 0 if now.

    Raises
    ------
    TradeRefused
        If there is no such trade, or it has ended.
    """
    return max(0, exit_time(_running(market, trade_id)) - market.node.now() + 1)


def end_trade(market: Market, account: LocalAccount, trade_id: bytes) -> State:
    """End a trade that stands still, from any account; returns the final state.

    Before a pass the buyer is refunded, less what was delivered; after it the experts are
    paid by the gate's weights. Credits wait in the contract until they are withdrawn.

    Raises
    ------
    TradeRefused
        If there is no such trade, or it has ended.
    TransactionReverted
        If its time is not over yet.
    """
    if _running(market, trade_id).state == State.PASSED:
        gate = market.event(trade_id, "GateCommitted")
        market.send(account, "settleByGate", trade_id, gate["experts"], gate["weights"])
    else:
        market.send(account, "timeout", trade_id)
    return market.trade(trade_id).state


def _running(market: Market, trade_id: bytes) -> Trade:
    trade = market.trade(trade_id)
    if trade.state == State.NONE:
        raise TradeRefused(
            f"the market knows no trade 0x{trade_id.hex()}", "check the trade id and the market"
        )
    if trade.state.final:
        raise TradeRefused(
            f"the trade has ended as {trade.state.name}", "withdraw what it credited"
        )
    return trade
