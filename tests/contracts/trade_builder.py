"""Brings a trade into any state, with the real signatures of everyone it takes.

Each method is one step of a trade. Whatever a test leaves out is as it should be, so
that a test of a refusal names the one thing that is wrong::

    trade = TradeBuilder(market)
    trade.advance_to(State.REQUESTED)
    with refused("OverBudget", price, budget):
        trade.accept(quote=too_dear)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from eth_account.signers.local import LocalAccount
from office import bitmap
from quick_chain import QuickProvider, move_to
from trade_terms import FAILING, PASSING, TWO, Course, TradeTerms, commitment
from web3.types import TxReceipt

from marketplace.chain.market import ReportedAttempt
from marketplace.protocol.agreement import (
    amounts_hash,
    committee_digest,
    gated_digest,
    price_of,
    record_hash,
    record_of,
    terms_hash,
)
from marketplace.protocol.attempts import path_of
from marketplace.protocol.states import State
from marketplace.protocol.terms import (
    NATIVE,
    NO_AUDIT,
    NO_PERMIT,
    AttemptFinding,
    AttemptRecord,
    AuditFinding,
    Committee,
    DataFinding,
    Deal,
    Gate,
    History,
    ModelQuote,
    Opening,
    Permit,
    Supply,
)


class TradeBuilder(TradeTerms):
    """One trade, driven by the parties of `parties`."""

    # -------------------------------------------------------------------- steps

    def ask(self, *, sender: LocalAccount | None = None) -> TxReceipt:
        """The buyer requests a model."""
        return self.market.send(sender or self.parties.buyer, "requestModel", self.request)

    def decline(self, *, sender: LocalAccount | None = None) -> TxReceipt:
        """The buyer declines."""
        sender = sender or self.parties.buyer
        return self.market.send(sender, "declineQuote", self.request, commitment("quote"))

    def accept(
        self,
        *,
        quote: ModelQuote | None = None,
        price: int | None = None,
        value: int | None = None,
        broker_signature: bytes | None = None,
        provider_signatures: Sequence[bytes] | None = None,
        permit: Permit = NO_PERMIT,
        sender: LocalAccount | None = None,
    ) -> TxReceipt:
        """The buyer accepts the quote and funds the escrow."""
        quote = quote or self.quote
        if price is None:
            price = price_of(quote, self.request.fee_bps)[0]
        if value is None:
            value = price if self.request.currency == NATIVE else 0
        signatures = self.quote_signatures(quote, broker_signature, provider_signatures)
        arguments = (self.request, self.judges, quote, price, signatures, permit)
        sender = sender or self.parties.buyer
        receipt = self.market.send(sender, "acceptQuote", *arguments, value=value)
        self.course = Course(quote)
        return receipt

    def quote_signatures(
        self,
        quote: ModelQuote,
        broker: bytes | None = None,
        providers: Sequence[bytes] | None = None,
    ) -> list[bytes]:
        """Return the signatures under a quote, the broker's first; None is for the right one."""
        if broker is None:
            broker = self.sign(quote, self.parties.broker)
        if providers is None:
            providers = [
                self.sign(offer, provider)
                for offer, provider in zip(quote.data_quotes, self.parties.providers, strict=False)
            ]
        return [broker, *providers]

    def record_delivery(self, account: LocalAccount) -> TxReceipt:
        """A provider or expert puts on record that it delivered."""
        return self.market.send(account, "recordDelivery", self.id, commitment("delivered"))

    def report_data(
        self,
        accepted: int | None = None,
        *,
        finding: DataFinding | None = None,
        deal: Deal | None = None,
        supplies: Sequence[Supply] | None = None,
        judges: Committee | None = None,
        seats: Sequence[int] = TWO,
        signatures: bytes | None = None,
    ) -> TxReceipt:
        """The committee reports on the data and commits the gate."""
        finding = finding or self.data_finding(accepted)
        if signatures is None:
            signatures = self.quorum(self.data_report(finding), seats)
        receipt = self._post(
            "reportData",
            deal or self.agreement.deal,
            list(self.agreement.supplies if supplies is None else supplies),
            finding,
            judges or self.judges,
            bitmap(seats),
            signatures,
        )
        self.course = replace(self.course, data=finding)
        return receipt

    def attempt(
        self,
        passed: bool = True,
        *,
        scores: Mapping[int, int] | None = None,
        seats: Sequence[int] = TWO,
        number: int | None = None,
        finding: AttemptFinding | None = None,
        verdicts: int | None = None,
        terms: bytes | None = None,
        pool: int | None = None,
        experts: int | None = None,
        judges: Committee | None = None,
        history: History | None = None,
        path: Sequence[bytes] | None = None,
        seals: Sequence[bytes] | None = None,
        signatures: bytes | None = None,
    ) -> TxReceipt:
        """The committee reports one validation attempt.

        By default all signers agree; `scores` says by seat what each of them found.
        """
        if number is None:
            number = len(self.course.attempts) + 1
        if scores is None:
            scores = dict.fromkeys(seats, PASSING if passed else FAILING)
        seats, threshold = list(scores), self.request.threshold
        if verdicts is None:
            verdicts = bitmap(seat for seat in seats if scores[seat] >= threshold)
        if finding is None:
            finding = self.attempt_finding(number, 2 * verdicts.bit_count() > len(seats))
        if seals is None:
            seals = [self.seal(number, seat, score) for seat, score in scores.items()]
        if signatures is None:
            reports = {
                seat: self.attempt_report(number, finding, bool(verdicts >> seat & 1), seal)
                for seat, seal in zip(seats, seals, strict=False)
            }
            signatures = self.packed(reports)
        agreed = self.agreement
        receipt = self._post(
            "reportAttempt",
            terms or terms_hash(agreed.deal, agreed.gate),
            agreed.deal.expert_pool if pool is None else pool,
            len(agreed.gate.experts) if experts is None else experts,
            history or agreed.gate.history,
            path or path_of([attempt.record for attempt in agreed.attempts], number),
            finding,
            judges or self.judges,
            bitmap(seats),
            verdicts,
            list(seals),
            signatures,
        )
        record = record_of(number, finding, bitmap(seats), verdicts, seals)
        self.course = replace(
            self.course,
            attempts=(*agreed.attempts, ReportedAttempt(number, finding, record, signatures)),
            scores=(*self.course.scores, scores),
        )
        return receipt

    def attest(
        self, audit: AuditFinding | None = None, *, sender: LocalAccount | None = None
    ) -> TxReceipt:
        """The auditor attests before the settlement; by default it approves, and sends itself."""
        deal, gate, amounts, record = self._decision()
        return self.market.send(
            sender or self.parties.auditor,
            "attestAudit",
            *(self.id, deal, gate, committee_digest(self.judges)),
            *(amounts_hash(amounts), record_hash(record)),
            audit or AuditFinding(commitment("audit"), True, b""),
        )

    def open_scores(self, openings: Sequence[Opening] | None = None, **given: Any) -> TxReceipt:
        """A stranger publishes sealed scores of the deciding attempt."""
        deal, gate, amounts, record = self._decision(**given)
        openings = self.openings() if openings is None else openings
        arguments = (deal, gate, self.judges, amounts_hash(amounts), record, list(openings))
        return self._post("openDecidingScores", *arguments)

    def settle(
        self,
        *,
        openings: Sequence[Opening] | None = None,
        audit: AuditFinding = NO_AUDIT,
        judges: Committee | None = None,
        **given: Any,
    ) -> TxReceipt:
        """A stranger settles; by default with all seals opened, and without an audit."""
        deal, gate, amounts, record = self._decision(**given)
        openings = self.openings() if openings is None else openings
        arguments = (deal, gate, judges or self.judges, list(amounts), record, list(openings))
        return self._post("settle", *arguments, audit)

    def _decision(
        self,
        deal: Deal | None = None,
        gate: Gate | None = None,
        amounts: Sequence[int] | None = None,
        record: AttemptRecord | None = None,
    ) -> tuple[Deal, Gate, Sequence[int], AttemptRecord]:
        agreed = self.agreement
        last = agreed.last_attempt
        amounts = last.finding.amounts if amounts is None else amounts
        return deal or agreed.deal, gate or agreed.gate, amounts, record or last.record

    # -------------------------------------------------------------------- exits

    def expire(self) -> TxReceipt:
        """A stranger ends a request that no quote was accepted for."""
        return self._post("expire")

    def time_out_delivery(
        self, *, deal: Deal | None = None, supplies: Sequence[Supply] | None = None
    ) -> TxReceipt:
        """A stranger ends a trade whose data nobody reported on."""
        agreed = self.agreement
        supplies = agreed.supplies if supplies is None else supplies
        judges = committee_digest(self.judges)
        return self._post("timeoutDelivery", deal or agreed.deal, list(supplies), judges)

    def time_out_training(
        self,
        *,
        deal: Deal | None = None,
        gate: Gate | None = None,
        judges: Committee | None = None,
    ) -> TxReceipt:
        """A stranger ends a trade whose next attempt nobody reported."""
        agreed = self.agreement
        arguments = (deal or agreed.deal, gate or agreed.gate, judges or self.judges)
        return self._post("timeoutTraining", *arguments)

    def resume(self) -> TxReceipt:
        """A stranger ends a dispute that nobody ruled on."""
        return self._post("resume")

    def dispute(self, *, sender: LocalAccount | None = None) -> TxReceipt:
        """The arbiter freezes the settlement."""
        return self.market.send(sender or self.parties.arbiter, "dispute", self.id)

    def rule(self, overturned: bool, *, sender: LocalAccount | None = None) -> TxReceipt:
        """The arbiter ends the dispute."""
        return self.market.send(sender or self.parties.arbiter, "rule", self.id, overturned)

    def _post(self, function: str, *arguments: Any) -> TxReceipt:
        # Reports and exits need no sender of their own: a stranger sends them all.
        return self.market.send(self.parties.stranger, function, self.id, *arguments)

    # --------------------------------------------------------------- getting there

    @property
    def gated(self) -> bytes:
        """The part of the decision's digest that stands for deal and gate."""
        agreed = self.agreement
        return gated_digest(committee_digest(self.judges), agreed.deal, agreed.gate)

    def wait_until(self, timestamp: int) -> None:
        """Mine a block at a time, unless it is past; the next one comes a second later."""
        if timestamp > self.market.node.now():
            move_to(self.market.node, timestamp)

    def lapse(self, grace: int = 0) -> None:
        """Let the deadline of the present stage pass, and `grace` seconds more."""
        self.wait_until(self.status.deadline + grace + 1)

    def advance_to(self, state: State) -> TradeBuilder:
        """Take the usual way into a state, from the very beginning."""

        def go() -> Course:
            for step in _WAYS[state]:
                step(self)
            return self.course

        provider = self.market.node.web3.provider
        if isinstance(provider, QuickProvider):
            place = (self.market.address, self.request, self.prices, self.rows, self.weights)
            self.course = provider.reach((*place, state), go)
        else:
            go()
        return self

    def fail(self) -> TxReceipt:
        """Report one more attempt that missed the threshold."""
        return self.attempt(passed=False)

    def use_up(self) -> None:
        """Fail as often as the cap allows."""
        for _ in range(self.request.max_attempts):
            self.fail()

    def settle_in_time(self, audit: AuditFinding = NO_AUDIT) -> TxReceipt:
        """Settle once the review window has passed."""
        self.lapse()
        return self.settle(audit=audit)


