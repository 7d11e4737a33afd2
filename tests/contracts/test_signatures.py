"""A signature counts once: on one chain, for one market, trade, report and attempt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_keys.constants import SECPK1_N
from expectations import refused, refused_for_one_of, seat_refused
from office import bitmap
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import PASSING, commitment

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import NO_HISTORY, AuditReport
from marketplace.protocol.typed_data import Domain, compact

SIGNERS = PARTIES.signers
Step = Callable[..., object]
REPORTS: list[tuple[State, Step]] = [
    (State.FUNDED, TradeBuilder.report_data),
    (State.GATED, TradeBuilder.attempt),
]


@pytest.fixture
def other_domains(market: Market) -> list[Domain]:
    chain, address = market.domain.chain_id, market.address
    return [Domain(1, address), Domain(137, address), Domain(chain, PARTIES.stranger.address)]


@pytest.mark.parametrize(("state", "step"), REPORTS)
def test_a_report_for_another_chain_or_market_is_refused(
    trade: TradeBuilder, other_domains: list[Domain], state: State, step: Step
) -> None:
    trade.advance_to(state)
    for domain in other_domains:
        trade.domain = domain
        with seat_refused():
            step(trade)


def test_an_audit_for_another_chain_or_market_is_refused(
    trade: TradeBuilder, other_domains: list[Domain]
) -> None:
    trade.advance_to(State.PASSED).lapse()
    for domain in other_domains:
        trade.domain = domain
        with refused("BadSignature", PARTIES.auditor.address):
            trade.settle(audit=trade.audit())


def test_a_quote_for_another_chain_or_market_is_refused(
    trade: TradeBuilder, other_domains: list[Domain]
) -> None:
    trade.advance_to(State.REQUESTED)
    here = trade.domain
    broker, *providers = trade.quote_signatures(trade.quote)
    for domain in other_domains:
        trade.domain = domain
        with refused("BadSignature", PARTIES.broker.address):
            trade.accept(provider_signatures=providers)
        with refused("BadSignature", PARTIES.providers[0].address):
            trade.accept(broker_signature=broker)
    trade.domain = here
    trade.accept()


def test_a_quote_for_another_trade_is_refused(market: Market) -> None:
    one = TradeBuilder(market, salt="one").advance_to(State.REQUESTED)
    other = TradeBuilder(market, salt="other").advance_to(State.REQUESTED)
    with refused("WrongTrade", one.id, other.id):
        other.accept(quote=one.quote)
    with refused("BadSignature", PARTIES.broker.address):
        other.accept(broker_signature=one.sign(one.quote, PARTIES.broker))


def test_a_quote_is_accepted_once(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    with refused("WrongState", State.FUNDED, State.REQUESTED):
        trade.accept()


def test_a_report_of_one_kind_is_no_report_of_another(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    attempt = trade.attempt_report(1, trade.attempt_finding(1, True), True, commitment("seal"))
    for other in (
        attempt,
        AuditReport(trade.id, bytes(32), commitment("audit"), True),
        trade.quote,
    ):
        with seat_refused():
            trade.report_data(signatures=trade.quorum(other))


def test_a_report_for_another_trade_is_refused(market: Market) -> None:
    one = TradeBuilder(market, salt="one").advance_to(State.GATED)
    other = TradeBuilder(market, salt="other").advance_to(State.GATED)
    report = one.attempt_report(1, one.attempt_finding(1, True), True, one.seal(1, 0, PASSING))
    with seat_refused():
        other.attempt(seals=[report.seal] * 2, signatures=one.quorum(report))


def test_a_report_is_not_posted_twice(trade: TradeBuilder) -> None:
    trade.advance_to(State.GATED)
    trade.fail()
    told = trade.agreement.last_attempt
    with refused("ModelAlreadyScored", told.finding.model):
        trade.attempt(finding=told.finding, verdicts=0, signatures=told.signatures)
    with refused_for_one_of("AgreementMismatch"):
        trade.attempt(passed=False, history=NO_HISTORY, signatures=told.signatures)
    with seat_refused():
        other = replace(told.finding, model=commitment("another"))
        trade.attempt(passed=False, finding=other, signatures=told.signatures)


# ----------------------------------------------------------------------------- quorums


@pytest.mark.parametrize(("state", "step"), REPORTS)
@pytest.mark.parametrize("seats", [(), (0,), (2,)])
def test_fewer_than_the_threshold_move_nothing(
    trade: TradeBuilder, state: State, step: Step, seats: tuple[int, ...]
) -> None:
    trade.advance_to(state)
    with refused("QuorumNotReached", len(seats), 2):
        step(trade, seats=seats, **unanimous(trade, state))


def unanimous(trade: TradeBuilder, state: State) -> dict[str, Any]:
    """Return a finding that doesn't hang on how many signed."""
    return {} if state == State.FUNDED else {"finding": trade.attempt_finding(1, True)}


