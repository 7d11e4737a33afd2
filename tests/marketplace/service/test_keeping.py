"""An owner's model is put on record by itself, late and once, if nobody has judged it."""

from __future__ import annotations

import pytest
from small_trade import StageAt, to_training_end

from marketplace.chain.market import Market
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from marketplace.roles.expert import Expert
from marketplace.scripted.trade import TradeRun
from marketplace.service.keeping import LAST_PART, Keeping
from offchain.oracle.experts import TrainedModel

SLACK = 60
"""Seconds that may pass between two looks at the clock, which goes on by itself."""


def records(run: TradeRun) -> list[str]:
    events = run.world.market.log(run.trade_id)
    return [e["args"]["account"] for e in events if e["event"] == "WorkDelivered"]


def kept(run: TradeRun) -> tuple[Expert, TrainedModel, Keeping]:
    owner = run.world.experts[0]
    trained, keeping = owner.train(owner.own_job(run.trade_id)), Keeping(owner)
    keeping.take(run.trade_id, trained)
    return owner, trained, keeping


def last_part(run: TradeRun) -> int:
    return run.world.market.status(run.trade_id).windows.training // LAST_PART


def test_it_is_put_on_record_in_the_last_quarter_and_once(stage: StageAt) -> None:
    run = stage(State.GATED)
    owner, _, keeping = kept(run)
    to_training_end(run, last_part(run) + SLACK)
    keeping.look()
    assert records(run) == []
    to_training_end(run, last_part(run) - 1)
    keeping.look()
    keeping.look()
    assert records(run) == [owner.address]
    to_training_end(run, -1)
    proposal = run.leader().report_attempt(run.trade_id, ())
    assert proposal.composite is not None  # a leader that can't reach it finds the model


def test_shortly_before_the_end_is_in_time_and_after_it_too_late(stage: StageAt) -> None:
    run = stage(State.GATED)
    _, _, keeping = kept(run)
    to_training_end(run, SLACK)
    keeping.look()
    assert len(records(run)) == 1
    late = stage(State.GATED)
    _, _, keeping = kept(late)
    to_training_end(late, -1)
    keeping.look()
    assert records(late) == []


def test_what_is_judged_is_let_go(stage: StageAt) -> None:
    run = stage(State.GATED)
    _, _, keeping = kept(run)
    run.leader().report_attempt(run.trade_id, run.world.experts)
    keeping.look()
    assert records(run) == []
    assert keeping._waiting == {}


def test_a_later_attempt_s_model_takes_the_place(stage: StageAt) -> None:
    run = stage(State.GATED)
    owner, first, keeping = kept(run)
    keeping.take(run.trade_id, owner.train(owner.own_job(run.trade_id)))
    assert keeping._waiting[run.trade_id] is first
    to_training_end(run, -1)
    run.leader().report_attempt(run.trade_id, ())
    second = owner.train(owner.own_job(run.trade_id))
    keeping.take(run.trade_id, second)
    assert keeping._waiting[run.trade_id] is second


def test_one_that_fails_does_not_stop_the_others(
    stage: StageAt, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stage(State.GATED)
    owner, trained, keeping = kept(run)
    keeping._waiting = {bytes(32): trained, run.trade_id: trained}
    status = Market.status

    def refusing(market: Market, trade_id: bytes) -> object:
        if not any(trade_id):
            raise TradeRefused("it can't be looked at", "look again")
        return status(market, trade_id)

    monkeypatch.setattr(Market, "status", refusing)
    to_training_end(run, last_part(run))
    keeping.look()
    assert records(run) == [owner.address]
    assert set(keeping._waiting) == {bytes(32)}
