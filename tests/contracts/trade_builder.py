"""Brings a trade into any state, with the real signatures of everyone it takes.

Each method is one step of a trade. Whatever a test leaves out is as it should be, so
that a test of a refusal names the one thing that is wrong::

    trade = TradeBuilder(market)
    trade.advance_to(State.DATA_REQUESTED)
    with refused("OverBudget", price, budget):
        trade.accept(quote=too_dear)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from eth_account.signers.local import LocalAccount
from quick_chain import QuickProvider, move_to
from trade_terms import TradeTerms, commitment
from web3.types import TxReceipt

from marketplace.protocol.states import State
from marketplace.protocol.terms import (
    NATIVE,
    Attempt,
    DataQuote,
    DataReport,
    GateReport,
    ModelQuote,
    Opening,
    SettlementReport,
)
from marketplace.protocol.units import largest_remainder


class TradeBuilder(TradeTerms):
    """One trade, driven by the parties of `parties`."""

    # -------------------------------------------------------------------- steps

    def ask(self, *, sender: LocalAccount | None = None) -> TxReceipt:
        """Step 1: the buyer requests a model."""
        return self.market.send(sender or self.parties.buyer, "requestModel", self.request)

    def ask_for_data(self, *, sender: LocalAccount | None = None) -> TxReceipt:
        """Step 2: the broker requests data."""
        need = commitment("data need")
        return self.market.send(sender or self.parties.broker, "requestData", self.id, need)

    def decline(self, *, sender: LocalAccount | None = None) -> TxReceipt:
        """Step 4, the other way: the buyer declines."""
        quote = commitment("quote")
        return self.market.send(sender or self.parties.buyer, "declineQuote", self.id, quote)

    def accept(
        self,
        *,
        quote: ModelQuote | None = None,
        price: int | None = None,
        value: int | None = None,
        broker_signature: bytes | None = None,
        provider_signatures: Sequence[bytes] | None = None,
        sender: LocalAccount | None = None,
    ) -> TxReceipt:
        """Step 4: the buyer accepts the quote and funds the escrow."""
        quote = quote or self.quote
        price = self.price_of(quote) if price is None else price
        if value is None:
            value = price if self.request.currency == NATIVE else 0
        if broker_signature is None:
            broker_signature = self.sign(quote, self.parties.broker)
        if provider_signatures is None:
            provider_signatures = [
                self.sign(data, provider)
                for data, provider in zip(quote.data_quotes, self.parties.providers, strict=False)
            ]
        return self.market.send(
            sender or self.parties.buyer,
            "acceptQuote",
            quote,
            price,
            broker_signature,
            list(provider_signatures),
            value=value,
        )

    def deliver(
        self,
        *,
        accepted: int | None = None,
        quotes: Sequence[DataQuote] | None = None,
        signatures: Sequence[bytes] | None = None,
        signers: Sequence[LocalAccount] | None = None,
    ) -> TxReceipt:
        """Step 5: the committee reports which datasets opened and matched."""
        accepted = (1 << len(self.data_quotes)) - 1 if accepted is None else accepted
        report = DataReport(self.id, 1, accepted, commitment("data manifest"))
        return self._post(
            "deliverData",
            list(self.data_quotes if quotes is None else quotes),
            accepted,
            report.evidence,
            self.quorum(report, signers) if signatures is None else list(signatures),
        )

    def gate(
        self,
        *,
        experts: Sequence[str] | None = None,
        weights: Sequence[int] | None = None,
        quotes: Sequence[DataQuote] | None = None,
        signatures: Sequence[bytes] | None = None,
        signers: Sequence[LocalAccount] | None = None,
    ) -> TxReceipt:
        """Step 6: the committee commits the gate's weights."""
        experts = self.experts if experts is None else tuple(experts)
        weights = self.weights if weights is None else tuple(weights)
        report = GateReport(self.id, 1, experts, weights, commitment("gate manifest"))
        return self._post(
            "commitGate",
            list(self.data_quotes if quotes is None else quotes),
            list(experts),
            list(weights),
            report.evidence,
            self.quorum(report, signers) if signatures is None else list(signatures),
        )

    def attempt(
        self,
        passed: bool = True,
        *,
        number: int | None = None,
        finding: Attempt | None = None,
        seals: Sequence[bytes] | None = None,
        signatures: Sequence[bytes] | None = None,
        signers: Sequence[LocalAccount] | None = None,
    ) -> TxReceipt:
        """Step 8: the committee reports one validation attempt."""
        if number is None:
            number = self.record.attempts + 1
        finding = finding or self.finding(number, passed)
        panel = self.panel(signers)
        if seals is None:
            seals = [opening.seal for opening in self.openings(number, panel)]
        if signatures is None:
            signatures = [
                self.sign(self.attempt_report(number, finding, seal), signer)
                for seal, signer in zip(seals, panel, strict=False)
            ]
        return self._post("reportAttempt", finding, list(seals), list(signatures))

    def confirm(self, *, sender: LocalAccount | None = None) -> TxReceipt:
        """The buyer waives the rest of its verification window."""
        return self.market.send(sender or self.parties.buyer, "confirmDelivery", self.id)

    def attest(self, approved: bool = True, *, sender: LocalAccount | None = None) -> TxReceipt:
        """The auditor attests."""
        report = commitment("audit")
        return self.market.send(
            sender or self.parties.auditor, "attestAudit", self.id, report, approved
        )

    def settle(
        self,
        *,
        amounts: Sequence[int] | None = None,
        experts: Sequence[str] | None = None,
        weights: Sequence[int] | None = None,
        signatures: Sequence[bytes] | None = None,
        signers: Sequence[LocalAccount] | None = None,
    ) -> TxReceipt:
        """The committee's division of the expert pool is paid; by default one of its own."""
        experts = self.experts if experts is None else tuple(experts)
        weights = self.weights if weights is None else tuple(weights)
        if amounts is None:
            amounts = largest_remainder(self.prices.experts, range(1, len(experts) + 1))
        report = SettlementReport(self.id, 1, experts, tuple(amounts), commitment("settlement"))
        return self._post(
            "settle",
            list(experts),
            list(weights),
            list(amounts),
            report.evidence,
            self.quorum(report, signers) if signatures is None else list(signatures),
        )

    def settle_by_gate(
        self, *, experts: Sequence[str] | None = None, weights: Sequence[int] | None = None
    ) -> TxReceipt:
        """The pool is divided by the gate's weights, on a stranger's call."""
        experts = self.experts if experts is None else experts
        weights = self.weights if weights is None else weights
        return self._post("settleByGate", list(experts), list(weights))

    def time_out(self) -> TxReceipt:
        """A stranger ends the trade because a deadline has passed."""
        return self._post("timeout")

    def open_scores(self, number: int, openings: Sequence[Opening] | None = None) -> TxReceipt:
        """A stranger publishes the sealed scores of an attempt."""
        openings = self.openings(number) if openings is None else openings
        return self._post("openScores", number, list(openings))

    def _post(self, function: str, *arguments: Any) -> TxReceipt:
        # Reports and exits need no sender of their own: a stranger sends them all.
        return self.market.send(self.parties.stranger, function, self.id, *arguments)

    # --------------------------------------------------------------- getting there

    def wait_until(self, timestamp: int) -> None:
        """Mine a block at a time, unless it is past; the next one comes a second later."""
        if timestamp > self.market.node.now():
            move_to(self.market.node, timestamp)

    def lapse(self, grace: int = 0) -> None:
        """Let the deadline of the present stage pass, and `grace` seconds more."""
        self.wait_until(self.record.deadline + grace + 1)

    def advance_to(self, state: State) -> TradeBuilder:
        """Take the usual way into a state, from the very beginning."""

        def go() -> None:
            for step in _WAYS[state]:
                step(self)

        provider = self.market.node.web3.provider
        if isinstance(provider, QuickProvider):
            place = (self.market.address, self.request, self.prices, self.rows, self.weights)
            provider.reach((*place, state), go)
        else:
            go()
        return self

    def fail(self) -> TxReceipt:
        """Report one more attempt that missed the threshold."""
        return self.attempt(passed=False)

    def settle_in_time(self) -> TxReceipt:
        """Settle once the verification window has passed."""
        self.lapse()
        return self.settle()


