"""The exits of a trade that stands still: anyone may take them, once its time is over."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from marketplace.chain.market import Agreement, Market, Status
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import NO_AUDIT, NOBODY, Opening

CLOSED = Opening(0, bytes(32))
"""Stands for a score whose signer did not open it."""


def exit_time(status: Status) -> int:
    """Return the last second, since 1970, before anyone may go on without whoever is silent."""
    decided = status.state in (State.PASSED, State.REJECTED)
    return status.deadline + (status.windows.settlement if decided else 0)


def seconds_to_exit(market: Market, trade_id: bytes) -> int:
    """Return how long the chain's clock must go on until anyone may take the exit; 0 if now.

    Raises
    ------
    TradeRefused
        If there is no such trade, or it has ended.
    """
    status = _running(market, trade_id)
    until = exit_time(status)
    if status.state == State.DISPUTED:
        challenge = market.challenge_of(trade_id)
        if challenge.challenger != NOBODY:
            until = challenge.deadline  # a challenge may lapse before the market goes on by itself
    return max(0, until - market.node.now() + 1)


def end_trade(market: Market, account: LocalAccount, trade_id: bytes) -> State:
    """Take the exit of a trade that stands still, from any account; returns the new state.

    It ends the trade, except that a dispute on which nobody ruled only goes back to the
    verdict, which then has an exit of its own. Before a verdict those are paid who put on
    record that they delivered, or, where no expert did, the signers of the reports so far; and the
    buyer gets the rest. After it everybody is paid but
    the signers who keep their scores sealed. Credits wait in the contract to be withdrawn.

    Raises
    ------
    TradeRefused
        If there is no such trade, or it has ended.
    TransactionReverted
        If its time is not over yet.
    """
    state = _running(market, trade_id).state
    agreed = market.agreement(trade_id)
    judges, supplies = agreed.request.committee, agreed.supplies if agreed.quote else ()
    if state == State.REQUESTED:
        market.send(account, "expire", trade_id)
    elif state == State.FUNDED:
        market.send(account, "timeoutDelivery", trade_id, agreed.deal, supplies, judges)
    elif state == State.GATED:
        members = market.committee_of(judges)
        market.send(account, "timeoutTraining", trade_id, agreed.deal, agreed.gate, members)
    elif state == State.DISPUTED:
        _end_dispute(market, account, trade_id, agreed)
    else:
        _settle_without_openings(market, account, trade_id, agreed)
    return market.status(trade_id).state


def _end_dispute(market: Market, account: LocalAccount, trade_id: bytes, agreed: Agreement) -> None:
    """Give the bond back, too, where it is still held."""
    if market.challenge_of(trade_id).challenger == NOBODY:
        market.send(account, "resume", trade_id)
    else:
        lapse = market.challenges.functions.lapse(agreed.request.as_tuple())
        market.node.send(account, lapse)


def _settle_without_openings(
    market: Market, account: LocalAccount, trade_id: bytes, agreed: Agreement
) -> None:
    attempt = agreed.last_attempt
    market.send(
        account,
        "settle",
        trade_id,
        agreed.deal,
        agreed.gate,
        market.committee_of(agreed.request.committee),
        attempt.finding.amounts,
        attempt.record,
        [CLOSED] * len(attempt.record.seals),
        NO_AUDIT,
    )


def _running(market: Market, trade_id: bytes) -> Status:
    status = market.status(trade_id)
    if status.state == State.NONE:
        raise TradeRefused(
            f"the market knows no trade 0x{trade_id.hex()}", "check the trade id and the market"
        )
    if status.state.final:
        raise TradeRefused(
            f"the trade has ended as {status.state.name}", "withdraw what it credited"
        )
    return status
