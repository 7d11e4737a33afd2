"""After the end: sealed scores open to what was sealed, and to nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from expectations import only_event, refused
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import SCORE, commitment

from marketplace.protocol.states import State


@pytest.fixture
def ended(trade: TradeBuilder) -> TradeBuilder:
    """Two attempts, and the trade is settled."""
    trade.advance_to(State.GATED).fail()
    trade.attempt()
    trade.settle_in_time()
    return trade


def test_anyone_opens_the_scores(ended: TradeBuilder) -> None:
    for number in (1, 2):
        openings = ended.openings(number)
        said = only_event(ended.market, ended.open_scores(number), "ScoresOpened")
        assert said == {
            "tradeId": ended.id,
            "attempt": number,
            "signers": [signer.address for signer in PARTIES.signers[:2]],
            "scores": [SCORE, SCORE],
            "salts": [opening.salt for opening in openings],
        }


def test_one_signer_may_stay_closed(ended: TradeBuilder) -> None:
    first, second = ended.openings(2)
    receipt = ended.open_scores(2, [replace(first, score=999_999, salt=bytes(32)), second])
    said = only_event(ended.market, receipt, "ScoresOpened")
    assert said["scores"] == [0, SCORE]  # what was claimed without a salt is not repeated
    assert said["salts"] == [bytes(32), second.salt]


def test_an_opening_that_opens_nothing_is_refused(ended: TradeBuilder) -> None:
    # Otherwise a stranger, who knows no salt, could publish it ahead of the signers.
    closed = [replace(opening, score=0, salt=bytes(32)) for opening in ended.openings(2)]
    with refused("SealsMismatch", 2):
        ended.open_scores(2, closed)


def test_openings_that_are_not_what_was_sealed_are_refused(ended: TradeBuilder) -> None:
    first, second = ended.openings(2)
    other_seal = ended.opening(2, PARTIES.signers[0], score=1)
    for openings in (
        [replace(first, score=SCORE - 1), second],
        [replace(first, salt=commitment("other salt")), second],
        [replace(first, signer=PARTIES.signers[2].address), second],
        [other_seal, second],
        [replace(other_seal, salt=bytes(32)), second],
        [second, first],
        [first],
        [first, second, second],
        [],
    ):
        with refused("SealsMismatch", 2):
            ended.open_scores(2, openings)


def test_the_seals_of_one_attempt_do_not_open_another(ended: TradeBuilder) -> None:
    with refused("SealsMismatch", 1):
        ended.open_scores(1, ended.openings(2))


@pytest.mark.parametrize("number", [0, 3, 255])
def test_an_attempt_that_never_was_has_no_scores(ended: TradeBuilder, number: int) -> None:
    for openings in ([], ended.openings(2)):
        with refused("SealsMismatch", number):
            ended.open_scores(number, openings)


@pytest.mark.parametrize("state", [state for state in State if not state.final])
def test_while_the_trade_is_open_scores_stay_sealed(trade: TradeBuilder, state: State) -> None:
    trade.advance_to(state)
    openings = trade.openings(1)
    with refused("NotFinal", state):
        trade.open_scores(1, openings)


def test_scores_of_a_refunded_trade_open_too(trade: TradeBuilder) -> None:
    trade.advance_to(State.GATED).fail()
    trade.lapse()
    trade.time_out()
    only_event(trade.market, trade.open_scores(1), "ScoresOpened")
