"""Random trades side by side, each call made on the contracts and on the reference model.

After every call, refused ones included, states, balances and credits are the same on
both, and for each currency the contract holds the open escrows and the unclaimed
credits. In the end the log alone tells what the storage holds.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from both_markets import ACCOUNTS, BothMarkets
from deploying import TestContracts
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from parties import PARTIES
from quick_chain import QuickProvider
from reference.market import Offer, State
from reference.money import by_weight
from trade_builder import TradeBuilder
from trade_terms import FEE_BPS, Prices, bitmap
from web3.contract import Contract

from marketplace.chain.market import Market
from marketplace.protocol.terms import NO_AUDIT, Windows

THRESHOLD = 500_000
AMOUNTS = st.one_of(st.integers(0, 9), st.integers(0, 10**12))
SECONDS = st.integers(1, 400)
SEATS = st.sampled_from([(0, 1), (0, 2), (1, 2), (0, 1, 2), (0, 1, 2), (1,), ()])
SCORES = st.sampled_from([0, THRESHOLD - 1, THRESHOLD, 1_000_000])
WORKERS = [worker.address for worker in (*PARTIES.providers, *PARTIES.experts)]
WORKING = [*PARTIES.providers, *PARTIES.experts, PARTIES.stranger]


@st.composite
def terms(draw: st.DrawFn) -> tuple[dict[str, Any], int, bool]:
    """Draw a trade's prices, rows, weights, windows and rules."""
    count = draw(st.integers(0, 3))
    prices = Prices(tuple(draw(AMOUNTS) for _ in range(count)), *(draw(AMOUNTS) for _ in range(4)))
    loads = draw(st.lists(st.integers(1, 50), min_size=1, max_size=5))
    return (
        {
            "prices": prices,
            "rows": (500, 300, 200)[:count],
            "weights": tuple(by_weight(1_000_000, loads)),
            "windows": Windows(*(draw(SECONDS) for _ in range(7))),
            "max_attempts": draw(st.integers(1, 3)),
            "min_rows": draw(st.sampled_from([1, 500, 700, 1_000])),
            "approval_required": draw(st.booleans()),
            "threshold": THRESHOLD,
        },
        draw(st.sampled_from([0, 0, 0, 0, 1])),  # by how much the budget is too small
        draw(st.booleans()),
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

    # ------------------------------------------------------------------- which trade

    def some(self, data: st.DataObject, *states: State) -> tuple[str, TradeBuilder]:
        """Draw a trade, where there is one in one of these states; any state by default."""
        trades = self.both.model.trades
        names = [name for name, trade in trades.items() if not states or trade.state in states]
        name = data.draw(st.sampled_from(names), "trade")
        return name, self.both.builders[name]

    def there_is(self, *states: State) -> bool:
        return any(trade.state in states for trade in self.both.model.trades.values())

    @initialize(drawn=terms())
    def first(self, drawn: tuple[dict[str, Any], int, bool]) -> None:
        self.ask(drawn)

    @precondition(lambda self: len(self.both.builders) < 3)
    @rule(drawn=terms())
    def ask(self, drawn: tuple[dict[str, Any], int, bool]) -> None:
        fields, short, in_coin = drawn
        name = f"trade {len(self.both.builders)}"
        currency = "coin" if in_coin else "token"
        builder = TradeBuilder(
            self.market, salt=name, currency=self.both.currencies[currency], **fields
        )
        budget = max(1, builder.price - short)
        builder = TradeBuilder(
            self.market,
            salt=name,
            currency=self.both.currencies[currency],
            budget=budget,
            **fields,
        )
        self.both.add(name, builder, offer_of(builder, currency))

    # ------------------------------------------------------------------- honest steps

    @precondition(lambda self: self.there_is(State.REQUESTED))
    @rule(
        data=st.data(), expects=st.sampled_from([0] * 6 + [1]), sends=st.sampled_from([0] * 6 + [1])
    )
    def accept(self, data: st.DataObject, expects: int, sends: int) -> None:
        name, builder = self.some(data, State.REQUESTED)
        offer = self.both.model.trades[name].offer
        price = builder.price + expects
        value = sends + (builder.price if offer.currency == "coin" else 0)
        arguments = (price, value)
        self.both.on_trade(
            name, "accept", *arguments, act=lambda: builder.accept(price=price, value=value)
        )

    @precondition(lambda self: self.there_is(State.FUNDED, State.GATED))
    @rule(data=st.data(), worker=st.sampled_from(WORKING))
    def record_delivery(self, data: st.DataObject, worker: Any) -> None:
        name, builder = self.some(data, State.FUNDED, State.GATED)
        act = lambda: builder.record_delivery(worker)  # noqa: E731  # one line, used once
        self.both.on_trade(name, "record_delivery", worker.address, act=act)

    @precondition(lambda self: self.there_is(State.FUNDED))
    @rule(data=st.data(), accepted=st.sampled_from([7, 7, 7, 5, 4, 3, 0]), seats=SEATS)
    def report_data(self, data: st.DataObject, accepted: int, seats: tuple[int, ...]) -> None:
        name, builder = self.some(data, State.FUNDED)
        accepted &= (1 << len(builder.data_quotes)) - 1
        delivered = [i for i in range(3) if accepted >> i & 1]
        self.both.on_trade(
            name,
            "report_data",
            *(delivered, builder.experts, builder.weights, seats),
            act=lambda: builder.report_data(accepted, seats=seats),
        )

    @precondition(lambda self: self.there_is(State.GATED))
    @rule(
        data=st.data(),
        model=st.integers(1, 4),
        seats=SEATS,
        loads=st.lists(st.integers(0, 9), min_size=5, max_size=5),
        off=st.sampled_from([0] * 7 + [1]),
    )
    def report_attempt(
        self, data: st.DataObject, model: int, seats: tuple[int, ...], loads: list[int], off: int
    ) -> None:
        name, builder = self.some(data, State.GATED)
        scores = {seat: data.draw(SCORES, f"score {seat}") for seat in seats}
        lies = data.draw(st.sampled_from([0, 0, 0, 0, 0b111, 0b001]), "verdicts turned round")
        verdicts = {seat: (scores[seat] >= THRESHOLD) ^ bool(lies >> seat & 1) for seat in seats}
        passed = 2 * sum(verdicts.values()) > len(seats)
        loads[0] += 1
        amounts = by_weight(builder.prices.experts, loads[: len(builder.experts)])
        amounts[0] += off
        finding = replace(
            builder.attempt_finding(model, passed), amounts=tuple(amounts) if passed else ()
        )
        self.both.on_trade(
            name,
            "report_attempt",
            *(f"model {model}", verdicts, scores, amounts),
            act=lambda: builder.attempt(
                scores=scores,
                finding=finding,
                verdicts=bitmap(seat for seat in seats if verdicts[seat]),
                number=len(builder.course.attempts) + 1,
            ),
        )

    @precondition(lambda self: self.there_is(State.PASSED, State.REJECTED, State.DISPUTED))
    @rule(data=st.data(), approved=st.booleans())
    def attest(self, data: st.DataObject, approved: bool) -> None:
        name, builder = self.some(data, State.PASSED, State.REJECTED, State.DISPUTED)
        audit = builder.audit(approved)
        self.both.on_trade(name, "attest", approved, act=lambda: builder.attest(audit))

    @precondition(lambda self: self.there_is(State.PASSED, State.REJECTED, State.DISPUTED))
    @rule(data=st.data(), closed=SEATS)
    def open_scores(self, data: st.DataObject, closed: tuple[int, ...]) -> None:
        name, builder = self.some(data, State.PASSED, State.REJECTED, State.DISPUTED)
        seats = set(self.both.model.trades[name].scores) - set(closed)
        openings = builder.openings(closed=closed)
        self.both.on_trade(name, "open_scores", seats, act=lambda: builder.open_scores(openings))

    @precondition(lambda self: self.there_is(State.PASSED, State.REJECTED))
    @rule(
        data=st.data(),
        wait=st.booleans(),
        closed=st.sampled_from([(), (), (), (0,), (1, 2), (0, 1, 2)]),
        audit=st.sampled_from([None, None, True, False]),
    )
    def settle(
        self, data: st.DataObject, wait: bool, closed: tuple[int, ...], audit: bool | None
    ) -> None:
        name, builder = self.some(data, State.PASSED, State.REJECTED)
        if wait:
            builder.lapse()
        seats = set(self.both.model.trades[name].scores) - set(closed)
        given = NO_AUDIT if audit is None else builder.audit(audit)
        openings = builder.openings(closed=closed)
        self.both.on_trade(
            name, "settle", seats, audit, act=lambda: builder.settle(openings=openings, audit=given)
        )

    @precondition(lambda self: self.there_is(State.PASSED, State.REJECTED))
    @rule(data=st.data(), seconds=st.integers(0, 300))
    def dispute(self, data: st.DataObject, seconds: int) -> None:
        name, builder = self.some(data, State.PASSED, State.REJECTED)
        until = self.market.node.now() + 1 + seconds
        self.both.on_trade(name, "dispute", until, act=lambda: builder.dispute(1 + seconds))

    @precondition(lambda self: self.there_is(State.DISPUTED))
    @rule(data=st.data(), overturned=st.booleans())
    def end_dispute(self, data: st.DataObject, overturned: bool) -> None:
        name, builder = self.some(data, State.DISPUTED)
        self.both.on_trade(name, "rule", overturned, act=lambda: builder.rule(overturned))

    # ------------------------------------------------------- any call, in any state

    @rule(data=st.data(), step=st.sampled_from(["decline", "expire", "resume"]))
    def end_out_of_order(self, data: st.DataObject, step: str) -> None:
        name, builder = self.some(data)
        self.both.on_trade(name, step, act=getattr(builder, step))

    @rule(data=st.data(), step=st.sampled_from(["time_out_delivery", "time_out_training"]))
    def time_out(self, data: st.DataObject, step: str) -> None:
        name, builder = self.some(data)
        self.both.on_trade(name, step, act=getattr(builder, step))

    @rule(
        data=st.data(), step=st.sampled_from(["accept", "report_data", "settle", "attest", "rule"])
    )
    def step_out_of_order(self, data: st.DataObject, step: str) -> None:
        states = {
            "accept": [state for state in State if state != State.REQUESTED],
            "report_data": [state for state in State if state != State.FUNDED],
            "rule": [state for state in State if state != State.DISPUTED],
        }
        undecided = [s for s in State if s not in (State.PASSED, State.REJECTED, State.DISPUTED)]
        wanted = states.get(step, undecided)
        if not self.there_is(*wanted):
            return
        name, builder = self.some(data, *wanted)
        calls: dict[str, tuple[tuple[Any, ...], Any]] = {
            "accept": ((0, 0), builder.accept),
            "report_data": (((0,), (), (), (0, 1)), builder.report_data),
            "settle": (((), None), builder.settle),
            "attest": ((True,), builder.attest),
            "rule": ((True,), lambda: builder.rule(True)),
        }
        arguments, act = calls[step]
        self.both.on_trade(name, step, *arguments, act=act)

    @rule(holder=st.sampled_from(ACCOUNTS), currency=st.sampled_from(["coin", "token"]))
    def withdraw(self, holder: str, currency: str) -> None:
        owed = [key for key, amount in self.both.model.credits.items() if amount]
        if owed:  # mostly by somebody who has something
            holder, currency = owed[ACCOUNTS.index(holder) % len(owed)]
        self.both.withdraw(holder, currency)

    @rule(data=st.data(), grace=st.sampled_from([-1, 0, 1, 300]))
    def wait_for_a_deadline(self, data: st.DataObject, grace: int) -> None:
        name, builder = self.some(data)
        builder.wait_until(self.both.model.trades[name].deadline + grace)

    @rule(seconds=SECONDS)
    def wait(self, seconds: int) -> None:
        next(iter(self.both.builders.values())).wait_until(self.market.node.now() + seconds)


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
    ("examples", "steps"), [(4, 30), pytest.param(150, 60, marks=pytest.mark.slow)]
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
