"""Step 8: attempts are capped, scored once per model, and sealed until the trade has ended."""

from __future__ import annotations

from dataclasses import replace

import pytest
from expectations import credits_of, events, only_event, quorum_refused, refused
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import commitment

from marketplace.chain.market import Market
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import Attempt


@pytest.fixture
def gated(trade: TradeBuilder) -> TradeBuilder:
    return trade.advance_to(State.GATED)


def test_a_pass_opens_the_verification_window(gated: TradeBuilder) -> None:
    finding = gated.finding(1, passed=True)
    seals = [gated.opening(1, signer).seal for signer in PARTIES.signers[:2]]
    said = only_event(gated.market, gated.attempt(), "AttemptReported")
    assert dict(said.pop("report")) == finding.as_message()
    assert said == {
        "tradeId": gated.id,
        "attempt": 1,
        "seals": seals,
        "signatures": [
            gated.sign(gated.attempt_report(1, finding, seal), signer)
            for seal, signer in zip(seals, PARTIES.signers, strict=False)
        ],
    }
    record = gated.record
    assert (record.state, record.attempts) == (State.PASSED, 1)
    assert record.deadline == gated.market.node.now() + gated.request.windows.verification


def test_a_fail_starts_the_clock_of_the_next_attempt(gated: TradeBuilder) -> None:
    only_event(gated.market, gated.fail(), "AttemptReported")
    record = gated.record
    assert (record.state, record.attempts) == (State.GATED, 1)
    assert record.deadline == gated.market.node.now() + gated.request.windows.attempt


def test_the_last_fail_pays_the_judges_and_refunds_the_rest(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency, max_attempts=2).advance_to(State.GATED)
    trade.fail()
    locked = trade.record.escrow
    _, first, second, refunded, ended = events(market, trade.fail())
    judges = PARTIES.signers[:2]
    fee = trade.prices.oracle
    shares = [fee - fee // 2, fee // 2]  # an odd unit goes to the first seat
    for (name, said), judge, share in zip((first, second), judges, shares, strict=True):
        assert name == "Credited"
        assert (said["account"], said["amount"]) == (judge.address, share)
        assert said["purpose"] == Purpose.ORACLE
    assert (refunded[0], refunded[1]["amount"]) == ("Refunded", locked - fee)
    assert ended == ("TradeEnded", {"tradeId": trade.id, "state": State.FAILED})
    assert credits_of(market, currency) == {
        **{data.provider: data.price for data in trade.data_quotes},
        **{judge.address: share for judge, share in zip(judges, shares, strict=True)},
        PARTIES.buyer.address: locked - fee,
    }


@pytest.mark.parametrize("cap", [1, 3])
def test_no_attempt_is_accepted_after_the_cap(market: Market, cap: int) -> None:
    trade = TradeBuilder(market, max_attempts=cap).advance_to(State.GATED)
    for _ in range(cap):
        trade.fail()
    assert (trade.record.state, trade.record.attempts) == (State.FAILED, cap)
    with refused("WrongState", State.FAILED, State.GATED):
        trade.attempt()


def test_no_attempt_is_accepted_after_a_pass(gated: TradeBuilder) -> None:
    gated.attempt()
    with refused("WrongState", State.PASSED, State.GATED):
        gated.attempt()


def test_a_late_attempt_is_refused(gated: TradeBuilder) -> None:
    gated.lapse()
    with refused("DeadlinePassed", gated.record.deadline):
        gated.attempt()


def test_a_model_is_scored_once(gated: TradeBuilder) -> None:
    gated.fail()
    again = replace(gated.finding(2, passed=True), model=commitment("model 1"))
    with refused("ModelAlreadyScored", commitment("model 1")):
        gated.attempt(finding=again)
    assert gated.record.attempts == 1


def test_another_trade_may_score_the_same_model(market: Market) -> None:
    for salt in ("one", "other"):
        trade = TradeBuilder(market, salt=salt).advance_to(State.PASSED)
        assert trade.record.attempts == 1


def test_a_delivery_comes_with_a_pass_and_only_then(gated: TradeBuilder) -> None:
    passed, failed = gated.finding(1, passed=True), gated.finding(1, passed=False)
    with refused("InvalidDelivery", True, bytes(32)):
        gated.attempt(finding=replace(passed, delivery=bytes(32)))
    with refused("InvalidDelivery", False, commitment("early")):
        gated.attempt(finding=replace(failed, delivery=commitment("early")))


def test_one_seal_belongs_to_each_signature(gated: TradeBuilder) -> None:
    with refused("LengthMismatch", 1, 2):
        gated.attempt(seals=[commitment("seal")], signatures=[bytes(65)] * 2)


def test_a_signer_signs_its_own_seal(gated: TradeBuilder) -> None:
    seals = [gated.opening(1, signer).seal for signer in PARTIES.signers[:2]]
    signatures = [
        gated.sign(gated.attempt_report(1, gated.finding(1, True), seal), signer)
        for seal, signer in zip(seals, PARTIES.signers, strict=False)
    ]
    with quorum_refused():
        gated.attempt(seals=seals[::-1], signatures=signatures)


@pytest.mark.parametrize("field", ["model", "training", "delivery", "evidence", "passed"])
def test_what_was_signed_is_what_is_posted(gated: TradeBuilder, field: str) -> None:
    signed = gated.finding(1, passed=True)
    posted = replace(signed, passed=False, delivery=bytes(32))
    if field != "passed":
        posted = Attempt.from_values(signed.as_message() | {field: commitment("changed")})
    seals = [gated.opening(1, signer).seal for signer in PARTIES.signers[:2]]
    signatures = [
        gated.sign(gated.attempt_report(1, signed, seal), signer)
        for seal, signer in zip(seals, PARTIES.signers, strict=False)
    ]
    with quorum_refused():
        gated.attempt(finding=posted, seals=seals, signatures=signatures)


def test_the_signatures_of_one_attempt_do_not_serve_the_next(gated: TradeBuilder) -> None:
    gated.fail()
    with quorum_refused():
        gated.attempt(number=1, finding=gated.finding(7, passed=True))