_TO_DATA_REQUESTED = (TradeBuilder.ask, TradeBuilder.ask_for_data)
_TO_FUNDED = (*_TO_DATA_REQUESTED, TradeBuilder.accept)
_TO_DELIVERED = (*_TO_FUNDED, TradeBuilder.deliver)
_TO_GATED = (*_TO_DELIVERED, TradeBuilder.gate)
_TO_PASSED = (*_TO_GATED, TradeBuilder.attempt)
_LAPSED = (TradeBuilder.lapse, TradeBuilder.time_out)
_WAYS: dict[State, tuple[Callable[[TradeBuilder], object], ...]] = {
    State.NONE: (),
    State.REQUESTED: (TradeBuilder.ask,),
    State.DATA_REQUESTED: _TO_DATA_REQUESTED,
    State.FUNDED: _TO_FUNDED,
    State.DATA_DELIVERED: _TO_DELIVERED,
    State.GATED: _TO_GATED,
    State.PASSED: _TO_PASSED,
    State.SETTLED: (*_TO_PASSED, TradeBuilder.settle_in_time),
    State.DECLINED: (*_TO_DATA_REQUESTED, TradeBuilder.decline),
    State.EXPIRED: (*_TO_DATA_REQUESTED, *_LAPSED),
    State.REFUNDED: (*_TO_FUNDED, *_LAPSED),
    State.FAILED: (*_TO_GATED, TradeBuilder.fail, TradeBuilder.fail, TradeBuilder.fail),
}
