"""Whoever falls silent in whatever state, the trade ends, and who worked is paid.

`SILENCES` names every pair of a state and a party. From there on that party sends, signs
and opens nothing; the others do what is theirs; and the call that ends the trade is a
stranger's. Where nothing hangs on the silent party, the trade goes its usual way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import pytest
from eth_account.signers.local import LocalAccount
from expectations import credits_of, held_by
from office import bitmap
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import WINDOWS

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import NO_AUDIT, Opening
from marketplace.protocol.units import even_split, largest_remainder

FIRST_PROVIDER, FIRST_EXPERT = PARTIES.providers[0], PARTIES.experts[0]
EVERYBODY = {
    "buyer": (PARTIES.buyer,),
    "broker": (PARTIES.broker,),
    "providers": PARTIES.providers,
    "needed provider": PARTIES.providers[:1],  # the rows of the others are too few
    "spare provider": PARTIES.providers[-1:],  # the others have rows enough
    "experts": PARTIES.experts,
    "one expert": PARTIES.experts[:1],
    "committee": PARTIES.signers,
    "one signer": PARTIES.signers[:1],
    "auditor": (PARTIES.auditor,),
    "arbiter": (PARTIES.arbiter,),
}


class QuietTrade(TradeBuilder):
    """A trade in which, from some time on, `silent` sign and open nothing."""

    silent: tuple[LocalAccount, ...] = ()

    @property
    def speaking(self) -> list[int]:
        """The first two seats of the committee that still sign."""
        signers = enumerate(self.parties.signers)
        return [seat for seat, signer in signers if signer not in self.silent][:2]

    def sign(self, message: Struct, account: LocalAccount) -> bytes:
        assert account not in self.silent
        return super().sign(message, account)

    def openings(self, number: int = 0, closed: Iterable[int] = ()) -> list[Opening]:
        signers = enumerate(self.parties.signers)
        mute = {seat for seat, signer in signers if signer in self.silent}
        return super().openings(number, mute.union(closed))


# ------------------------------------------------------------------ who gets what, in the end

Paid = dict[str, int]
Part = Callable[[TradeBuilder], Paid]


def data(trade: TradeBuilder) -> Paid:
    return {quote.provider: quote.price for quote in trade.data_quotes}


def first_providers_data(trade: TradeBuilder) -> Paid:
    return {FIRST_PROVIDER.address: trade.data_quotes[0].price}


def data_but_the_spare(trade: TradeBuilder) -> Paid:
    return {quote.provider: quote.price for quote in trade.data_quotes[:2]}


def pool(trade: TradeBuilder) -> Paid:
    return dict(zip(trade.experts, trade.amounts, strict=True))


def first_experts_share(trade: TradeBuilder) -> Paid:
    return {FIRST_EXPERT.address: largest_remainder(trade.prices.experts, trade.weights)[0]}


def other_experts_pool(trade: TradeBuilder) -> Paid:
    return dict(zip(trade.experts[1:], without_the_first(trade)[1:], strict=True))


def other_experts_shares(trade: TradeBuilder) -> Paid:
    shares = largest_remainder(trade.prices.experts, trade.weights)
    return dict(zip(trade.experts[1:], shares[1:], strict=True))


def without_the_first(trade: TradeBuilder) -> tuple[int, ...]:
    """Divide the pool among the experts but the first, which gets nothing."""
    return tuple(largest_remainder(trade.prices.experts, range(len(trade.experts))))


def broker_and_treasury(trade: TradeBuilder) -> Paid:
    return {
        PARTIES.broker.address: trade.prices.broker,
        PARTIES.treasury.address: trade.protocol_fee,
    }


def audit(trade: TradeBuilder) -> Paid:
    return {PARTIES.auditor.address: trade.prices.auditor}


def oracles(*seats: int, closed: Sequence[int] = ()) -> Part:
    """Divide the oracles' fee among the seats that signed; a closed seal's share is not paid."""

    def shares(trade: TradeBuilder) -> Paid:
        divided = zip(seats, even_split(trade.prices.oracle, len(seats)), strict=True)
        return {PARTIES.signers[s].address: share for s, share in divided if s not in closed}

    return shares


def paid(*parts: Part) -> Part:
    """Add up what is paid; the rest of the price is the buyer's."""

    def added(trade: TradeBuilder) -> Paid:
        whole: Paid = {}
        for part in parts:
            whole |= part(trade)
        left = trade.price - sum(whole.values())
        return {**whole, PARTIES.buyer.address: left} if left else whole

    return added


