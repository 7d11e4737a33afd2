"""One market twice: the contracts, and the reference model; each call goes to both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from office import bitmap
from parties import PARTIES, account
from reference.market import Offer, ReferenceMarket, Refused, Trade
from replay import Replay
from trade_builder import TradeBuilder
from trade_terms import Course
from web3.contract import Contract

from marketplace.chain.market import Market, ReportedAttempt, Status
from marketplace.protocol.agreement import record_of
from marketplace.protocol.errors import TransactionReverted
from marketplace.protocol.terms import NATIVE

ACCOUNTS = [each.address for each in PARTIES.everyone() if each not in PARTIES.jurors]
COLD_WALLET = account("a cold wallet").address


class BothMarkets:
    """Drives the two, and compares them after every call.

    Parameters
    ----------
    market, token
        The contracts, and a currency beside native coin.
    reader
        A `LedgerReader`.
    """

    def __init__(self, market: Market, token: str, reader: Contract) -> None:
        self.market = market
        self.model = ReferenceMarket(int(market.node.call(market.rules.functions.rulingWindow())))
        self.builders: dict[str, TradeBuilder] = {}
        self.currencies = {"coin": NATIVE, "token": token}
        self._reader = reader
        self._cold_at_first = self._cold()
        self._withdrawn = dict.fromkeys(self.currencies, 0)

    # ------------------------------------------------------------------------ calls

    def add(self, name: str, builder: TradeBuilder, offer: Offer) -> None:
        """Request a trade on both."""
        self.builders[name] = builder
        self.call(lambda now: self.model.request(now, name, offer), builder.ask)

    def call(self, on_model: Callable[[int], object], on_chain: Callable[[], object]) -> bool:
        """Make a call on both; both take it, or both refuse it for the same reason."""
        now = self.market.node.now() + 1  # when the next block comes
        refusal = ""
        try:
            on_model(now)
        except Refused as refused:
            refusal = str(refused)
        if refusal:
            with pytest.raises(TransactionReverted) as answer:
                on_chain()
            assert answer.value.reason.partition("(")[0] == refusal
            assert answer.value.transaction is None  # nothing was mined, so nothing changed
        else:
            on_chain()
            assert self.market.node.now() == now
            self.compare()
        return not refusal

    def on_trade(self, name: str, step: str, *arguments: object, act: Callable[[], object]) -> bool:
        """Make a call about one trade, in whatever state it is."""
        builder = self.builders[name]
        course = builder.course
        builder.course = _completed(course, builder, with_attempt=step != "report_attempt")
        method = getattr(self.model, step)
        done = self.call(lambda now: method(now, name, *arguments), act)
        if not done or step not in ("accept", "report_data", "report_attempt"):
            builder.course = course
        elif step != "report_attempt":
            builder.course = replace(builder.course, attempts=(), scores=())
        return done

    def withdraw(self, holder: str, currency: str) -> None:
        """An account takes its credit, if there is any."""
        parties = {party.address: party for party in PARTIES.everyone()}
        arguments = (self.currencies[currency], COLD_WALLET)
        before = self.model.held[currency]
        self.call(
            lambda _: self.model.withdraw(holder, currency),
            lambda: self.market.send(parties[holder], "withdraw", *arguments),
        )
        self._withdrawn[currency] += before - self.model.held[currency]
        cold = self._cold()
        for name, amount in self._withdrawn.items():
            assert cold[name] == self._cold_at_first[name] + amount

    # -------------------------------------------------------------------- comparison

    def compare(self) -> None:
        """Check that balances, credits and states are the same on both."""
        statuses, held, credits = self._reader.functions.read(
            self.market.address,
            [builder.id for builder in self.builders.values()],
            list(self.currencies.values()),
            ACCOUNTS,
        ).call()
        for name, status in zip(self.builders, statuses, strict=True):
            trade = self.model.trades.get(name)
            found = tuple(vars(Status.unpacked(status)).values())[:-1]
            assert found == (_status_of(trade) if trade else (0,) * 5 + (False,) * 5)
        open_escrows = dict.fromkeys(self.currencies, 0)
        for trade in self.model.trades.values():
            open_escrows[trade.offer.currency] += trade.escrow
        for currency, has, owed in zip(self.currencies, held, credits, strict=True):
            assert owed == [self.model.credits[holder, currency] for holder in ACCOUNTS]
            assert has == self.model.held[currency] == open_escrows[currency] + sum(owed)

    def compare_log(self) -> None:
        """Check that the log alone tells what the storage holds."""
        told = Replay.of(self.market)
        for name, builder in self.builders.items():
            trade = self.model.trades[name]
            status: Status = replace(builder.status, unjudged=False)
            assert told.statuses[builder.id] == status
            assert told.escrow[builder.id] == trade.escrow
            assert self.market.agreement(builder.id) == builder.agreement
        credits = self.model.credits.items()
        owed = {(holder, self.currencies[of]): amount for (holder, of), amount in credits}
        assert +Counter(told.credit) == +Counter(owed)

    def _cold(self) -> dict[str, int]:
        token = self.market.node.contract("DevToken", self.currencies["token"])
        return {
            "coin": self.market.node.balance(COLD_WALLET),
            "token": int(self.market.node.call(token.functions.balanceOf(COLD_WALLET))),
        }


def _status_of(trade: Trade) -> tuple[object, ...]:
    return (
        *(trade.state.value, trade.attempts, trade.offer.cap, bitmap(trade.signers)),
        *(trade.deadline, trade.audit is not None, trade.audit is True),
        *(trade.challenged, trade.overturned, trade.unjudged),
    )


def _completed(told: Course, builder: TradeBuilder, with_attempt: bool) -> Course:
    """Fill in what a trade has not come to, so that a call out of order can be made at all."""
    attempts, scores = told.attempts, told.scores
    if with_attempt and not attempts:
        finding = builder.attempt_finding(1, True)
        record = record_of(1, finding, 0b11, 0b11, [bytes(32)] * 2)
        attempts, scores = (ReportedAttempt(1, finding, record, b""),), ({0: 0, 1: 0},)
    data = told.data or builder.data_finding()
    return Course(told.quote or builder.quote, data, attempts, scores)
