"""Plays a script: every step by the party whose step it is, in the order of the protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import Sealed
from marketplace.protocol.errors import MarketError, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import NO_AUDIT, AuditFinding, Windows
from marketplace.protocol.units import in_coins
from marketplace.roles.buyer import Commission
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.roles.juror import rule
from marketplace.roles.quotes import SignedDataQuote, SignedModelQuote
from marketplace.scripted.closing import mint_to_buyer, penalise_silence, withdraw_all
from marketplace.scripted.script import Script
from marketplace.scripted.world import World
from offchain.data.scenarios import Scenario
from offchain.oracle.leader import OracleLeader

HOUR = 3_600
WINDOWS = Windows(
    quote=HOUR,
    delivery=HOUR,
    judging=HOUR,
    training=2 * HOUR,
    validation=2 * HOUR,
    review=24 * HOUR,
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
            State.REQUESTED: self.negotiate,
            State.FUNDED: self.deliver_data,
            State.GATED: self.attempt,
            State.PASSED: self.conclude,
            State.REJECTED: self.conclude,
            State.DISPUTED: self.judge_again,
        }
        state = self.state()
        if self.script.silent_from == state:
            self.time_out()
        else:
            steps[state]()

    def state(self) -> State:
        """Return where the trade stands on chain."""
        return self.world.market.status(self.trade_id).state

    # -------------------------------------------------------------------- steps

    def request(self) -> None:
        """Take step 1: the buyer opens the trade."""
        self.progress("1 model request: the buyer commits to its validation set")
        self.trade_id = self.world.buyer.request(self.commission())
        self.progress(f"  trade 0x{self.trade_id.hex()}")

    def negotiate(self) -> None:
        """Take steps 2 to 4: broker, providers and buyer agree on a price, or don't."""
        self.progress("2 data request: the broker asks providers")
        data_request = self.world.broker.request_data(self.trade_id)
        self.progress("3 data price: providers sign quotes")
        offers = self._offers(data_request)
        self.progress("4 model price: the broker quotes")
        self.offer = self.world.broker.quote(self.trade_id, data_request, offers)
        price = self.world.buyer.price_of(self.offer)
        if price > self.script.budget:
            self.progress(f"  {in_coins(price, self.symbol)} is above the budget: declined")
            self.world.buyer.decline(self.offer)
        else:
            self.progress(f"  the buyer accepts and funds {in_coins(price, self.symbol)}")
            self.world.buyer.accept(self.offer, price)

    def deliver_data(self) -> None:
        """Take steps 5 and 6: good data is paid, and the gate commits to experts and weights."""
        self.progress("5 data delivery: providers encrypt for the oracles")
        deliveries = self._deliveries()
        self.progress(
            "6 gating: the oracles inspect the data, and the gate chooses and weighs experts"
        )
        manifest = self.leader().report_data(self.trade_id, deliveries, self.world.experts)
        for delivery in manifest.deliveries:
            if not delivery.accepted:
                name = self.world.names[delivery.provider]
                self.progress(f"  {name} is left out: {delivery.reason}")

    def attempt(self) -> None:
        """Take steps 7 and 8: experts train, oracles validate, and a pass delivers."""
        number = self.world.market.status(self.trade_id).attempts + 1
        self.progress(f"7 training on weighted subsets, attempt {number}")
        proposal = self.leader().report_attempt(self.trade_id, self.world.experts)
        verdict = "passed" if proposal.passed else "failed"
        self.progress(f"8 validation: attempt {number} {verdict}")

    def conclude(self) -> None:
        """Take the rest of step 8: all is verified in the review window, then settled."""
        status = self.world.market.status(self.trade_id)
        self.leader().publish(self.trade_id)
        if self.script.challenged and not status.challenged:
            self._challenge()
            return
        if status.state == State.PASSED and not status.overturned:
            self.progress("8 delivery: the buyer opens the model and scores it itself")
            composite = self.world.buyer.receive(self.trade_id)
            self.world.buyer.check(composite, self.commission())
        self._settle(self._audit())

    def judge_again(self) -> None:
        """Let the panel decide the challenge."""
        self.progress("  the panel executes the attempt again and rules")
        world = self.world
        found = rule(
            world.market,
            world.stranger,
            world.jurors,
            self.trade_id,
            world.buyer.show_model(self.trade_id),
        )
        self.progress(f"  the verdict {'stands' if found.stands else 'falls'}: {found.finding}")

    def time_out(self) -> None:
        """Let the clocks run out, then end the trade from an account that is no party."""
        market, stranger = self.world.market, self.world.stranger
        self._record_deliveries()
        self.progress("the oracles are silent")
        self._let_pass(seconds_to_exit(market, self.trade_id))
        self.progress("a stranger ends the trade")
        end_trade(market, stranger, self.trade_id)
        if market.status(self.trade_id).unjudged:
            self.progress("the silent oracles lose a part of their stakes")
            penalise_silence(market, stranger, self.trade_id)

    def settle_up(self) -> None:
        """After the end: open what is still sealed, mint the licence, pay out all credits."""
        if self.script.silent_from is None:
            self.leader().publish(self.trade_id)
            self.leader().open_failed_scores(self.trade_id)
        if self.state() == State.SETTLED and mint_to_buyer(self.world, self.trade_id):
            self.progress("the licence is minted to the buyer")
        if paid := withdraw_all(self.world):
            self.progress(f"{paid} parties have withdrawn their credits")

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
            division=self.script.division,
        )

    def leader(self) -> OracleLeader:
        """Return the first seat as the leader of the others."""
        leader, *peers = self.world.signers
        return OracleLeader(leader, peers, lambda message: self.progress(f"  {message}"))

    @property
    def symbol(self) -> str:
        """What the trade's currency is called."""
        return "DEV" if self.script.token else "ETH"

    def _offers(self, data_request: bytes) -> list[SignedDataQuote]:
        """Collect quotes; a provider that refuses is not in the trade."""
        offers = []
        for provider in self.world.providers:
            try:
                offers.append(provider.offer(data_request))
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

    def _record_deliveries(self) -> None:
        """Let those put on record what they delivered whom nobody judges."""
        state = self.state()
        if state == State.FUNDED:
            self.progress("5 data delivery: providers put on record that they delivered")
            for provider in self.world.providers:
                provider.record_delivery(self.trade_id, provider.deliver(self.trade_id))
        elif state == State.GATED:
            self.progress("7 training: experts put on record what they trained")
            chosen = self.world.market.agreement(self.trade_id).gate.experts
            for expert in self.world.experts:
                if expert.address in chosen:
                    trained = expert.train(expert.own_job(self.trade_id))
                    expert.record_delivery(self.trade_id, trained)

    def _audit(self) -> AuditFinding:
        if self.world.market.status(self.trade_id).audited:
            return NO_AUDIT
        self.progress("  the auditor examines the evidence and signs what it finds")
        return self.world.auditor.attest(self.trade_id)

    def _challenge(self) -> None:
        challenger, claim = self.world.challenger, "the evidence gives another verdict"
        self.progress("  a stranger challenges the verdict")
        bond = challenger.challenge(self.trade_id, claim, lambda said: self.progress(f"  {said}"))
        self.progress(f"  a stranger puts up {in_coins(bond, self.symbol)}: {claim!r}")

    def _settle(self, audit: AuditFinding) -> None:
        """Wait until nobody can challenge any more, and no longer for a score than one must."""
        market = self.world.market
        status = market.status(self.trade_id)
        wait = status.deadline - market.node.now() + 1
        self.progress("  the review window is over; nobody can challenge the verdict any more")
        if self.script.closed_seals:
            self.progress("  so is the time to open scores, and not every oracle opens its own")
            wait += status.windows.settlement
        self._let_pass(wait)
        paid = status.state == State.PASSED and not status.overturned
        outcome = "everybody is paid" if paid else "the buyer is refunded"
        self.progress(f"8 settlement: scores are opened, and {outcome}")
        self.leader().settle(self.trade_id, audit)

    def _let_pass(self, seconds: int) -> None:
        if seconds > 0:
            self.progress(f"  {seconds} s pass on the chain's clock")
            self.world.market.node.let_pass(seconds)

    def _say_how_to_end(self) -> None:
        """Tell whoever sees this run break off how nobody's money stays behind."""
        self.progress(
            "the trade stands still; once its time is over anyone can end it:"
            f" moemarket timeout --rpc URL --market {self.world.market.address}"
            f" --trade 0x{self.trade_id.hex()}"
        )
