"""Seats as processes: killed anywhere they post each report once, and two of three settle."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from committee import Committee, committee
from small_trade import SMALL

from marketplace.audit import audit
from marketplace.protocol.states import State
from marketplace.service.duties import place_in_turn

HOPELESS = replace(SMALL, name="hopeless", threshold=1_000_000, ends=State.FAILED)

PLACES = {
    f"{step}:{place}"
    for step in ("reportData", "reportAttempt-1", "reportAttempt-2", "settle")
    for place in ("begun", "signed", "sent")
} | {
    "publish:begun",
    "publish:done",
    "openScores:begun",
    "openScores-1:signed",
    "openScores-1:sent",
    "review-data:answered",
    "review-attempt:answered",
    "opening:answered",
}
"""Every border between two steps, and every answer that a peer waits for.

Behind "sent" of a transaction lies none: who was killed there finds the step done.
"""


def let_review_end(seats: Committee) -> None:
    market = seats.run.world.market
    market.node.advance_time(market.status(seats.run.trade_id).windows.review + 1)


def clean_audit(seats: Committee) -> bool:
    market = seats.run.world.market
    report = audit(market.node.web3.provider, market.address, seats.run.world.store)
    assert report.ok, report.objections
    return {check.verdict for check in report.checks if check.name != "anchor"} == {"passed"}


@pytest.mark.slow
def test_seats_killed_at_every_border_post_each_report_once(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    killed.mkdir()
    with committee(HOPELESS, tmp_path, take_over_seconds=3_600, failpoints=str(killed)) as seats:
        for seat in seats.seats:
            seats.start(seat)
        seats.deliver(*seats.seats)
        seats.until(lambda: seats.run.state() == State.REJECTED)
        let_review_end(seats)
        seats.until(lambda: seats.run.state() == State.FAILED)
        seats.until(lambda: seats.finished(seats.seats))
        assert {path.name for path in killed.iterdir()} == PLACES
        assert seats.restarts == len(PLACES)
        assert seats.posted() == Counter(reportData=1, reportAttempt=2, settle=1, openScores=1), (
            seats.told()
        )
        assert clean_audit(seats)
        assert seats.stop() == [0, 0, 0]
        for seat in seats.seats:
            assert bytes(seat.key).hex() not in seats.log_of(seat)


@pytest.mark.slow
def test_two_seats_settle_while_one_is_down_throughout(tmp_path: Path) -> None:
    with committee(SMALL, tmp_path, take_over_seconds=20, served_expert=True) as seats:
        market, trade_id = seats.run.world.market, seats.run.trade_id
        judges = market.current_committee()
        down = next(
            seat
            for seat in seats.seats
            if place_in_turn(judges.members, seat.address, trade_id, "reportData") == 0
        )
        up = [seat for seat in seats.seats if seat != down]
        for account in (*up, seats.run.world.experts[0].account):
            seats.start(account)
        seats.deliver(up[0])  # the other one asks it
        seats.until(lambda: seats.run.state() == State.PASSED)
        let_review_end(seats)
        seats.until(lambda: seats.run.state() == State.SETTLED)
        seats.until(lambda: seats.finished(up))
        assert seats.restarts == 0
        assert seats.posted() == Counter(reportData=1, reportAttempt=1, settle=1), seats.told()
        assert clean_audit(seats)
        assert seats.stop() == [0, 0, 0]
