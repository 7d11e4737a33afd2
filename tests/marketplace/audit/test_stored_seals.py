"""Which seals the contracts hold for settled or faulty, against what the log says of them.

The chain is a real one; what the log says of its trade is altered by hand.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from audited_trade import Settled
from cases import case_of

from marketplace.audit.case import Case
from marketplace.audit.checks.storage import check_stored_seals
from marketplace.audit.report import Finding
from marketplace.protocol.states import State

SOUND = Finding("passed", "the seals of 2 attempts are as the log says")


@pytest.fixture
def honest(settled: Settled) -> Case:
    """Settled after a failed attempt and one that passed, with all four seals open."""
    return case_of(settled.trade, settled.chain)


def found(case: Case, **changes: Any) -> Finding | None:
    return check_stored_seals(replace(case, trade=replace(case.trade, **changes)))


def opened_of(case: Case, attempt: int) -> dict[str, Any]:
    """Leave out the openings of the other attempt."""
    return {"openings": [each for each in case.trade.openings if each.attempt == attempt]}


def test_seals_that_are_stored_as_the_log_says(honest: Case) -> None:
    assert found(honest) == SOUND


def test_a_seal_of_an_earlier_attempt_that_the_log_leaves_closed(honest: Case) -> None:
    assert found(honest, **opened_of(honest, 2)) == Finding(
        "failed", "seals 3 of attempt 1 are settled in storage and 0 by the log"
    )


def test_a_seal_of_the_deciding_attempt_that_the_log_leaves_closed_is_faulty(honest: Case) -> None:
    closed = opened_of(honest, 1)
    said = "seals 0 are faulty in storage and 3 by the log"
    assert found(honest, **closed) == Finding("failed", said)
    # Until the trade has ended it may still be opened.
    assert found(honest, **closed, state=State.PASSED, ended_from=None) == SOUND


def test_a_trade_that_ended_undecided_has_no_faulty_seals(honest: Case) -> None:
    undecided = {"state": State.REFUNDED, "ended_from": State.GATED}
    assert found(honest, **undecided) == Finding(
        "failed", "seals 0 of attempt 2 are settled in storage and 3 by the log"
    )
    assert found(honest, **undecided, **opened_of(honest, 1)) == SOUND


def test_seals_that_were_penalised_are_settled_too(honest: Case) -> None:
    honest.trade.penalised_seals[1] = 0b100
    assert found(honest) == Finding(
        "failed", "seals 3 of attempt 1 are settled in storage and 7 by the log"
    )


def test_without_attempts_or_an_arbiter_of_these_there_is_nothing_to_ask(honest: Case) -> None:
    assert found(honest, attempts=[]) is None
    running = found(honest, attempts=[], state=State.GATED, ended_from=None)
    assert running == Finding("open", "the trade is running and has seen no attempt yet")
    contracts = replace(honest.chain.contracts, challenges=None)
    other = replace(honest, chain=replace(honest.chain, contracts=contracts))
    said = "the market's arbiter is not a contract of challenges"
    assert check_stored_seals(other) == Finding("unchecked", said)
