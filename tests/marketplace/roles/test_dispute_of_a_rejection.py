"""Of a rejection the panel executes every attempt, by the models that a seat hands in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_trade import SMALL, StageAt, collude, to_training_end

from marketplace.audit import audit
from marketplace.protocol.documents import Sealed, TrainingRecord
from marketplace.protocol.errors import EnvelopeError, TradeRefused
from marketplace.protocol.states import State
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.roles.juror import rule
from marketplace.scripted.script import UNREACHABLE
from marketplace.scripted.trade import TradeRun
from marketplace.scripted.world import TERMS
from offchain.oracle.assembly import composed, gather
from offchain.validation import Evidence

HARD = replace(SMALL, name="twice too hard", threshold=UNREACHABLE, ends=State.FAILED)
FALSE_VOTES = "the votes are not the model's answers"


def falsely_failed(run: TradeRun) -> None:
    """Have two oracles fail a model that passes, by votes that are not its answers."""
    leading = run.leader()
    case = leading.book.case(run.trade_id)
    number = run.world.market.status(run.trade_id).attempts + 1
    found = gather(leading.book, run.trade_id, number, run.world.experts)
    composite, trainings = composed(leading.book, run.trade_id, found)
    assert composite is not None
    votes = composite.evidence(case.validation.features)
    worst = Evidence(votes.experts, votes.predictions[:, :, ::-1].copy(), votes.gates)
    proposal = leading.propose(case, number, composite, trainings, worst)
    assert not proposal.passed
    collude(run, proposal.finding, passed=False)


def without_model(run: TradeRun) -> None:
    """Let an attempt fail, as it should, since no expert delivers."""
    to_training_end(run, -1)
    run.leader().report_attempt(run.trade_id, ())


def challenged(run: TradeRun) -> TradeRun:
    assert run.state() == State.REJECTED
    run.leader().publish(run.trade_id)
    run.world.challenger.challenge(run.trade_id, "a model was good enough")
    return run


def stakes(run: TradeRun) -> list[int]:
    market = run.world.market
    stake_of = market.committee.functions.stakeOf
    return [int(market.node.call(stake_of(seat.address))[0]) for seat in run.world.signers]


def test_the_attempt_that_was_falsely_failed_is_overturned_whichever_it_is(stage: StageAt) -> None:
    run = stage(State.GATED)
    falsely_failed(run)
    without_model(run)
    challenged(run)
    world, market, trade_id = run.world, run.world.market, run.trade_id
    with pytest.raises(TradeRefused, match="no model was handed in of attempt 1"):
        world.jurors[0].examine(trade_id, {})
    models = world.signers[2].show_model(trade_id, 1)  # who didn't sign
    found = rule(market, world.stranger, world.jurors, trade_id, models)
    assert (found.attempt, found.stands, found.finding) == (1, False, FALSE_VOTES)
    (overturned,) = (
        event["args"]
        for event in market.disputes(trade_id)
        if event["event"] == "VerdictOverturned"
    )
    first = market.agreement(trade_id).attempts[0]
    assert bytes(overturned["model"]) == first.finding.model
    least, penalty = TERMS.min_stake, TERMS.wrong_verdict_penalty
    assert stakes(run) == [least - penalty, least - penalty, least]
    market.node.advance_time(seconds_to_exit(market, trade_id))
    assert end_trade(market, world.stranger, trade_id) == State.REFUNDED
    report = audit(market.node.web3.provider, market.address, world.store)
    assert {check.name for check in report.objections} == {"seals"}  # which liars don't open


def test_a_false_attempt_falls_though_an_earlier_one_can_not_be_looked_at(stage: StageAt) -> None:
    run = stage(State.GATED)
    falsely_failed(run)
    falsely_failed(run)
    challenged(run)
    world = run.world
    models = world.signers[2].show_model(run.trade_id, 2)
    found = rule(world.market, world.stranger, world.jurors, run.trade_id, models)
    assert (found.attempt, found.stands, found.finding) == (2, False, FALSE_VOTES)


def test_an_honest_rejection_stands_once_all_its_models_are_handed_in(stage: StageAt) -> None:
    run = challenged(stage(State.REJECTED, HARD))
    world, market, trade_id = run.world, run.world.market, run.trade_id
    seat = world.signers[1]
    first, second = seat.show_model(trade_id, 1), seat.show_model(trade_id, 2)
    with pytest.raises(TradeRefused, match="no model was handed in of attempt 2"):
        world.jurors[0].examine(trade_id, first)
    found = rule(market, world.stranger, world.jurors, trade_id, first | second)
    assert (found.attempt, found.stands) == (2, True)
    assert found.finding == "executed again, each attempt earns its verdict"
    assert run.play() == State.FAILED
    assert stakes(run) == [TERMS.min_stake] * 3
    assert audit(market.node.web3.provider, market.address, world.store).ok


def test_a_seat_shows_nothing_before_a_challenge(stage: StageAt) -> None:
    run = stage(State.REJECTED, HARD)
    with pytest.raises(TradeRefused, match="the trade is REJECTED"):
        run.world.signers[0].show_model(run.trade_id, 1)


@pytest.mark.parametrize("number", [2, 3], ids=["without a model", "that there is not"])
def test_a_seat_shows_no_composite_of_an_attempt(stage: StageAt, number: int) -> None:
    run = stage(State.GATED)
    falsely_failed(run)
    without_model(run)
    challenged(run)
    with pytest.raises(TradeRefused, match=f"no composite of attempt {number} is on record"):
        run.world.signers[2].show_model(run.trade_id, number)


def test_a_record_can_not_make_a_seat_show_another_secret(stage: StageAt) -> None:
    """The data are sealed for the seats, too, and not for the panel."""
    run = stage(State.GATED)
    leading = run.leader()
    case = leading.book.case(run.trade_id)
    data: Sealed | None = leading.book.committed_data(run.trade_id).deliveries[0].sealed
    record = TrainingRecord(trade=case.name, trainings=(), composite=data)
    training = leading.exchange.publish(record)
    falsely_failed(run)
    honest = run.world.market.agreement(run.trade_id).attempts[0].finding
    collude(run, replace(honest, model=b"\1" * 32, training=training), passed=False)
    run.world.challenger.challenge(run.trade_id, "a model was good enough")
    with pytest.raises(EnvelopeError, match="made for another context"):
        run.world.signers[2].show_model(run.trade_id, 2)