def nothing(_: TradeBuilder) -> Paid:
    return {}


SALE = (data, pool, broker_and_treasury)
FEWER_DATA = (data_but_the_spare, pool, broker_and_treasury)
FEWER_MODELS = (data, other_experts_pool, broker_and_treasury)
USUAL, CLOSED = oracles(0, 1), oracles(0, 1, closed=[0])
WITHOUT_THE_FIRST, ALL_THREE = oracles(1, 2), oracles(0, 1, 2)


# ------------------------------------------------------------------------------------- steps

Step = Callable[[QuietTrade], object]


def accept(trade: QuietTrade) -> None:
    trade.accept()


def accept_without_the_spare(trade: QuietTrade) -> None:
    trade.prices = replace(trade.prices, data=trade.prices.data[:2])
    trade.accept()


def first_provider_delivers(trade: QuietTrade) -> None:
    trade.record_delivery(FIRST_PROVIDER)


def judge_data(trade: QuietTrade) -> None:
    trade.report_data(seats=trade.speaking)


def judge_data_of_the_rest(trade: QuietTrade) -> None:
    seats = enumerate(PARTIES.providers)
    delivered = bitmap(seat for seat, provider in seats if provider not in trade.silent)
    trade.report_data(delivered)


def first_expert_delivers(trade: QuietTrade) -> None:
    trade.record_delivery(FIRST_EXPERT)


def other_experts_deliver(trade: QuietTrade) -> None:
    for expert in PARTIES.experts[1:]:
        trade.record_delivery(expert)


def fail(trade: QuietTrade) -> None:
    trade.attempt(passed=False, seats=trade.speaking)


def judge_model(trade: QuietTrade) -> None:
    trade.attempt(seats=trade.speaking)


def judge_model_of_the_rest(trade: QuietTrade) -> None:
    number = len(trade.course.attempts) + 1
    finding = replace(trade.attempt_finding(number, True), amounts=without_the_first(trade))
    trade.attempt(finding=finding)


def uphold(trade: QuietTrade) -> None:
    trade.rule(False)


def dispute_a_rejection(trade: QuietTrade) -> None:
    trade.use_up()
    trade.dispute()


# Ends, and the one step on the way that anyone may take.


def resume(trade: QuietTrade) -> None:
    trade.lapse()
    trade.resume()


def expire(trade: QuietTrade) -> None:
    trade.lapse()
    trade.expire()


def time_out_delivery(trade: QuietTrade) -> None:
    trade.lapse()
    trade.time_out_delivery()


def time_out_training(trade: QuietTrade) -> None:
    trade.lapse()
    trade.time_out_training()


def settle(trade: QuietTrade) -> None:
    """Wait for seals if one stays closed; the auditor signs unless it is silent."""
    closed = any(opening.salt == bytes(32) for opening in trade.openings())
    trade.lapse(WINDOWS.settlement if closed else 0)
    trade.settle(audit=NO_AUDIT if PARTIES.auditor in trade.silent else trade.audit())


# ------------------------------------------------------------------------------------- pairs


@dataclass(frozen=True)
class Silence:
    """One party that does nothing from one state on.

    Attributes
    ----------
    steps
        What happens from then on, the end included.
    before
        What happened in the state before the party fell silent.
    reached
        The state that this led to, if it led on.
    """

    state: State
    silent: str
    steps: tuple[Step, ...]
    ends: State
    paid: Part
    before: tuple[Step, ...] = ()
    reached: State | None = None

    @property
    def pair(self) -> tuple[State, str]:
        """The state in which the party falls silent, and its name."""
        return self.reached or self.state, self.silent

    def __str__(self) -> str:
        told = ", ".join(step.__name__.replace("_", " ") for step in self.before)
        return f"{self.pair[0].name}{f' ({told})' if told else ''}, silent: {self.silent}"


