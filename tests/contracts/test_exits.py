"""Whoever falls silent, a stranger ends the trade, and the money goes where the rules say.

In each case below every party is silent from that point on: only the stranger sends
transactions, and no new signature is used. So no end waits for any one of them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from expectations import credits_of, held_by
from parties import PARTIES
from trade_builder import TradeBuilder

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.units import even_split, largest_remainder

Step = Callable[[TradeBuilder], object]
Payments = Callable[[TradeBuilder], dict[str, int]]


def nothing(_: TradeBuilder) -> dict[str, int]:
    return {}


def everything_to_the_buyer(trade: TradeBuilder) -> dict[str, int]:
    return {PARTIES.buyer.address: trade.price_of(trade.quote)}


def data_stays_paid(trade: TradeBuilder) -> dict[str, int]:
    data = {quote.provider: quote.price for quote in trade.data_quotes}
    return data | {PARTIES.buyer.address: trade.price_of(trade.quote) - sum(data.values())}


def delivered_work_is_paid(trade: TradeBuilder, audited: bool = False) -> dict[str, int]:
    prices = trade.prices
    shares = largest_remainder(prices.experts, trade.weights)
    judges = (signer.address for signer in PARTIES.signers[:2])
    auditor = PARTIES.auditor if audited else PARTIES.buyer
    return {
        **{quote.provider: quote.price for quote in trade.data_quotes},
        **dict(zip(trade.experts, shares, strict=True)),
        **dict(zip(judges, even_split(prices.oracle, 2), strict=True)),
        PARTIES.broker.address: prices.broker,
        PARTIES.treasury.address: trade.record.protocol_fee,
        auditor.address: prices.auditor,
    }


def time_out(trade: TradeBuilder) -> None:
    trade.lapse()
    trade.time_out()


def settle_by_gate(trade: TradeBuilder) -> None:
    trade.lapse(trade.request.windows.settlement)
    trade.settle_by_gate()


def stay(_: TradeBuilder) -> None:
    pass


SILENCES: dict[str, tuple[State, Step, Step, State, Payments]] = {
    # who was to act: the state, what happened there, the exit, the end, who has been paid
    "the broker, asked for a model": (
        *(State.REQUESTED, stay),
        *(time_out, State.EXPIRED, nothing),
    ),
    "broker, providers or buyer, before a quote is accepted": (
        *(State.DATA_REQUESTED, stay),
        *(time_out, State.EXPIRED, nothing),
    ),
    "providers or committee, with the escrow funded": (
        *(State.FUNDED, stay),
        *(time_out, State.REFUNDED, everything_to_the_buyer),
    ),
    "committee or experts, with the data delivered": (
        *(State.DATA_DELIVERED, stay),
        *(time_out, State.REFUNDED, data_stays_paid),
    ),
    "experts or committee, before the first attempt": (
        *(State.GATED, stay),
        *(time_out, State.REFUNDED, data_stays_paid),
    ),
    "experts or committee, after a failed attempt": (
        *(State.GATED, TradeBuilder.fail),
        *(time_out, State.REFUNDED, data_stays_paid),
    ),
    "buyer, auditor and committee, with the model delivered": (
        *(State.PASSED, stay),
        *(settle_by_gate, State.SETTLED, delivered_work_is_paid),
    ),
    "auditor and committee, with the delivery confirmed": (
        *(State.PASSED, TradeBuilder.confirm),
        *(settle_by_gate, State.SETTLED, delivered_work_is_paid),
    ),
    "buyer and committee, with the audit attested": (
        *(State.PASSED, TradeBuilder.attest),
        *(settle_by_gate, State.SETTLED, lambda trade: delivered_work_is_paid(trade, True)),
    ),
}


@pytest.mark.parametrize("silent", SILENCES)
def test_a_stranger_ends_it(market: Market, currency: str, silent: str) -> None:
    state, happened, end, final, payments = SILENCES[silent]
    trade = TradeBuilder(market, currency=currency).advance_to(state)
    happened(trade)

    end(trade)

    assert (trade.record.state, trade.record.escrow) == (final, 0)
    assert credits_of(market, currency) == payments(trade)
    assert held_by(market, currency) == sum(payments(trade).values())
    withdraw_everything(market, currency)
    assert held_by(market, currency) == 0


def withdraw_everything(market: Market, currency: str) -> None:
    for party in PARTIES.everyone():
        if market.credit_of(party.address, currency):
            market.send(party, "withdraw", currency, party.address)


def test_no_state_is_without_an_exit() -> None:
    covered = {state for state, *_ in SILENCES.values()}
    assert covered == {state for state in State if not state.final and state != State.NONE}


@pytest.mark.parametrize("silent", ["buyer", "auditor"])
def test_with_the_committee_at_work_nobody_else_is_needed(trade: TradeBuilder, silent: str) -> None:
    trade.advance_to(State.PASSED)
    if silent == "buyer":
        trade.attest()
    else:
        trade.confirm()
    trade.settle_in_time()  # sent by a stranger
    assert trade.record.state == State.SETTLED
