"""Random trades side by side, in coin and in a token, with random amounts and random ends.

After every step the money adds up to the last unit, and the log alone tells what the
storage holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from eth_account.signers.local import LocalAccount
from expectations import credits_of, events, held_by
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from parties import PARTIES
from quick_chain import QuickProvider
from replay import Replay
from trade_builder import TradeBuilder
from trade_terms import Prices

from marketplace.chain.market import Market, Trade
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE, Windows
from marketplace.protocol.units import PARTS, largest_remainder

WINDOW_OF = {
    State.REQUESTED: "quote",
    State.FUNDED: "delivery",
    State.DATA_DELIVERED: "gating",
    State.GATED: "attempt",
}

AMOUNTS = st.one_of(st.integers(0, 9), st.integers(0, 10**12))
PANELS = [[PARTIES.signers[seat] for seat in seats] for seats in ((0, 1), (0, 2), (0, 1, 2))]


@dataclass(frozen=True)
class Plan:
    """What will happen to one trade; unless somebody falls silent, it ends by itself."""

    in_coin: bool
    prices: Prices
    weights: tuple[int, ...]
    contributions: list[int]
    silent_at: State | None
    declines: bool
    accepted: int
    fails: int
    attests: bool
    confirms: bool
    by_gate: bool
    panels: list[list[LocalAccount]]


PLANS = st.builds(
    Plan,
    in_coin=st.booleans(),
    prices=st.builds(
        Prices,
        data=st.tuples(AMOUNTS, AMOUNTS, AMOUNTS),
        experts=AMOUNTS,
        broker=AMOUNTS,
        auditor=AMOUNTS,
        oracle=AMOUNTS,
    ),
    weights=st.lists(st.integers(1, 50), min_size=1, max_size=5).map(
        lambda loads: tuple(largest_remainder(PARTS, loads))
    ),
    contributions=st.lists(st.integers(0, 9), min_size=5, max_size=5).filter(lambda c: c[0] > 0),
    silent_at=st.sampled_from([None] * 6 + list(WINDOW_OF)),
    declines=st.sampled_from([False] * 9 + [True]),
    accepted=st.sampled_from([0b111] * 3 + [0b101] * 3 + [0b100]),
    fails=st.sampled_from([0, 0, 1, 2]),
    attests=st.booleans(),
    confirms=st.booleans(),
    by_gate=st.booleans(),
    panels=st.lists(st.sampled_from(PANELS), min_size=5, max_size=5),
)


def windows_of(plan: Plan) -> Windows:
    """Return windows that are short where somebody waits for their end, and long elsewhere.

    All trades share the chain's clock: none may lapse because another one waits.
    """
    lengths = dict.fromkeys(["quote", "delivery", "gating", "attempt"], 10**6)
    if plan.silent_at is not None:
        lengths[WINDOW_OF[plan.silent_at]] = 100
    return Windows(**lengths, verification=100, settlement=100)


def course(trade: TradeBuilder, plan: Plan) -> Iterator[State]:
    """Take a trade through its plan; each step yields the state that it should have led to."""
    data, gate, first, second, last = plan.panels
    enough = sum(rows for i, rows in enumerate(trade.rows) if plan.accepted >> i & 1) >= 600
    steps: list[tuple[State, Callable[[], object]]] = [
        (State.REQUESTED, trade.ask),
        (State.DATA_REQUESTED, trade.ask_for_data),
        (State.DECLINED, trade.decline) if plan.declines else (State.FUNDED, trade.accept),
        (
            State.DATA_DELIVERED if enough else State.REFUNDED,
            lambda: trade.deliver(accepted=plan.accepted, signers=data),
        ),
        (State.GATED, lambda: trade.gate(signers=gate)),
    ]
    for state, step in steps:
        step()
        yield state
        if state == plan.silent_at:
            trade.lapse()
            trade.time_out()
            yield State.EXPIRED if state < State.FUNDED else State.REFUNDED
            return
        if state.final:
            return
    for number, panel in zip(range(plan.fails), (first, second), strict=False):
        trade.attempt(passed=False, signers=panel)
        yield State.GATED if number == 0 else State.FAILED
    if plan.fails < 2:
        trade.attempt(signers=second)
        yield State.PASSED
        yield from allocation(trade, plan, last)


def allocation(trade: TradeBuilder, plan: Plan, panel: list[LocalAccount]) -> Iterator[State]:
    """Settle a passed trade."""
    if plan.attests:
        trade.attest()
        yield State.PASSED
    if plan.confirms and trade.market.node.now() < trade.record.deadline:
        trade.confirm()
        yield State.PASSED
    if plan.by_gate:
        trade.lapse(trade.request.windows.settlement)
        (_, said), *_ = events(trade.market, trade.settle_by_gate())
        assert said["amounts"] == largest_remainder(trade.prices.experts, trade.weights)
    else:
        shares = plan.contributions[: len(trade.experts)]
        trade.lapse()
        trade.settle(amounts=largest_remainder(trade.prices.experts, shares), signers=panel)
    yield State.SETTLED


class Books:
    """The trades of one example, checked against the contract's balance and its log."""

    def __init__(self, market: Market, token: str, trades: list[TradeBuilder]) -> None:
        self.market = market
        self.currencies = (NATIVE, token)
        self.trades = trades
        self.records: dict[bytes, Trade] = {}
        self.replay = Replay(market.domain, {1: market.committee_of(1)[0]})

    def check(self, moved: TradeBuilder, state: State) -> None:
        """Check what holds after a step has moved one trade into a state."""
        record = self.records[moved.id] = moved.record
        assert record.state == state
        assert record.escrow == 0 or not state.final
        self.check_money()
        assert self.replay.trades == self.records

    def check_money(self) -> None:
        """Check that the contract holds the open escrows and the unclaimed credits."""
        self.replay.catch_up(self.market)
        for currency in self.currencies:
            escrows = sum(r.escrow for r in self.records.values() if r.currency == currency)
            owed = sum(self.told_credits(currency).values())
            assert held_by(self.market, currency) == escrows + owed

    def close(self) -> None:
        """Check what the steps of the others might have changed, and withdraw all credits."""
        assert {trade.id: trade.record for trade in self.trades} == self.records
        for currency in self.currencies:
            credited = credits_of(self.market, currency)
            assert credited == self.told_credits(currency)
            assert PARTIES.stranger.address not in credited  # who sent all reports and exits
            for party in PARTIES.everyone():
                if party.address in credited:
                    self.market.send(party, "withdraw", currency, party.address)
        self.check_money()

    def told_credits(self, currency: str) -> dict[str, int]:
        """Credits in a currency, as the log tells them."""
        credit = self.replay.credit.items()
        return {account: amount for (account, of), amount in credit if of == currency and amount}


