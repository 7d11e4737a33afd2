"""What is said of votes, labels, scores and seals that contradict what was reported.

The evidence is that of a real trade, an attempt that failed and one that passed; what the log
says of it is altered by hand.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from audited_trade import Settled
from cases import case_of

from marketplace.audit.case import Case
from marketplace.audit.checks.gate import _objection
from marketplace.audit.checks.scores import (
    check_score,
    check_seals,
    check_validation_commitment,
)
from marketplace.audit.report import Finding
from marketplace.audit.trade import Trade
from marketplace.protocol.states import State

Check = Callable[[Case], Finding | None]


@pytest.fixture
def honest(settled: Settled) -> Case:
    return case_of(settled.trade, settled.chain)


def found(check: Check, case: Case, **changes: Any) -> Finding | None:
    """Return what a check finds if the log said something else of the trade."""
    return check(replace(case, trade=replace(case.trade, **changes)))


def reversed_in(trade: Trade, *numbers: int) -> dict[str, Any]:
    """Let every signer of these attempts have found the opposite."""
    return {
        "attempts": [
            replace(attempt, verdicts=attempt.signers & ~attempt.verdicts)
            if attempt.number in numbers
            else attempt
            for attempt in trade.attempts
        ]
    }


def scores_of(case: Case) -> list[int]:
    """Return the score that both signers of each attempt sealed."""
    scores = []
    for attempt in case.trade.attempts:
        (score,) = set(case.trade.opened(attempt).values())
        scores.append(score)
    return scores


@pytest.mark.parametrize("rows", [-1, 1])
def test_as_many_labels_are_opened_as_were_committed_to(honest: Case, rows: int) -> None:
    count = honest.trade.request.validation_rows
    request = replace(honest.trade.request, validation_rows=count + rows)
    said = f"{count} labels are opened where the request commits to {count + rows}"
    assert found(check_validation_commitment, honest, request=request) == Finding(
        "failed", f"attempt 1: {said}; attempt 2: {said}"
    )


def test_a_score_against_its_verdict_is_told_as_it_was_reported(honest: Case) -> None:
    (one, two), least = scores_of(honest), honest.trade.request.threshold
    assert one < least <= two
    wrong = [
        f"reported as passed where it scored {one} ppm of {least} needed",
        f"reported as failed where it scored {two} ppm of {least} needed",
    ]
    assert found(check_score, honest, **reversed_in(honest.trade, 1)) == Finding(
        "failed", f"attempt 1: {wrong[0]}"
    )
    # The opened scores speak against the deciding verdict, too: it falls, and none is to agree.
    assert found(check_score, honest, **reversed_in(honest.trade, 1, 2)) == Finding(
        "passed",
        f"attempt 1 was {wrong[0]}; attempt 2 was {wrong[1]}; that verdict fell",
    )


def test_who_has_no_weight_has_no_vote(honest: Case) -> None:
    assert honest.trade.data is not None
    data = honest.trade.data
    first, *others = data.finding.experts
    named = replace(data.finding, experts=tuple(others), weights=data.finding.weights[1:])
    said = f"{first} votes without a gate weight"
    assert found(check_score, honest, data=replace(data, finding=named)) == Finding(
        "failed", f"attempt 1: {said}; attempt 2: {said}"
    )


def test_opened_scores_bear_out_each_verdict_and_that_of_all(honest: Case) -> None:
    members, least = honest.trade.members, honest.trade.request.threshold
    score = scores_of(honest)[0]
    assert found(check_seals, honest, **reversed_in(honest.trade, 1)) == Finding(
        "failed",
        f"attempt 1: {members[0]} opened {score} ppm, against its own verdict;"
        f" attempt 1: {members[1]} opened {score} ppm, against its own verdict;"
        f" attempt 1: the signers sealed {[score, score]}, against their verdict at {least} ppm",
    )


def test_who_opened_what_it_had_not_sealed_is_named(honest: Case) -> None:
    scores, members = scores_of(honest), honest.trade.members
    openings = [
        replace(each, scores=(each.scores[0] + 1, *each.scores[1:]))
        for each in honest.trade.openings
        if each.attempt == 1
    ]
    finding = found(check_seals, honest, openings=openings)
    said = f"attempt 1: {members[0]} opened {scores[0] + 1} ppm, which is not what it sealed"
    assert finding == Finding("failed", said)


@pytest.mark.parametrize("late", [0, 1])
def test_seals_may_be_opened_until_the_deadline(honest: Case, late: int) -> None:
    deadline = honest.chain.block.timestamp - late
    deciding = [each for each in honest.trade.openings if each.attempt == 2]
    finding = found(check_seals, honest, openings=deciding, deadline=deadline)
    assert finding == (
        Finding("missing", "an attempt has no opened seal, and none may be opened any more")
        if late
        else Finding("open", f"2 of 4 seals may be opened until {deadline}")
    )


def test_without_an_attempt_there_is_nothing_to_look_at(honest: Case) -> None:
    running = {"attempts": [], "state": State.GATED, "ended_from": None}
    for check, step in (
        (check_validation_commitment, "attempt"),
        (check_score, "attempt"),
        (check_seals, "end with attempts"),
    ):
        assert found(check, honest, attempts=[]) is None
        said = f"the trade is running and has seen no {step} yet"
        assert found(check, honest, **running) == Finding("open", said)


# ------------------------------------------------------------------------- training


@pytest.mark.parametrize(("signed", "counts"), [(0, False), (1, True), (2, False)])
def test_a_commitment_is_for_this_attempt_or_an_earlier_one(
    honest: Case, signed: int, counts: bool
) -> None:
    first, last = honest.trade.attempts
    training = honest.evidence.training_record(first).trainings[0]
    assert _objection(honest, last, training) is None
    altered = copy.deepcopy(training).model_copy(update={"attempt": signed})
    why = _objection(honest, first, altered)
    assert why == (None if counts else f"it is for attempt {signed}")