_TO_FUNDED = (TradeBuilder.ask, TradeBuilder.accept)
_TO_GATED = (*_TO_FUNDED, TradeBuilder.report_data)
_TO_PASSED = (*_TO_GATED, TradeBuilder.attempt)
_TO_REJECTED = (*_TO_GATED, TradeBuilder.use_up)
_WAYS: dict[State, tuple[Callable[[TradeBuilder], object], ...]] = {
    State.NONE: (),
    State.REQUESTED: (TradeBuilder.ask,),
    State.FUNDED: _TO_FUNDED,
    State.GATED: _TO_GATED,
    State.PASSED: _TO_PASSED,
    State.REJECTED: _TO_REJECTED,
    State.DISPUTED: (*_TO_PASSED, TradeBuilder.dispute),
    State.SETTLED: (*_TO_PASSED, TradeBuilder.settle_in_time),
    State.DECLINED: (TradeBuilder.ask, TradeBuilder.decline),
    State.EXPIRED: (TradeBuilder.ask, TradeBuilder.lapse, TradeBuilder.expire),
    State.REFUNDED: (*_TO_FUNDED, TradeBuilder.lapse, TradeBuilder.time_out_delivery),
    State.FAILED: (*_TO_REJECTED, TradeBuilder.settle_in_time),
}
