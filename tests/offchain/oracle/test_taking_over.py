"""Whoever leads may stop anywhere: others finish the trade from chain and storage alone."""

from __future__ import annotations

import pytest
from small_trade import StageAt, rejoined

from marketplace.audit import audit
from marketplace.protocol.documents import Sealed
from marketplace.protocol.errors import InsufficientFunds, MissingContent, TradeRefused
from marketplace.protocol.ids import score_seal
from marketplace.protocol.states import State
from marketplace.scripted.trade import TradeRun
from offchain.oracle.attempt import open_reported, score_of
from offchain.oracle.case import passed_attempt, reported_attempts
from offchain.oracle.leader import OracleLeader
from offchain.storage.cid import cid_of_digest
from offchain.validation import decode_evidence


def led_by(run: TradeRun, place: int) -> OracleLeader:
    seats = list(run.world.signers)
    return OracleLeader(seats.pop(place), seats, run.progress)


def clean_audit(run: TradeRun) -> bool:
    market = run.world.market
    report = audit(market.node.web3.provider, market.address, run.world.store)
    assert report.ok, report.objections
    return {check.verdict for check in report.checks} == {"passed"}


def test_each_step_may_have_its_own_leader(stage: StageAt) -> None:
    """Nobody remembers anything between two steps, and each is led by another seat."""
    run = stage(State.FUNDED, fresh=True)
    world, trade_id = run.world, run.trade_id
    deliveries: dict[str, Sealed | None] = {
        provider.account.address: provider.deliver(trade_id) for provider in world.providers
    }
    led_by(run, 0).report_data(trade_id, deliveries)
    led_by(rejoined(run), 1).report_gate(trade_id, world.experts)
    led_by(rejoined(run), 2).run_attempt(trade_id, world.experts)
    world.buyer.confirm(trade_id)
    led_by(rejoined(run), 0).report_settlement(trade_id)
    led_by(rejoined(run), 1).publish(trade_id)
    assert clean_audit(run)


def test_the_same_trade_is_settled_alike_by_any_leader(stage: StageAt) -> None:
    """Same data, same seed, same composite: who leads moves no money."""
    settled = []
    for place in (0, 1):
        run = stage(State.GATED)
        leader = led_by(run, place)
        leader.run_attempt(run.trade_id, run.world.experts)
        settled.append(leader.book.settlement(run.trade_id).shares)
        assert passed_attempt(run.world.market, run.trade_id).report.passed
    assert settled[0] == settled[1]


@pytest.mark.parametrize(
    ("state", "after"),
    [(State.DATA_DELIVERED, State.GATED), (State.GATED, State.PASSED)],
    ids=["gate", "attempt"],
)
def test_signatures_that_were_never_sent_bind_nobody(
    stage: StageAt, state: State, after: State
) -> None:
    """A leader that can't pay for its transaction has collected a quorum in vain."""
    run = stage(state)
    market, trade_id = run.world.market, run.trade_id
    broke, stranger = run.world.signers[0].account, run.world.stranger.address
    price = market.node.web3.eth.gas_price * 30_000
    market.node.transfer(broke, stranger, market.node.balance(broke.address) - price)

    def take(leader: OracleLeader) -> None:
        step = leader.report_gate if state == State.DATA_DELIVERED else leader.run_attempt
        step(trade_id, run.world.experts)

    with pytest.raises(InsufficientFunds, match="nothing was sent"):
        take(led_by(run, 0))
    assert run.state() == state
    take(led_by(run, 1))
    assert run.state() == after


def test_what_was_settled_but_not_published_is_published_later(stage: StageAt) -> None:
    run = stage(State.SETTLED, fresh=True)
    attempt = passed_attempt(run.world.market, run.trade_id)
    with pytest.raises(MissingContent):
        run.world.store.get(cid_of_digest(attempt.report.evidence))
    led_by(run, 1).publish(run.trade_id)
    assert clean_audit(run)


def test_publishing_again_changes_nothing(stage: StageAt) -> None:
    run = stage(State.SETTLED)
    led_by(run, 0).publish(run.trade_id)
    sent = len(run.world.market.node.gas_records)
    led_by(rejoined(run), 2).publish(run.trade_id)
    assert len(run.world.market.node.gas_records) == sent


# ----------------------------------------------------------------------- openings


def test_scores_open_after_a_crash(stage: StageAt) -> None:
    """A seat that starts anew finds score and salt again, and they are what it sealed."""
    run = stage(State.SETTLED, fresh=True)
    (attempt,) = reported_attempts(run.world.market, run.trade_id)
    case = run.world.signers[0].book.case(run.trade_id)
    parts = open_reported(run.world.signers[0].exchange, case, attempt)
    score = score_of(case, decode_evidence(parts.votes)).ppm
    led_by(run, 0).publish(run.trade_id)
    opened = run.world.market.event(run.trade_id, "ScoresOpened")
    assert list(opened["scores"]) == [score, score]
    for signer, seal, salt in zip(opened["signers"], attempt.seals, opened["salts"], strict=True):
        assert score_seal(run.trade_id, 1, signer, score, bytes(salt)) == seal


def test_nobody_opens_before_the_end(stage: StageAt) -> None:
    run = stage(State.PASSED)
    (attempt,) = reported_attempts(run.world.market, run.trade_id)
    for seat in run.world.signers:
        with pytest.raises(TradeRefused, match="still running"):
            seat.opening(run.trade_id, attempt, attempt.seals[0])
    with pytest.raises(TradeRefused, match="the trade is PASSED"):
        led_by(run, 0).publish(run.trade_id)


def test_a_seat_opens_its_own_seal_only(stage: StageAt) -> None:
    run = stage(State.SETTLED)
    (attempt,) = reported_attempts(run.world.market, run.trade_id)
    opened = []
    for seat in run.world.signers:
        for seal in attempt.seals:
            try:
                opened.append((seal, seat.opening(run.trade_id, attempt, seal).signer))
            except TradeRefused:
                continue
    assert sorted(seal for seal, _ in opened) == sorted(attempt.seals)
    assert len({signer for _, signer in opened}) == len(attempt.seals)


def test_a_seat_out_of_reach_stays_closed(stage: StageAt) -> None:
    run = stage(State.SETTLED)
    (attempt,) = reported_attempts(run.world.market, run.trade_id)
    OracleLeader(run.world.signers[0], [], run.progress).publish(run.trade_id)
    opened = run.world.market.event(run.trade_id, "ScoresOpened")
    salts = dict(zip(opened["signers"], opened["salts"], strict=True))
    closed = [signer for signer, salt in salts.items() if not any(salt)]
    assert closed
    assert run.world.signers[0].address not in closed
    assert len(opened["signers"]) == len(attempt.seals)
    report = audit(run.world.market.node.web3.provider, run.world.market.address, run.world.store)
    assert report.ok