@pytest.mark.parametrize(("state", "step"), REPORTS)
@pytest.mark.parametrize("seats", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_any_quorum_will_do_and_is_remembered(
    trade: TradeBuilder, state: State, step: Step, seats: tuple[int, ...]
) -> None:
    trade.advance_to(state)
    before = trade.status.signers
    step(trade, seats=seats)
    assert trade.status.signers == before | bitmap(seats)


def signed_by(trade: TradeBuilder, *keys: int | None) -> bytes:
    """Return signatures under the data report by the keys of members, or a stranger's."""
    report = trade.data_report(trade.data_finding())
    accounts = [PARTIES.stranger if key is None else SIGNERS[key] for key in keys]
    return b"".join(compact(trade.sign(report, account)) for account in accounts)


@pytest.mark.parametrize(
    ("keys", "seat"),
    [
        ((0, None), 1),  # a stranger
        ((0, 0), 1),  # one for two
        ((1, 0), 0),  # in another order
        ((1, 1), 0),
        ((0, 2), 1),  # a member, in somebody else's seat
    ],
)
def test_each_seat_is_its_members(
    trade: TradeBuilder, keys: tuple[int | None, ...], seat: int
) -> None:
    trade.advance_to(State.FUNDED)
    with seat_refused(seat):
        trade.report_data(signatures=signed_by(trade, *keys))


def test_a_seat_that_does_not_exist_is_refused(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    for seat in (3, 15):
        finding = trade.data_finding()
        arguments = (trade.agreement.deal, list(trade.agreement.supplies), finding, trade.judges)
        signers = 1 | 1 << seat
        with refused("NoSuchSeat", signers, 3):
            trade.market.send(
                *(PARTIES.stranger, "reportData", trade.id, *arguments, signers),
                signed_by(trade, 0, 1),
            )


def test_signatures_have_their_length(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    good = signed_by(trade, 0, 1)
    for wrong in (good[:-1], good + b"\0", good[:64], b"", good * 2):
        with refused("SignaturesLengthMismatch", len(wrong), 128):
            trade.report_data(signatures=wrong)


def test_malformed_signatures_are_refused(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    good = signed_by(trade, 0)
    r, parity = good[:32], good[32] & 0x80
    s = int.from_bytes(good[32:], "big") & (2**255 - 1)
    high = SECPK1_N - s  # the same signature, in the form that is not allowed
    malleable = r + (high | (0 if parity else 1) << 255).to_bytes(32, "big")
    other_parity = r + bytes([good[32] ^ 0x80]) + good[33:]
    for bad in (malleable, other_parity, bytes(64), b"\xff" * 64):
        with seat_refused():
            trade.report_data(signatures=bad + signed_by(trade, 1))


def test_a_malleable_copy_of_a_quote_signature_is_refused(trade: TradeBuilder) -> None:
    trade.advance_to(State.REQUESTED)
    good = trade.sign(trade.quote, PARTIES.broker)
    s = int.from_bytes(good[32:64])
    malleable = good[:32] + (SECPK1_N - s).to_bytes(32) + bytes([55 - good[64]])
    for bad in (malleable, good[:64], b"", bytes(65)):
        with refused("BadSignature", PARTIES.broker.address):
            trade.accept(broker_signature=bad)


def test_a_report_serves_the_committee_of_its_version_only(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED)
    report = replace(trade.data_report(trade.data_finding()), committee_version=2)
    with seat_refused():
        trade.report_data(signatures=trade.quorum(report))
    with refused_for_one_of("AgreementMismatch"):
        trade.report_data(judges=replace(trade.judges, version=2), signatures=trade.quorum(report))
