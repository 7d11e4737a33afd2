"""Random trades side by side, each call made on the contracts and on the reference model.

Both take a call, or both refuse it for the same reason. After every call, states,
balances and credits are the same on both, and for each currency the contract holds the
open escrows and the unclaimed credits. In the end the log alone tells what the storage
holds.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from both_markets import BothMarkets
from deploying import TestContracts
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from office import bitmap
from parties import PARTIES
from quick_chain import QuickProvider
from reference.market import Offer, State
from reference.money import by_weight
from trade_builder import TradeBuilder
from trade_terms import FEE_BPS, Prices
from web3.contract import Contract

from marketplace.chain.market import Market
from marketplace.protocol.terms import LEAST_SETTLEMENT, NO_AUDIT, Windows

THRESHOLD = 500_000
AMOUNTS = st.one_of(st.integers(0, 9), st.integers(0, 10**12))
SECONDS = st.sampled_from([60_000, 6_000, 600, 60]).flatmap(
    lambda most: st.integers(0, most - 1).map(lambda less: most - less)
)
SEATS = st.sampled_from([*((0, 1), (0, 2), (1, 2), (0, 1, 2)) * 3, (1,), ()])
SCORES = st.sampled_from([0, THRESHOLD - 1, THRESHOLD, 1_000_000])
ERRORS = st.sampled_from([0] * 9 + [1])
LOADS = st.lists(st.integers(0, 9), min_size=5, max_size=5)
WORKING = [*PARTIES.providers, *PARTIES.experts, PARTIES.stranger]


@st.composite
def terms(draw: st.DrawFn) -> tuple[dict[str, Any], int, str]:
    """Draw a trade's prices, rows, weights, windows and rules."""
    count = draw(st.sampled_from([3, 3, 3, 2, 1, 0]))
    prices = Prices(tuple(draw(AMOUNTS) for _ in range(count)), *(draw(AMOUNTS) for _ in range(4)))
    loads = draw(st.lists(st.integers(1, 50), min_size=1, max_size=5))
    return (
        {
            "prices": prices,
            "rows": (500, 300, 200)[:count],
            "weights": tuple(by_weight(1_000_000, loads)),
            "windows": Windows(
                *(draw(SECONDS) for _ in range(6)), settlement=max(draw(SECONDS), LEAST_SETTLEMENT)
            ),
            "max_attempts": draw(st.integers(1, 3)),
            "min_rows": draw(st.sampled_from([1, 1, 1, 500, 700, 1_000])),
            "approval_required": draw(st.booleans()),
            "threshold": THRESHOLD,
        },
        draw(ERRORS),  # by how much the budget is too small
        draw(st.sampled_from(["coin", "token"])),
    )


