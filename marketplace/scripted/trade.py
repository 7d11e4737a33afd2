"""Plays a script: every step by the party whose step it is, in the order of the protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import Sealed, SettlementEvidence
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import Windows
from marketplace.roles.buyer import Commission
from marketplace.roles.quotes import SignedModelQuote
from marketplace.scripted.script import Script
from marketplace.scripted.world import World
from offchain.data.scenarios import Scenario
from offchain.oracle.leader import AttemptOutcome, OracleLeader

HOUR = 3_600
WINDOWS = Windows(
    quote=HOUR,
    delivery=HOUR,
    gating=HOUR,
    attempt=2 * HOUR,
    verification=24 * HOUR,
    settlement=24 * HOUR,
)

Progress = Callable[[str], None]


@dataclass
class TradeRun:
    """One trade as it is played.

    Attributes
    ----------
    trade_id
        32 bytes, once requested.
    offer
        The broker's signed quote.
    weights
        The gate's weights in parts per million by lowercase address.
    attempts
        Every posted attempt.
    settlement
        The allocation, if the oracles settled.
    """

    world: World
    script: Script
    scenario: Scenario
    seed: int
    progress: Progress
    trade_id: bytes = b""
    offer: SignedModelQuote | None = None
    weights: dict[str, int] = field(default_factory=dict)
    attempts: list[AttemptOutcome] = field(default_factory=list)
    settlement: SettlementEvidence | None = None

    def play(self) -> State:
        """Run the trade to its end; returns the final state.

        Raises
        ------
        TradeRefused
            If it ends otherwise than the script says.
        """
        commission = self._commission()
        self._request(commission)
        self._negotiate()
        if self._state() == State.FUNDED:
            self._work(commission)
        if not self._state().final:
            self._time_out()
        for outcome in self.attempts:
            self.progress(f"opening the sealed scores of attempt {outcome.proposal.attempt}")
            self._leader().publish_attempt(self.trade_id, outcome)
        self._withdraw()
        state = self._state()
        if state != self.script.ends:
            raise TradeRefused(
                f"the trade ended as {state.name}, the script {self.script.name!r} says"
                f" {self.script.ends.name}",
                "look at the progress above for the step that went another way",
            )
        return state

    # -------------------------------------------------------------------- steps

    def _request(self, commission: Commission) -> None:
        self.progress("1 model request: the buyer commits to its validation set")
        self.trade_id = self.world.buyer.request(commission)

    def _negotiate(self) -> None:
        self.progress("2 data request: the broker asks providers")
        spec = self.world.market.event(self.trade_id, "ModelRequested")["request"]["spec"]
        need = self.world.broker.request_data(self.trade_id, bytes(spec))
        self.progress("3 data price: providers sign quotes")
        offers = [provider.offer(need) for provider in self.world.providers]
        self.progress("4 model price: the broker quotes")
        self.offer = self.world.broker.quote(self.trade_id, offers)
        price = self.world.buyer.price_of(self.offer)
        if price > self.script.budget:
            self.progress("  the price is above the budget: the buyer declines")
            self.world.buyer.decline(self.offer)
        else:
            self.progress("  the buyer accepts and funds the escrow")
            self.world.buyer.accept(self.offer)

    def _work(self, commission: Commission) -> None:
        leader = self._leader()
        self.progress("5 data delivery: providers encrypt for the oracles, the oracles inspect")
        manifest = leader.report_data(self.trade_id, self._deliveries())
        for delivery in manifest.deliveries:
            if not delivery.accepted:
                name = self.world.names[delivery.provider]
                self.progress(f"  {name} is left out: {delivery.reason}")
        if self._silent(State.DATA_DELIVERED):
            return
        self.progress("6 gating: the gate chooses experts and weighs the data")
        self.weights = leader.report_gate(self.trade_id, self.world.experts)
        while self._state() == State.GATED:
            number = len(self.attempts) + 1
            self.progress(f"7 training on weighted subsets, attempt {number}")
            self.attempts.append(leader.run_attempt(self.trade_id, self.world.experts))
            verdict = "passed" if self.attempts[-1].proposal.passed else "failed"
            self.progress(f"8 validation: attempt {number} {verdict}")
        if self._state() == State.PASSED:
            self._deliver(commission, leader)

    def _deliver(self, commission: Commission, leader: OracleLeader) -> None:
        self.progress("8 delivery: the buyer opens the model and scores it itself")
        outcome = self.attempts[-1]
        composite = self.world.buyer.receive(self.trade_id, outcome.proposal.delivery)
        self.world.buyer.check(composite, commission)
        self.progress("  the auditor examines the sealed evidence and attests")
        self.world.auditor.attest(self.trade_id)
        if self._silent(State.PASSED):
            return
        self.progress("  the buyer confirms")
        self.world.buyer.confirm(self.trade_id)
        self.progress("8 settlement: the expert pool is divided by Shapley value")
        self.settlement = leader.report_settlement(self.trade_id, outcome)

    def _time_out(self) -> None:
        """Let the clocks run out, then end the trade from an account that is no party."""
        market, stranger = self.world.market, self.world.stranger
        trade = market.trade(self.trade_id)
        passed = trade.state == State.PASSED
        wait = trade.deadline - market.node.now() + 1
        wait += trade.windows.settlement if passed else 0
        self.progress(f"the oracles are silent: {wait} s pass on the chain's clock")
        market.node.advance_time(wait)
        self.progress("a stranger ends the trade")
        if passed:
            gate = market.event(self.trade_id, "GateCommitted")
            market.send(stranger, "settleByGate", self.trade_id, gate["experts"], gate["weights"])
        else:
            market.send(stranger, "timeout", self.trade_id)

    def _withdraw(self) -> None:
        """Let everybody take its credit out."""
        market, currency = self.world.market, self.world.currency
        owed = [
            account
            for account in self.world.accounts
            if market.credit_of(account.address, currency) > 0
        ]
        self.progress(f"{len(owed)} parties withdraw their credits")
        for account in owed:
            market.send(account, "withdraw", currency, account.address)

    # ------------------------------------------------------------------- inside

    def _commission(self) -> Commission:
        rows = sum(len(dataset) for dataset in self.scenario.providers.values())
        return Commission(
            task=self.scenario.task,
            description=self.script.title,
            validation=self.scenario.validation,
            broker=self.world.broker.account.address,
            auditor=self.world.auditor.account.address,
            budget=self.script.budget,
            threshold=self.script.threshold,
            max_attempts=self.script.max_attempts,
            min_rows=rows // 3,
            windows=WINDOWS,
            salt=derived_secret(
                self.world.buyer.account, "request salt", self.seed.to_bytes(8, "big")
            ),
            currency=self.world.currency,
        )

    def _deliveries(self) -> dict[str, Sealed | None]:
        return {
            provider.account.address: provider.deliver(self.trade_id)
            for provider in self.world.providers
        }

    def _leader(self) -> OracleLeader:
        leader, *peers = self.world.signers
        return OracleLeader(leader, peers, lambda message: self.progress(f"  {message}"))

    def _silent(self, state: State) -> bool:
        return self.script.silent_from == state and self._state() == state

    def _state(self) -> State:
        return self.world.market.trade(self.trade_id).state