def run_side_by_side(market: Market, token: str, plans: list[Plan], data: st.DataObject) -> None:
    """Take several trades through their plans, in random turns."""
    trades = [
        TradeBuilder(
            market,
            salt=f"random trade {number}",
            prices=plan.prices,
            weights=plan.weights,
            currency=NATIVE if plan.in_coin else token,
            max_attempts=2,
            windows=windows_of(plan),
        )
        for number, plan in enumerate(plans)
    ]
    courses = {trade: course(trade, plan) for trade, plan in zip(trades, plans, strict=True)}
    books = Books(market, token, trades)
    while courses:
        trade = data.draw(st.sampled_from(list(courses)), "whose turn")
        state = next(courses[trade], None)
        if state is None:
            del courses[trade]
        else:
            books.check(trade, state)
    books.close()


@pytest.mark.parametrize("currency", ["token"], indirect=True)
@pytest.mark.parametrize("examples", [3, pytest.param(40, marks=pytest.mark.slow)])
def test_the_money_adds_up_and_the_log_tells_it_all(
    market: Market, currency: str, examples: int
) -> None:
    provider = market.node.web3.provider
    assert isinstance(provider, QuickProvider)

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # to shrink takes minutes, and the plans are small as they are
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(plans=st.lists(PLANS, min_size=2, max_size=3), data=st.data())
    def explore(plans: list[Plan], data: st.DataObject) -> None:
        with provider.forgetting():
            run_side_by_side(market, currency, plans, data)

    explore()