class Trades(RuleBasedStateMachine):
    """Up to three trades in coin and in a token, driven by chance."""

    market: Market
    token: str
    reader: Contract

    def __init__(self) -> None:
        super().__init__()
        self._undo = ExitStack()
        provider = self.market.node.web3.provider
        assert isinstance(provider, QuickProvider)
        self._undo.enter_context(provider.forgetting())
        self.both = BothMarkets(self.market, self.token, self.reader)

    def teardown(self) -> None:
        try:
            self.both.compare_log()
        finally:
            self._undo.close()

    @initialize(data=st.data())
    def first(self, data: st.DataObject) -> None:
        self.ask(data)

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        """Draw a call that some trade is waiting for, mostly, or else any other."""
        trades = self.both.model.trades
        running = [name for name, trade in trades.items() if trade.state in USUAL]
        name = data.draw(st.sampled_from(running or list(trades)), "trade")
        trade = trades[name]
        usual = USUAL.get(trade.state, [])
        if self.market.node.now() >= trade.deadline and trade.state not in DECIDED:
            usual = usual and [Trades.end, Trades.end, *usual[:1]]
        anything = [Trades.withdraw, Trades.out_of_order, Trades.out_of_order, Trades.wait]
        if len(trades) < 3:
            anything.append(Trades.ask)
        act = data.draw(st.sampled_from([*usual, *usual, *anything]), "call")
        if act in anything:
            act(self, data)
        else:
            act(self, data, name)

    # ------------------------------------------------------- calls that are waited for

    def accept(self, data: st.DataObject, name: str) -> None:
        builder, offer = self.both.builders[name], self.both.model.trades[name].offer
        expects, sends = data.draw(ERRORS, "price off by"), data.draw(ERRORS, "value off by")
        price = builder.price + expects
        value = sends + (builder.price if offer.currency == "coin" else 0)
        act = partial(builder.accept, price=price, value=value)
        self.both.on_trade(name, "accept", price, value, act=act)

    def record_delivery(self, data: st.DataObject, name: str) -> None:
        worker = data.draw(st.sampled_from(WORKING), "worker")
        act = partial(self.both.builders[name].record_delivery, worker)
        self.both.on_trade(name, "record_delivery", worker.address, act=act)

    def report_data(self, data: st.DataObject, name: str) -> None:
        builder, seats = self.both.builders[name], data.draw(SEATS, "signers")
        accepted = data.draw(st.sampled_from([7, 7, 7, 5, 4, 3, 0]), "delivered")
        accepted &= (1 << len(builder.data_quotes)) - 1
        delivered = [i for i in range(3) if accepted >> i & 1]
        arguments = (delivered, builder.experts, builder.weights, seats)
        act = partial(builder.report_data, accepted, seats=seats)
        self.both.on_trade(name, "report_data", *arguments, act=act)

    def report_attempt(self, data: st.DataObject, name: str) -> None:
        builder, seats = self.both.builders[name], data.draw(SEATS, "signers")
        model = data.draw(st.integers(1, 4), "model")
        scores = {seat: data.draw(SCORES, f"score {seat}") for seat in seats}
        lies = data.draw(st.sampled_from([0, 0, 0, 0, 0b111, 0b001]), "verdicts turned round")
        verdicts = {seat: (scores[seat] >= THRESHOLD) ^ bool(lies >> seat & 1) for seat in seats}
        passed = 2 * sum(verdicts.values()) > len(seats)
        count = len(builder.experts)
        loads = data.draw(LOADS.filter(lambda loads: any(loads[:count])), "contributions")
        amounts = by_weight(builder.prices.experts, loads[:count])
        amounts[0] += data.draw(ERRORS, "amounts off by")
        given = tuple(amounts) if passed else ()
        act = partial(
            builder.attempt,
            scores=scores,
            finding=replace(builder.attempt_finding(model, passed), amounts=given),
            verdicts=bitmap(seat for seat in seats if verdicts[seat]),
        )
        arguments = (f"model {model}", verdicts, scores, amounts)
        self.both.on_trade(name, "report_attempt", *arguments, act=act)

    def attest(self, data: st.DataObject, name: str) -> None:
        builder, approved = self.both.builders[name], data.draw(st.booleans(), "approved")
        act = partial(builder.attest, builder.audit(approved))
        self.both.on_trade(name, "attest", approved, act=act)

    def open_scores(self, data: st.DataObject, name: str) -> None:
        self.perhaps_lapse(data, name)
        builder, closed = self.both.builders[name], data.draw(SEATS, "closed")
        seats = set(self.both.model.trades[name].scores) - set(closed)
        act = partial(builder.open_scores, builder.openings(closed=closed))
        self.both.on_trade(name, "open_scores", seats, act=act)

    def settle(self, data: st.DataObject, name: str) -> None:
        self.perhaps_lapse(data, name)
        builder = self.both.builders[name]
        closed = data.draw(st.sampled_from([(), (), (), (0,), (1, 2), (0, 1, 2)]), "closed")
        audit = data.draw(st.sampled_from([None, None, True, False]), "audit")
        seats = set(self.both.model.trades[name].scores) - set(closed)
        given = NO_AUDIT if audit is None else builder.audit(audit)
        act = partial(builder.settle, openings=builder.openings(closed=closed), audit=given)
        self.both.on_trade(name, "settle", seats, audit, act=act)

    def dispute(self, data: st.DataObject, name: str) -> None:
        self.both.on_trade(name, "dispute", act=self.both.builders[name].dispute)

    def rule_on(self, data: st.DataObject, name: str) -> None:
        overturned = data.draw(st.booleans(), "overturned")
        act = partial(self.both.builders[name].rule, overturned)
        self.both.on_trade(name, "rule", overturned, act=act)

    def end(self, data: st.DataObject, name: str) -> None:
        """Make the call that ends a state in which somebody is silent."""
        ends = {
            State.REQUESTED: ["expire", "expire", "expire", "decline"],
            State.FUNDED: ["time_out_delivery"],
            State.GATED: ["time_out_training"],
            State.DISPUTED: ["resume"],
        }
        step = data.draw(st.sampled_from(ends[self.both.model.trades[name].state]), "end")
        self.perhaps_lapse(data, name)
        self.both.on_trade(name, step, act=getattr(self.both.builders[name], step))

    def perhaps_lapse(self, data: st.DataObject, name: str) -> None:
        """Wait for the deadline, for the seconds around it, or not at all."""
        after = data.draw(st.sampled_from([None, -1, 0, 0, 0, 60_000]), "seconds after it")
        if after is not None:
            self.both.builders[name].wait_until(self.both.model.trades[name].deadline + after)

    # ------------------------------------------------------------- calls at any time

    def ask(self, data: st.DataObject) -> None:
        fields, short, currency = data.draw(terms(), "terms")
        name = f"trade {len(self.both.builders)}"
        fields |= {"salt": name, "currency": self.both.currencies[currency]}
        price = TradeBuilder(self.market, **fields).price
        builder = TradeBuilder(self.market, budget=max(1, price - short), **fields)
        self.both.add(name, builder, offer_of(builder, currency))

    def withdraw(self, data: st.DataObject) -> None:
        owed = [key for key, amount in self.both.model.credits.items() if amount]
        keys = [*owed, *owed, (PARTIES.stranger.address, "coin"), (PARTIES.buyer.address, "token")]
        self.both.withdraw(*data.draw(st.sampled_from(keys), "credit"))

    def out_of_order(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(list(self.both.builders)), "trade")
        builder, trade = self.both.builders[name], self.both.model.trades[name]
        calls: dict[str, tuple[tuple[Any, ...], Callable[[], object]]] = {
            "accept": ((builder.price, 0), builder.accept),
            "report_data": (((0,), (), (), (0, 1)), builder.report_data),
            "settle": (((), None), builder.settle),
            "attest": ((True,), builder.attest),
            "rule": ((True,), partial(builder.rule, True)),
            **{step: ((), getattr(builder, step)) for step in ENDS},
        }
        step = data.draw(st.sampled_from([s for s in calls if trade.state not in HOME[s]]), "step")
        arguments, act = calls[step]
        assert not self.both.on_trade(name, step, *arguments, act=act)

    def wait(self, data: st.DataObject) -> None:
        builder = next(iter(self.both.builders.values()))
        builder.wait_until(self.market.node.now() + data.draw(SECONDS, "seconds"))


