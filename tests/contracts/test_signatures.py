"""A signature counts once: on one chain, for one market, trade, report and attempt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from eth_account.signers.local import LocalAccount
from eth_keys.constants import SECPK1_N
from expectations import quorum_refused, refused
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import commitment

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import DataReport, SettlementReport
from marketplace.protocol.typed_data import Domain

FIRST, SECOND, THIRD = PARTIES.signers


def settle_now(trade: TradeBuilder) -> None:
    trade.lapse()
    trade.settle()


SIGNED_STEPS: list[tuple[State, Callable[[TradeBuilder], object]]] = [
    (State.FUNDED, TradeBuilder.deliver),
    (State.DATA_DELIVERED, TradeBuilder.gate),
    (State.GATED, TradeBuilder.attempt),
    (State.PASSED, settle_now),
]
Step = Callable[[TradeBuilder], object]


@pytest.fixture
def other_domains(market: Market) -> list[Domain]:
    chain, address = market.domain.chain_id, market.address
    return [Domain(1, address), Domain(137, address), Domain(chain, PARTIES.stranger.address)]


@pytest.mark.parametrize(("state", "step"), SIGNED_STEPS)
def test_a_report_for_another_chain_or_market_is_refused(
    trade: TradeBuilder, other_domains: list[Domain], state: State, step: Step
) -> None:
    trade.advance_to(state)
    for domain in other_domains:
        trade.domain = domain
        with quorum_refused():
            step(trade)


def test_a_quote_for_another_chain_or_market_is_refused(
    trade: TradeBuilder, other_domains: list[Domain]
) -> None:
    trade.advance_to(State.DATA_REQUESTED)
    here = trade.domain
    data = [trade.sign(q, p) for q, p in zip(trade.data_quotes, PARTIES.providers, strict=True)]
    for domain in other_domains:
        trade.domain = domain
        with refused("BadSignature", PARTIES.broker.address):
            trade.accept(provider_signatures=data)
        trade.domain = here
        broker = trade.sign(trade.quote, PARTIES.broker)
        trade.domain = domain
        with refused("BadSignature", PARTIES.providers[0].address):
            trade.accept(broker_signature=broker)


def test_a_quote_for_another_trade_is_refused(market: Market) -> None:
    one = TradeBuilder(market, salt="one").advance_to(State.DATA_REQUESTED)
    other = TradeBuilder(market, salt="other").advance_to(State.DATA_REQUESTED)
    with refused("BadSignature", PARTIES.broker.address):
        other.accept(broker_signature=one.sign(one.quote, PARTIES.broker))
    with refused("NotAllowed", PARTIES.stranger.address, PARTIES.buyer.address):
        other.accept(quote=one.quote, sender=PARTIES.stranger)


def test_a_report_of_one_kind_is_no_report_of_another(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    settlement = SettlementReport(trade.id, 1, (), (), commitment("data manifest"))
    with quorum_refused():
        trade.deliver(signatures=trade.quorum(settlement))
    attempt = trade.attempt_report(1, trade.finding(1, True), trade.opening(1, FIRST).seal)
    with quorum_refused():
        trade.deliver(signatures=trade.quorum(attempt))


def test_a_report_is_not_posted_twice(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    trade.deliver()
    with refused("WrongState", State.DATA_DELIVERED, State.FUNDED):
        trade.deliver()


@pytest.mark.parametrize(("state", "step"), SIGNED_STEPS)
@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_the_threshold_move_nothing(
    trade: TradeBuilder, state: State, step: Step, count: int
) -> None:
    trade.advance_to(state)
    if state == State.PASSED:
        trade.lapse()
    few = PARTIES.signers[:count]
    with refused("QuorumNotReached", count, 2):
        by(step, few)(trade)


def by(step: Step, signers: Sequence[LocalAccount]) -> Step:
    """Return a step, signed by others than it usually is."""
    if step is settle_now:
        return lambda trade: trade.settle(signers=signers)
    return lambda trade: step(trade, signers=signers)  # type: ignore[call-arg]  # all others take them


@pytest.mark.parametrize(("state", "step"), SIGNED_STEPS)
def test_signers_are_members_ascending_and_distinct(
    trade: TradeBuilder, state: State, step: Step
) -> None:
    trade.advance_to(state)
    if state == State.PASSED:
        trade.lapse()
    with refused("SignersNotAscending", SECOND.address, FIRST.address):
        by(step, [SECOND, FIRST])(trade)
    with refused("SignersNotAscending", FIRST.address, FIRST.address):
        by(step, [FIRST, FIRST])(trade)
    stranger = PARTIES.stranger
    with refused("NotAMember", stranger.address, 1):
        by(step, sorted([FIRST, stranger], key=lambda each: int(each.address, 16)))(trade)


@pytest.mark.parametrize("signers", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_any_quorum_will_do_and_is_remembered(
    trade: TradeBuilder, signers: tuple[int, ...]
) -> None:
    trade.advance_to(State.FUNDED)
    trade.deliver(signers=[PARTIES.signers[seat] for seat in signers])
    assert trade.record.signers == sum(1 << seat for seat in signers)


def test_malformed_signatures_are_refused_by_name(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    report = DataReport(trade.id, 1, 0b111, commitment("data manifest"))
    good, other = trade.quorum(report)
    r, s, v = good[:32], int.from_bytes(good[32:64]), good[64]
    malleable = r + (SECPK1_N - s).to_bytes(32) + bytes([55 - v])
    for bad, error, values in (
        (good[:64], "ECDSAInvalidSignatureLength", [64]),
        (good + b"\0", "ECDSAInvalidSignatureLength", [66]),
        (b"", "ECDSAInvalidSignatureLength", [0]),
        (malleable, "ECDSAInvalidSignatureS", [malleable[32:64]]),
        (good[:64] + b"\0", "ECDSAInvalidSignature", []),
        (bytes(65), "ECDSAInvalidSignature", []),
    ):
        with refused(error, *values):
            trade.deliver(signatures=[bad, other])


def test_a_malleable_copy_of_a_quote_signature_is_refused(trade: TradeBuilder) -> None:
    trade.advance_to(State.DATA_REQUESTED)
    good = trade.sign(trade.quote, PARTIES.broker)
    s = int.from_bytes(good[32:64])
    malleable = good[:32] + (SECPK1_N - s).to_bytes(32) + bytes([55 - good[64]])
    for bad in (malleable, good[:64], b"", bytes(65)):
        with refused("BadSignature", PARTIES.broker.address):
            trade.accept(broker_signature=bad)
