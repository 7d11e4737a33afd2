"""What is due by the chain's state, and whose turn it is."""

from __future__ import annotations

from collections import Counter

import pytest

from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.market import Status
from marketplace.protocol.states import State
from marketplace.protocol.terms import Windows
from marketplace.service.duties import Duty, duties_of, place_in_turn, still_due

WINDOWS = Windows(
    quote=10, delivery=10, judging=10, training=10, validation=10, review=10, settlement=100
)
DEADLINE = 1_000


def status(state: State, attempts: int = 0) -> Status:
    flags = dict.fromkeys(("audited", "approved", "challenged", "overturned", "unjudged"), False)
    return Status(
        state=state,
        attempts=attempts,
        max_attempts=3,
        signers=0,
        deadline=DEADLINE,
        windows=WINDOWS,
        **flags,
    )


def due(state: State, now: int, attempts: int = 0, **facts: bool) -> list[str]:
    known = {"delivered": False, "unopened": False, "sealed": False, **facts}
    return [duty.name for duty in duties_of(status(state, attempts), now, **known)]


@pytest.mark.parametrize(
    ("state", "now", "attempts", "facts", "expected"),
    [
        (State.REQUESTED, 5, 0, {}, []),
        # Data: once all is delivered, or the time to deliver is over; until the deadline.
        (State.FUNDED, 5, 0, {}, []),
        (State.FUNDED, 5, 0, {"delivered": True}, ["reportData"]),
        (State.FUNDED, 990, 0, {}, []),
        (State.FUNDED, 991, 0, {}, ["reportData"]),
        (State.FUNDED, 1_000, 0, {"delivered": True}, ["reportData"]),
        (State.FUNDED, 1_001, 0, {"delivered": True}, []),
        (State.GATED, 5, 0, {}, ["reportAttempt 1"]),
        (State.GATED, 1_000, 2, {}, ["reportAttempt 3"]),
        (State.GATED, 1_001, 2, {}, []),
        # Nothing is settled in the review window.
        (State.PASSED, 1_000, 1, {"unopened": True}, ["publish"]),
        (State.PASSED, 1_001, 1, {"unopened": True}, ["publish", "settle"]),
        (State.REJECTED, 1_001, 3, {}, ["publish", "settle"]),
        # Who is left out opens its own score in the second half of the settlement window.
        (State.PASSED, 1_050, 1, {"unopened": True}, ["publish", "settle"]),
        (State.PASSED, 1_051, 1, {"unopened": True}, ["publish", "settle", "openDecidingScores"]),
        (State.PASSED, 1_051, 1, {}, ["publish", "settle"]),
        (State.PASSED, 1_101, 1, {"unopened": True}, ["publish", "settle"]),
        (State.DISPUTED, 1_051, 1, {"unopened": True}, ["publish"]),
        (State.SETTLED, 2_000, 1, {}, ["publish"]),
        (State.FAILED, 1_000, 3, {"sealed": True}, ["publish", "openScores"]),
        (State.FAILED, 1_001, 3, {"sealed": True}, ["publish"]),
        (State.REFUNDED, 2_000, 0, {}, []),
        (State.DECLINED, 2_000, 0, {}, []),
    ],
)
def test_what_is_due(
    state: State, now: int, attempts: int, facts: dict[str, bool], expected: list[str]
) -> None:
    assert due(state, now, attempts, **facts) == expected


def test_the_turn_is_an_order_and_is_shared_out() -> None:
    members = tuple(sorted((a.address for a in well_known_accounts()[:5]), key=str.lower))
    leaders = Counter[str]()
    for trade in range(200):
        trade_id = (trade * 0x9E3779B1 & 0xFFFFFFFF).to_bytes(4, "big") + bytes(28)
        for name in ("reportData", "reportAttempt 1", "settle"):
            places = {place_in_turn(members, each, trade_id, name): each for each in members}
            assert sorted(places) == [0, 1, 2, 3, 4]
            leaders[places[0]] += 1
    assert min(leaders.values()) > 600 // 5 // 2


@pytest.mark.parametrize(("now", "by_turn"), [(950, True), (951, False)])
def test_late_each_seat_opens_its_own_earlier_scores(now: int, by_turn: bool) -> None:
    """Who waits for its turn until the time is over pays for a closed seal."""
    duties = duties_of(status(State.FAILED, 3), now, delivered=False, unopened=False, sealed=True)
    assert duties[-1] == Duty("openScores", by_turn)


@pytest.mark.parametrize(
    ("step", "duties", "expected"),
    [
        ("settle", ["publish", "settle"], True),
        ("settle", ["publish"], False),
        ("reportAttempt 1", ["reportAttempt 1"], True),
        ("reportAttempt 1", ["reportAttempt 2"], False),
        ("openScores 1", ["openScores"], True),
    ],
)
def test_a_transaction_is_due_while_its_step_is(
    step: str, duties: list[str], expected: bool
) -> None:
    assert still_due(step, [Duty(name, True) for name in duties]) == expected