S = State
DECIDED = (S.PASSED, S.REJECTED)
USUAL: dict[State, list[Callable[[Trades, st.DataObject, str], None]]] = {
    S.REQUESTED: [Trades.accept] * 9 + [Trades.end],
    S.FUNDED: [Trades.report_data] * 7 + [Trades.record_delivery] * 2 + [Trades.end],
    S.GATED: [Trades.report_attempt] * 7 + [Trades.record_delivery] * 2 + [Trades.end],
    **{
        state: [Trades.settle, Trades.settle, Trades.attest, Trades.open_scores, Trades.dispute]
        for state in DECIDED
    },
    S.DISPUTED: [Trades.rule_on, Trades.end, Trades.attest, Trades.open_scores],
}
ENDS = ("decline", "expire", "time_out_delivery", "time_out_training", "resume")
HOME: dict[str, tuple[State, ...]] = {
    "accept": (S.REQUESTED,),
    "decline": (S.REQUESTED,),
    "expire": (S.REQUESTED,),
    "report_data": (S.FUNDED,),
    "time_out_delivery": (S.FUNDED,),
    "time_out_training": (S.GATED,),
    "settle": DECIDED,
    "attest": (*DECIDED, S.DISPUTED),
    "rule": (S.DISPUTED,),
    "resume": (S.DISPUTED,),
}


def offer_of(builder: TradeBuilder, currency: str) -> Offer:
    """Say the terms of a trade in the model's words."""
    request, prices = builder.request, builder.prices
    return Offer(
        currency=currency,
        buyer=request.buyer,
        broker=request.broker,
        auditor=request.auditor,
        treasury=request.treasury,
        judges=tuple(signer.address for signer in PARTIES.signers),
        quorum=2,
        providers=tuple(quote.provider for quote in builder.data_quotes),
        rows=builder.rows,
        data=prices.data,
        pool=prices.experts,
        broker_fee=prices.broker,
        auditor_fee=prices.auditor,
        oracle_fee=prices.oracle,
        fee_bps=FEE_BPS,
        budget=request.budget,
        threshold=request.threshold,
        cap=request.max_attempts,
        min_rows=request.min_rows,
        approval_required=request.approval_required,
        windows=request.windows.as_message(),
    )


@pytest.fixture
def both_kinds(market: Market, currency: str, test_contracts: TestContracts) -> type[Trades]:
    """The machine on a market that takes short review windows."""
    short = market.rules.functions.setReview(1, 200)
    market.node.send(PARTIES.admin, short)
    reader = test_contracts.deploy("LedgerReader")
    return type("TradesHere", (Trades,), {"market": market, "token": currency, "reader": reader})


@pytest.mark.parametrize("currency", ["token"], indirect=True)
@pytest.mark.parametrize(
    ("examples", "steps"), [(5, 30), pytest.param(200, 60, marks=pytest.mark.slow)]
)
def test_contracts_and_reference_model_never_differ(
    both_kinds: type[Trades], examples: int, steps: int
) -> None:
    run_state_machine_as_test(
        both_kinds,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],  # to shrink takes minutes; the failing steps are printed
            suppress_health_check=list(HealthCheck),
        ),
    )