def each(
    state: State, names: str, steps: tuple[Step, ...], ends: State, *parts: Part
) -> list[Silence]:
    """Return one silence for each party named, all with the same end."""
    rest = paid(*parts) if ends != State.EXPIRED else nothing
    return [Silence(state, name, steps, ends, rest) for name in names.split(", ")]


S = State
OFFER = (accept, judge_data, judge_model, settle)
DATA, MODEL, RULING = OFFER[1:], OFFER[2:], (uphold, settle)
MODEL_OF_THE_REST = (judge_model_of_the_rest, settle)
PROVIDERS = "providers, needed provider, spare provider"
SELLERS = f"{PROVIDERS}, experts, one expert"
SILENCES = [
    *each(S.REQUESTED, "buyer, broker, providers, needed provider", (expire,), S.EXPIRED),
    *each(
        *(S.REQUESTED, "spare provider", (accept_without_the_spare, *DATA), S.SETTLED),
        *(*FEWER_DATA, USUAL, audit),
    ),
    *each(
        *(S.REQUESTED, "one expert", (accept, judge_data, *MODEL_OF_THE_REST), S.SETTLED),
        *(*FEWER_MODELS, USUAL, audit),
    ),
    *each(
        *(S.REQUESTED, "experts", (accept, judge_data, time_out_training), S.REFUNDED),
        *(data, USUAL),
    ),
    *each(
        *(S.REQUESTED, "committee"),
        *((accept, first_provider_delivers, time_out_delivery), S.REFUNDED),
        first_providers_data,
    ),
    *each(S.REQUESTED, "one signer", OFFER, S.SETTLED, *SALE, WITHOUT_THE_FIRST, audit),
    *each(S.REQUESTED, "auditor", OFFER, S.SETTLED, *SALE, USUAL),
    *each(S.REQUESTED, "arbiter", OFFER, S.SETTLED, *SALE, USUAL, audit),
    # Not delivered: the judges are paid for what they judged. Not judged: who delivered is paid.
    # Of too few rows none are paid for.
    *each(S.FUNDED, "providers", (time_out_delivery,), S.REFUNDED),
    *each(S.FUNDED, "needed provider", (judge_data_of_the_rest,), S.REFUNDED, USUAL),
    *each(
        *(S.FUNDED, "spare provider", (judge_data_of_the_rest, *MODEL), S.SETTLED),
        *(*FEWER_DATA, USUAL, audit),
    ),
    *each(
        *(S.FUNDED, "committee", (first_provider_delivers, time_out_delivery), S.REFUNDED),
        first_providers_data,
    ),
    *each(S.FUNDED, "experts", (judge_data, time_out_training), S.REFUNDED, data, USUAL),
    *each(
        *(S.FUNDED, "one expert", (judge_data, *MODEL_OF_THE_REST), S.SETTLED),
        *(*FEWER_MODELS, USUAL, audit),
    ),
    *each(S.FUNDED, "one signer", DATA, S.SETTLED, *SALE, WITHOUT_THE_FIRST, audit),
    *each(S.FUNDED, "auditor", DATA, S.SETTLED, *SALE, USUAL),
    *each(S.FUNDED, "buyer, broker, arbiter", DATA, S.SETTLED, *SALE, USUAL, audit),
    *each(S.GATED, "experts", (time_out_training,), S.REFUNDED, data, USUAL),
    *each(S.GATED, "one expert", MODEL_OF_THE_REST, S.SETTLED, *FEWER_MODELS, USUAL, audit),
    *each(
        *(S.GATED, "committee", (first_expert_delivers, time_out_training), S.REFUNDED),
        *(data, first_experts_share),
    ),
    # Who signed the report on the data is paid for it.
    *each(S.GATED, "one signer", MODEL, S.SETTLED, *SALE, ALL_THREE, audit),
    *each(S.GATED, "auditor", MODEL, S.SETTLED, *SALE, USUAL),
    *each(
        *(S.GATED, f"buyer, broker, {PROVIDERS}, arbiter", MODEL, S.SETTLED),
        *(*SALE, USUAL, audit),
    ),
    *each(S.PASSED, "committee", (settle,), S.SETTLED, *SALE, audit),
    *each(S.PASSED, "one signer", (settle,), S.SETTLED, *SALE, CLOSED, audit),
    *each(S.PASSED, "auditor", (settle,), S.SETTLED, *SALE, USUAL),
    *each(
        *(S.PASSED, f"buyer, broker, {SELLERS}, arbiter", (settle,), S.SETTLED),
        *(*SALE, USUAL, audit),
    ),
    *each(S.REJECTED, "committee", (settle,), S.FAILED, data, audit),
    *each(S.REJECTED, "one signer", (settle,), S.FAILED, data, CLOSED, audit),
    *each(S.REJECTED, "auditor", (settle,), S.FAILED, data, USUAL),
    *each(
        *(S.REJECTED, f"buyer, broker, {SELLERS}, arbiter", (settle,), S.FAILED),
        *(data, USUAL, audit),
    ),
    *each(S.DISPUTED, "arbiter", (resume, settle), S.SETTLED, *SALE, USUAL, audit),
    *each(S.DISPUTED, "committee", RULING, S.SETTLED, *SALE, audit),
    *each(S.DISPUTED, "one signer", RULING, S.SETTLED, *SALE, CLOSED, audit),
    *each(S.DISPUTED, "auditor", RULING, S.SETTLED, *SALE, USUAL),
    *each(
        *(S.DISPUTED, f"buyer, broker, {SELLERS}", RULING, S.SETTLED),
        *(*SALE, USUAL, audit),
    ),
]
LATER = [  # silences after something else had happened in the state
    Silence(
        *(S.GATED, "experts", (time_out_training,), S.REFUNDED, paid(data, USUAL)),
        before=(fail,),
    ),
    Silence(  # the models of the others miss the threshold
        *(S.GATED, "one expert", (fail, fail, settle), S.FAILED, paid(data, USUAL, audit)),
        before=(fail,),
    ),
    Silence(  # nobody reports on them
        *(S.GATED, "one expert", (time_out_training,), S.REFUNDED),
        paid(data, other_experts_shares),
        before=(other_experts_deliver,),
    ),
    Silence(
        *(S.GATED, "committee", (time_out_training,), S.REFUNDED, paid(data, first_experts_share)),
        before=(fail, first_expert_delivers),
    ),
    Silence(
        *(S.GATED, "arbiter", (resume, settle), S.FAILED, paid(data, USUAL, audit)),
        before=(dispute_a_rejection,),
        reached=S.DISPUTED,
    ),
]


