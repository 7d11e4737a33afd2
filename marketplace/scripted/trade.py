"""Plays a script: every step by the party whose step it is, in the order of the protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import DataNeed, Sealed
from marketplace.protocol.errors import MarketError, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import Windows
from marketplace.protocol.units import in_coins
from marketplace.roles.buyer import Commission
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.roles.quotes import SignedDataQuote, SignedModelQuote
from marketplace.scripted.script import Script
from marketplace.scripted.world import World
from offchain.data.scenarios import Scenario
from offchain.oracle.leader import OracleLeader

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

    Every step goes by the state on chain, so a run that is given the id of a trade that
    another run left carries on where that one stood.

    Attributes
    ----------
    seed
        Makes the request's salt: another seed, another trade.
    trade_id
        32 bytes, once requested.
    offer
        The broker's signed quote.
    """

    world: World
    script: Script
    scenario: Scenario
    seed: int
    progress: Progress
    trade_id: bytes = b""
    offer: SignedModelQuote | None = None

    def play(self) -> State:
        """Run the trade to its end; returns the final state.

        Raises
        ------
        TradeRefused
            If it ends otherwise than the script says.
        """
        if not self.trade_id:
            self.request()
        try:
            while not self.state().final:
                self.step()
        except MarketError:
            self._say_how_to_end()
            raise
        self.settle_up()
        state = self.state()
        if state != self.script.ends:
            raise TradeRefused(
                f"the trade ended as {state.name}, the script {self.script.name!r} says"
                f" {self.script.ends.name}",
                "look at the progress above for the step that went another way",
            )
        return state

    def step(self) -> None:
        """Take the one step that the trade's state asks for."""
        steps = {
            State.REQUESTED: self.ask_for_data,
            State.DATA_REQUESTED: self.negotiate,
            State.FUNDED: self.deliver_data,
            State.DATA_DELIVERED: self.commit_gate,
            State.GATED: self.attempt,
            State.PASSED: self.hand_over,
        }
        state = self.state()
        if self.script.silent_from == state:
            if state == State.PASSED:
                self._verify_delivery()
            self.time_out()
        else:
            steps[state]()

    def state(self) -> State:
        """Return where the trade stands on chain."""
        return self.world.market.trade(self.trade_id).state

    # -------------------------------------------------------------------- steps

    def request(self) -> None:
        """Take step 1: the buyer opens the trade."""
        self.progress("1 model request: the buyer commits to its validation set")
        self.trade_id = self.world.buyer.request(self.commission())
        self.progress(f"  trade 0x{self.trade_id.hex()}")

    def ask_for_data(self) -> None:
        """Take step 2: the broker takes the request up."""
        self.progress("2 data request: the broker asks providers")
        request = self.world.market.event(self.trade_id, "ModelRequested")["request"]
        self.world.broker.request_data(self.trade_id, bytes(request["spec"]))

    def negotiate(self) -> None:
        """Take steps 3 and 4: providers, broker and buyer agree on a price, or don't."""
        self.progress("3 data price: providers sign quotes")
        digest = bytes(self.world.market.event(self.trade_id, "DataRequested")["dataSpec"])
        need = self.world.broker.exchange.read(DataNeed, digest)
        offers = self._offers(need)
        self.progress("4 model price: the broker quotes")
        self.offer = self.world.broker.quote(self.trade_id, offers)
        price = self.world.buyer.price_of(self.offer)
        if price > self.script.budget:
            self.progress(f"  {in_coins(price, self.symbol)} is above the budget: declined")
            self.world.buyer.decline(self.offer)
        else:
            self.progress(f"  the buyer accepts and funds {in_coins(price, self.symbol)}")
            self.world.buyer.accept(self.offer, price)

    def deliver_data(self) -> None:
        """Take step 5: providers deliver, oracles inspect, good data is paid."""
        self.progress("5 data delivery: providers encrypt for the oracles, the oracles inspect")
        manifest = self.leader().report_data(self.trade_id, self._deliveries())
        for delivery in manifest.deliveries:
            if not delivery.accepted:
                name = self.world.names[delivery.provider]
                self.progress(f"  {name} is left out: {delivery.reason}")

    def commit_gate(self) -> None:
        """Take step 6: the gate commits to experts and weights."""
        self.progress("6 gating: the gate chooses experts and weighs the data")
        self.leader().report_gate(self.trade_id, self.world.experts)

    def attempt(self) -> None:
        """Take steps 7 and 8: experts train, oracles validate, and a pass delivers."""
        number = self.world.market.trade(self.trade_id).attempts + 1
        self.progress(f"7 training on weighted subsets, attempt {number}")
        proposal = self.leader().run_attempt(self.trade_id, self.world.experts)
        verdict = "passed" if proposal.report.passed else "failed"
        self.progress(f"8 validation: attempt {number} {verdict}")

    def hand_over(self) -> None:
        """Take the rest of step 8: buyer and auditor verify, the oracles settle."""
        self._verify_delivery()
        trade = self.world.market.trade(self.trade_id)
        if self.world.market.node.now() <= trade.deadline:
            self.progress("  the buyer confirms")
            self.world.buyer.confirm(self.trade_id)
        self.progress("8 settlement: the expert pool is divided by Shapley value")
        self.leader().report_settlement(self.trade_id)

    def time_out(self) -> None:
        """Let the clocks run out, then end the trade from an account that is no party."""
        market = self.world.market
        wait = seconds_to_exit(market, self.trade_id)
        self.progress(f"the oracles are silent: {wait} s pass on the chain's clock")
        market.node.advance_time(wait)
        self.progress("a stranger ends the trade")
        end_trade(market, self.world.stranger, self.trade_id)

    def settle_up(self) -> None:
        """After the end: publish the evidence, open the scores, and pay out all credits."""
        self.leader().publish(self.trade_id)
        market, currency = self.world.market, self.world.currency
        owed = [
            account
            for account in self.world.accounts
            if market.credit_of(account.address, currency) > 0
        ]
        if owed:
            self.progress(f"{len(owed)} parties withdraw their credits")
        for account in owed:
            market.send(account, "withdraw", currency, account.address)

    # ------------------------------------------------------------------- inside

    def commission(self) -> Commission:
        """Return what the buyer wants."""
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

    def leader(self) -> OracleLeader:
        """Return the first seat as the leader of the others."""
        leader, *peers = self.world.signers
        return OracleLeader(leader, peers, lambda message: self.progress(f"  {message}"))

    @property
    def symbol(self) -> str:
        """What the trade's currency is called."""
        return "DEV" if self.script.token else "ETH"

    def _offers(self, need: DataNeed) -> list[SignedDataQuote]:
        """Collect quotes; a provider that refuses is not in the trade."""
        offers = []
        for provider in self.world.providers:
            try:
                offers.append(provider.offer(need))
            except MarketError as error:
                name = self.world.names[provider.account.address]
                self.progress(f"  {name} makes no offer: {error.cause}")
        return offers

    def _deliveries(self) -> dict[str, Sealed | None]:
        """Collect what the providers deliver, each by its own decision."""
        deliveries: dict[str, Sealed | None] = {}
        for provider in self.world.providers:
            address = provider.account.address
            try:
                deliveries[address] = provider.deliver(self.trade_id)
            except MarketError as error:
                self.progress(f"  {self.world.names[address]} delivers nothing: {error.cause}")
        return deliveries

    def _verify_delivery(self) -> None:
        self.progress("8 delivery: the buyer opens the model and scores it itself")
        composite = self.world.buyer.receive(self.trade_id)
        self.world.buyer.check(composite, self.commission())
        if not self.world.market.trade(self.trade_id).audited:
            self.progress("  the auditor examines the sealed evidence and attests")
            self.world.auditor.attest(self.trade_id)

    def _say_how_to_end(self) -> None:
        """Tell whoever sees this run break off how nobody's money stays behind."""
        self.progress(
            "the trade stands still; once its time is over anyone can end it:"
            f" moemarket timeout --rpc URL --market {self.world.market.address}"
            f" --trade 0x{self.trade_id.hex()}"
        )
