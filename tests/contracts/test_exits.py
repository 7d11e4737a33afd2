"""Whoever falls silent in whatever state, a stranger ends the trade, and who worked is paid.

`SILENCES` names, for each state and each party that something hangs on, what happened
there before the party fell silent for ever, and how the trade ends although it does.
All calls from then on are a stranger's; the signatures in them are those that the other
parties give.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from expectations import credits_of, held_by
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import TWO, WINDOWS

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.units import even_split, largest_remainder

Step = Callable[[TradeBuilder], object]
Paid = dict[str, int]
FIRST_PROVIDER, FIRST_EXPERT = PARTIES.providers[0], PARTIES.experts[0]


# ------------------------------------------------------------------ who gets what, in the end


def nothing(_: TradeBuilder) -> Paid:
    return {}


def with_the_rest_to_the_buyer(trade: TradeBuilder, paid: Paid) -> Paid:
    left = trade.price - sum(paid.values())
    return {**paid, PARTIES.buyer.address: left} if left else paid


def all_back(trade: TradeBuilder) -> Paid:
    return with_the_rest_to_the_buyer(trade, {})


def data(trade: TradeBuilder) -> Paid:
    return {quote.provider: quote.price for quote in trade.data_quotes}


def data_only(trade: TradeBuilder) -> Paid:
    return with_the_rest_to_the_buyer(trade, data(trade))


def first_providers_data(trade: TradeBuilder) -> Paid:
    offer = trade.data_quotes[0]
    return with_the_rest_to_the_buyer(trade, {offer.provider: offer.price})


def first_experts_share(trade: TradeBuilder) -> Paid:
    share = largest_remainder(trade.prices.experts, trade.weights)[0]
    return with_the_rest_to_the_buyer(trade, {**data(trade), FIRST_EXPERT.address: share})


def oracles(trade: TradeBuilder) -> Paid:
    shares = even_split(trade.prices.oracle, len(TWO))
    return {PARTIES.signers[seat].address: share for seat, share in zip(TWO, shares, strict=True)}


def sellers(trade: TradeBuilder) -> Paid:
    return {
        **data(trade),
        **dict(zip(trade.experts, trade.amounts, strict=True)),
        PARTIES.broker.address: trade.prices.broker,
        PARTIES.treasury.address: trade.protocol_fee,
    }


def all_but_the_auditor(trade: TradeBuilder) -> Paid:
    return with_the_rest_to_the_buyer(trade, {**sellers(trade), **oracles(trade)})


def everyone(trade: TradeBuilder) -> Paid:
    auditor = {PARTIES.auditor.address: trade.prices.auditor}
    return {**sellers(trade), **oracles(trade), **auditor}


def all_but_the_closed_oracle(trade: TradeBuilder) -> Paid:
    paid = {**sellers(trade), **oracles(trade)}
    del paid[PARTIES.signers[0].address]
    return with_the_rest_to_the_buyer(trade, paid)


def all_but_oracles_and_auditor(trade: TradeBuilder) -> Paid:
    return with_the_rest_to_the_buyer(trade, sellers(trade))


def data_and_oracles(trade: TradeBuilder) -> Paid:
    return with_the_rest_to_the_buyer(trade, {**data(trade), **oracles(trade)})


def data_oracles_and_auditor(trade: TradeBuilder) -> Paid:
    auditor = {PARTIES.auditor.address: trade.prices.auditor}
    return with_the_rest_to_the_buyer(trade, {**data(trade), **oracles(trade), **auditor})


# -------------------------------------------------------------------------- ways and exits


def stay(_: TradeBuilder) -> None:
    pass


def expire(trade: TradeBuilder) -> None:
    trade.lapse()
    trade.expire()


def time_out_delivery(trade: TradeBuilder) -> None:
    trade.lapse()
    trade.time_out_delivery()


def time_out_training(trade: TradeBuilder) -> None:
    trade.lapse()
    trade.time_out_training()


def settle(trade: TradeBuilder) -> None:
    trade.settle_in_time()


def settle_audited(trade: TradeBuilder) -> None:
    trade.settle_in_time(trade.audit())


def settle_without(*closed: int) -> Step:
    def without(trade: TradeBuilder) -> None:
        trade.lapse(WINDOWS.settlement)
        trade.settle(openings=trade.openings(closed=closed))

    return without


def resume_and(settlement: Step) -> Step:
    def both(trade: TradeBuilder) -> None:
        trade.lapse()
        trade.resume()
        settlement(trade)

    return both


def first_provider_delivers(trade: TradeBuilder) -> None:
    trade.record_delivery(FIRST_PROVIDER)


def first_expert_delivers(trade: TradeBuilder) -> None:
    trade.record_delivery(FIRST_EXPERT)


def fail_and_first_expert_delivers(trade: TradeBuilder) -> None:
    trade.fail()
    trade.record_delivery(FIRST_EXPERT)


def dispute_a_rejection(trade: TradeBuilder) -> None:
    trade.use_up()
    trade.dispute()


@dataclass(frozen=True)
class Silence:
    """One state in which somebody does not act."""

    state: State
    silent: str
    ends: State
    paid: Callable[[TradeBuilder], Paid]
    exit: Step
    before: Step = stay
    reached: State | None = None  # by what happened before, if it led on

    def __str__(self) -> str:
        return f"{(self.reached or self.state).name}, silent: {self.silent}"


S = State
SILENCES = [
    Silence(S.REQUESTED, "broker", S.EXPIRED, nothing, expire),
    Silence(S.REQUESTED, "providers", S.EXPIRED, nothing, expire),
    Silence(S.REQUESTED, "buyer", S.EXPIRED, nothing, expire),
    # Not delivered: the buyer's loss is nobody's gain. Not judged: who delivered is paid.
    Silence(S.FUNDED, "providers", S.REFUNDED, all_back, time_out_delivery),
    Silence(
        *(S.FUNDED, "committee", S.REFUNDED, first_providers_data, time_out_delivery),
        before=first_provider_delivers,
    ),
    Silence(S.GATED, "experts", S.REFUNDED, data_only, time_out_training),
    Silence(
        *(S.GATED, "experts, after an attempt", S.REFUNDED, data_only, time_out_training),
        before=TradeBuilder.fail,
    ),
    Silence(
        *(S.GATED, "committee", S.REFUNDED, first_experts_share, time_out_training),
        before=first_expert_delivers,
    ),
    Silence(
        *(S.GATED, "committee, after an attempt"),
        *(S.REFUNDED, first_experts_share, time_out_training),
        before=fail_and_first_expert_delivers,
    ),
    Silence(S.PASSED, "buyer", S.SETTLED, everyone, settle_audited),
    Silence(S.PASSED, "broker", S.SETTLED, everyone, settle_audited),
    Silence(S.PASSED, "auditor", S.SETTLED, all_but_the_auditor, settle),
    Silence(S.PASSED, "one signer", S.SETTLED, all_but_the_closed_oracle, settle_without(0)),
    Silence(S.PASSED, "committee", S.SETTLED, all_but_oracles_and_auditor, settle_without(*TWO)),
    Silence(S.REJECTED, "buyer", S.FAILED, data_oracles_and_auditor, settle_audited),
    Silence(S.REJECTED, "auditor", S.FAILED, data_and_oracles, settle),
    Silence(S.REJECTED, "committee", S.FAILED, data_only, settle_without(*TWO)),
    Silence(S.DISPUTED, "arbiter", S.SETTLED, all_but_the_auditor, resume_and(settle)),
    Silence(
        *(S.GATED, "arbiter", S.FAILED, data_and_oracles, resume_and(settle)),
        before=dispute_a_rejection,
        reached=S.DISPUTED,
    ),
    Silence(
        *(S.DISPUTED, "arbiter and committee", S.SETTLED),
        *(all_but_oracles_and_auditor, resume_and(settle_without(*TWO))),
    ),
]


@pytest.mark.parametrize("silence", SILENCES, ids=str)
def test_a_stranger_ends_it(market: Market, currency: str, silence: Silence) -> None:
    trade = TradeBuilder(market, currency=currency).advance_to(silence.state)
    silence.before(trade)
    assert trade.status.state == (silence.reached or silence.state)

    silence.exit(trade)

    expected = silence.paid(trade)
    assert trade.status.state == silence.ends
    assert credits_of(market, currency) == expected
    assert held_by(market, currency) == sum(expected.values())
    for party in PARTIES.everyone():
        if party.address in expected:
            market.send(party, "withdraw", currency, party.address)
    assert held_by(market, currency) == 0


def test_no_state_is_without_an_exit() -> None:
    covered = {silence.reached or silence.state for silence in SILENCES}
    assert covered == {state for state in State if not state.final and state != State.NONE}


def test_every_party_falls_silent_somewhere() -> None:
    said = ", ".join(silence.silent for silence in SILENCES)
    parties = ("buyer", "broker", "providers", "experts", "committee", "one signer")
    for party in (*parties, "auditor", "arbiter"):
        assert party in said