@pytest.mark.parametrize("silence", [*SILENCES, *LATER], ids=str)
def test_the_trade_ends(market: Market, currency: str, silence: Silence) -> None:
    trade = QuietTrade(market, currency=currency)
    trade.advance_to(silence.state)
    for step in silence.before:
        step(trade)
    assert (trade.status.state, silence.silent) == silence.pair
    trade.silent = EVERYBODY[silence.silent]
    sent = [sent_by(market, party) for party in trade.silent]

    for step in silence.steps:
        step(trade)

    assert [sent_by(market, party) for party in trade.silent] == sent
    assert trade.status.state == silence.ends
    expected = silence.paid(trade)
    assert credits_of(market, currency) == expected
    assert held_by(market, currency) == sum(expected.values())
    for party in PARTIES.everyone():  # credits of the silent wait, and hold nobody up
        if party.address in expected and party not in trade.silent:
            market.send(party, "withdraw", currency, party.address)
            del expected[party.address]
    assert held_by(market, currency) == sum(expected.values())


def test_every_pair_of_state_and_party_is_walked() -> None:
    states = {state for state in State if not state.final and state != State.NONE}
    pairs = [silence.pair for silence in SILENCES]
    assert set(pairs) == set(product(states, EVERYBODY))
    assert len(pairs) == len(states) * len(EVERYBODY)


def sent_by(market: Market, party: LocalAccount) -> int:
    return market.node.web3.eth.get_transaction_count(party.address)
