"""Whoever leads may stop anywhere: others finish the trade from chain and storage alone."""

from __future__ import annotations

import pytest
from small_trade import StageAt, rejoined

from marketplace.audit import audit
from marketplace.protocol.documents import Sealed
from marketplace.protocol.errors import InsufficientFunds, MissingContent
from marketplace.protocol.states import State
from marketplace.scripted.trade import TradeRun
from offchain.oracle.case import passed_attempt
from offchain.oracle.leader import OracleLeader
from offchain.storage.cid import cid_of_digest


def led_by(run: TradeRun, place: int) -> OracleLeader:
    seats = list(run.world.signers)
    return OracleLeader(seats.pop(place), seats, run.progress)


def after_review(run: TradeRun) -> None:
    market = run.world.market
    market.node.advance_time(market.status(run.trade_id).windows.review + 1)


def clean_audit(run: TradeRun) -> bool:
    market = run.world.market
    report = audit(market.node.web3.provider, market.address, run.world.store)
    assert report.ok, report.objections
    return {check.verdict for check in report.checks if check.name != "anchor"} == {"passed"}


def test_each_step_may_have_its_own_leader(stage: StageAt) -> None:
    """Nobody remembers anything between two steps, and each is led by another seat."""
    run = stage(State.FUNDED, fresh=True)
    world, trade_id = run.world, run.trade_id
    deliveries: dict[str, Sealed | None] = {
        provider.account.address: provider.deliver(trade_id) for provider in world.providers
    }
    led_by(run, 0).report_data(trade_id, deliveries, world.experts)
    led_by(rejoined(run), 1).report_attempt(trade_id, world.experts)
    led_by(rejoined(run), 2).publish(trade_id)
    after_review(run)
    assert led_by(rejoined(run), 0).settle(trade_id) == State.SETTLED
    assert clean_audit(run)


def test_the_same_trade_is_judged_alike_by_any_leader(stage: StageAt) -> None:
    """Same data, same seed, same composite: who leads moves no money."""
    amounts = []
    for place in (0, 1):
        run = stage(State.GATED)
        led_by(run, place).report_attempt(run.trade_id, run.world.experts)
        amounts.append(passed_attempt(run.world.market, run.trade_id).finding.amounts)
    assert amounts[0] == amounts[1]


@pytest.mark.parametrize(
    ("state", "after"),
    [(State.FUNDED, State.GATED), (State.GATED, State.PASSED)],
    ids=["data", "attempt"],
)
def test_signatures_that_were_never_sent_bind_nobody(
    stage: StageAt, state: State, after: State
) -> None:
    """A leader that can't pay for its transaction has collected a quorum in vain."""
    run = stage(state)
    market, trade_id, experts = run.world.market, run.trade_id, run.world.experts
    deliveries: dict[str, Sealed | None] = {}
    if state == State.FUNDED:
        deliveries = {p.account.address: p.deliver(trade_id) for p in run.world.providers}
    broke, stranger = run.world.signers[0].account, run.world.stranger.address
    price = market.node.web3.eth.gas_price * 30_000
    market.node.transfer(broke, stranger, market.node.balance(broke.address) - price)

    def take(leader: OracleLeader) -> None:
        if state == State.FUNDED:
            leader.report_data(trade_id, deliveries, experts)
        else:
            leader.report_attempt(trade_id, experts)

    with pytest.raises(InsufficientFunds, match="nothing was sent"):
        take(led_by(run, 0))
    assert run.state() == state
    take(led_by(run, 1))
    assert run.state() == after


def test_what_was_not_published_at_the_verdict_is_published_later(stage: StageAt) -> None:
    run = stage(State.PASSED, fresh=True)
    attempt = passed_attempt(run.world.market, run.trade_id)
    after_review(run)
    led_by(run, 0).settle(run.trade_id)
    with pytest.raises(MissingContent):
        run.world.store.get(cid_of_digest(attempt.finding.evidence))
    led_by(rejoined(run), 1).publish(run.trade_id)
    assert clean_audit(run)


def test_publishing_again_changes_nothing(stage: StageAt) -> None:
    run = stage(State.PASSED)
    led_by(run, 0).publish(run.trade_id)
    evidence = passed_attempt(run.world.market, run.trade_id).finding.evidence
    first = run.world.store.get(cid_of_digest(evidence))
    led_by(rejoined(run), 2).publish(run.trade_id)
    assert run.world.store.get(cid_of_digest(evidence)) == first
    assert run.world.market.node.gas_records == []
