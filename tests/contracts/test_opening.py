"""Sealed scores: opened to what was sealed, all of them in time, and they must bear the verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest
from expectations import credits_of, events, only_event, payments, refund, refused
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import FAILING, PASSING, THRESHOLD, WINDOWS, commitment

from marketplace.chain.market import Market
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import Opening
from marketplace.protocol.units import even_split

CLOSED = Opening(0, bytes(32))
ALL = (0, 1, 2)


@pytest.fixture
def passed(trade: TradeBuilder) -> TradeBuilder:
    return trade.advance_to(State.PASSED)


def judged(market: Market, verdicts: int, scores: dict[int, int], **request: int) -> TradeBuilder:
    """A trade whose signers sealed other scores than their verdicts say."""
    trade = TradeBuilder(market, **request).advance_to(State.GATED)
    trade.attempt(scores=scores, verdicts=verdicts)
    return trade


def opened(trade: TradeBuilder, *openings: Opening) -> int:
    """Open scores before the settlement; returns the bitmap of the seats."""
    said = only_event(trade.market, trade.open_scores(openings), "ScoresOpened")
    return int(said["opened"])


# ------------------------------------------------------------------------- opening


def test_the_settlement_publishes_the_scores(passed: TradeBuilder) -> None:
    (name, said), *_ = events(passed.market, passed.settle_in_time())
    assert name == "ScoresOpened"
    assert said == {
        "tradeId": passed.id,
        "attempt": 1,
        "opened": 0b011,
        "scores": [PASSING, PASSING],
        "salts": [passed.salt(1, seat) for seat in (0, 1)],
    }


@pytest.mark.parametrize("state", [State.PASSED, State.REJECTED])
def test_a_signer_opens_its_own_once_the_review_is_over(trade: TradeBuilder, state: State) -> None:
    trade.advance_to(state)
    _, second = trade.openings()
    review = trade.status.deadline
    trade.wait_until(review - 1)
    with refused("DeadlineNotReached", review):
        trade.open_scores([CLOSED, second])
    trade.wait_until(review)
    said = only_event(trade.market, trade.open_scores([CLOSED, second]), "ScoresOpened")
    assert said["opened"] == 0b010
    assert (said["scores"], said["salts"]) == ([0, second.score], [bytes(32), second.salt])


def test_a_dispute_keeps_the_scores_sealed(trade: TradeBuilder) -> None:
    trade.advance_to(State.DISPUTED).lapse()
    with refused("WrongState", State.DISPUTED, State.PASSED):
        trade.open_scores()


@pytest.mark.parametrize("state", [State.FUNDED, State.GATED, State.SETTLED, State.FAILED])
def test_nothing_is_opened_before_or_after(market: Market, state: State) -> None:
    decided = TradeBuilder(market).advance_to(State.PASSED)
    trade = TradeBuilder(market, salt="other").advance_to(state)
    trade.course = decided.course
    with refused("WrongState", state, State.PASSED):
        trade.open_scores()


def test_a_failed_attempts_scores_stay_sealed_while_another_may_follow(
    trade: TradeBuilder,
) -> None:
    trade.advance_to(State.GATED).fail()
    with refused("WrongState", State.GATED, State.PASSED):
        trade.open_scores()


def test_an_opening_that_opens_nothing_is_refused(passed: TradeBuilder) -> None:
    # Otherwise a stranger, who knows no salt, could publish it ahead of the signers.
    passed.lapse()
    with refused("NothingOpened"):
        passed.open_scores([CLOSED, CLOSED])


def test_openings_that_are_not_what_was_sealed_are_refused(passed: TradeBuilder) -> None:
    passed.lapse()
    first, second = passed.openings()
    for position, openings in (
        (0, [replace(first, score=PASSING - 1), second]),
        (0, [replace(first, salt=commitment("other salt")), second]),
        (0, [second, first]),
        (1, [first, first]),
        (0, passed_before(passed)),
    ):
        with refused("SealMismatch", position):
            passed.open_scores(openings)


def passed_before(trade: TradeBuilder) -> list[Opening]:
    """Return openings of another attempt with the same scores."""
    return [Opening(PASSING, trade.salt(2, seat)) for seat in (0, 1)]


def test_one_opening_belongs_to_each_signer(passed: TradeBuilder) -> None:
    passed.lapse()
    first, _ = passed.openings()
    for openings in ([], [first], [first] * 3):
        with refused("OpeningsMismatch", len(openings), 2):
            passed.open_scores(openings)


def test_the_record_is_the_decided_one(passed: TradeBuilder) -> None:
    record = passed.agreement.last_attempt.record
    for other in (
        replace(record, signers=0b001, seals=record.seals[:1]),
        replace(record, verdicts=0),
        replace(record, attempt=2),
        replace(record, seals=record.seals[::-1]),
    ):
        with pytest.raises(Exception, match="AgreementMismatch"):
            passed.open_scores(passed.openings()[: len(other.seals)], record=other)


# ------------------------------------------------------------------- the settlement


def test_all_seals_are_due_until_the_settlement_window_is_over(passed: TradeBuilder) -> None:
    review = passed.status.deadline
    until = review + WINDOWS.settlement
    passed.wait_until(review)
    for closed in ([0], [1], [0, 1]):
        bitmap = sum(1 << seat for seat in closed)
        with refused("SealsClosed", bitmap, until):
            passed.settle(openings=passed.openings(closed=closed))
    passed.wait_until(until - 1)
    with refused("SealsClosed", 0b01, until):
        passed.settle(openings=passed.openings(closed=[0]))
    passed.wait_until(until)
    passed.settle(openings=passed.openings(closed=[0]))
    assert passed.status.state == State.SETTLED


@pytest.mark.parametrize("closed", [[0], [1], [0, 1]])
def test_a_closed_seal_costs_its_signer_the_fee(market: Market, closed: list[int]) -> None:
    trade = TradeBuilder(market).advance_to(State.PASSED)
    trade.lapse(WINDOWS.settlement)
    receipt = trade.settle(openings=trade.openings(closed=closed))
    shares = even_split(trade.prices.oracle, 2)
    oracles = [(who, what) for who, what, why in payments(market, receipt) if why == Purpose.ORACLE]
    assert oracles == [
        (PARTIES.signers[seat].address, shares[seat]) for seat in (0, 1) if seat not in closed
    ]
    lost = sum(shares[seat] for seat in closed)
    assert refund(market, receipt) == trade.prices.auditor + lost
    assert trade.status.state == State.SETTLED


def test_seals_opened_before_need_not_be_opened_again(passed: TradeBuilder) -> None:
    first, second = passed.openings()
    passed.lapse()
    assert opened(passed, CLOSED, second) == 0b10
    (_, said), *_ = events(passed.market, passed.settle(openings=[first, CLOSED]))
    assert said["opened"] == 0b01
    assert PARTIES.signers[1].address in credits_of(passed.market)


def test_all_may_be_opened_beforehand(passed: TradeBuilder) -> None:
    first, second = passed.openings()
    passed.lapse()
    opened(passed, CLOSED, second)
    opened(passed, first, CLOSED)
    assert "ScoresOpened" not in dict(
        events(passed.market, passed.settle(openings=[CLOSED, CLOSED]))
    )
    assert passed.status.state == State.SETTLED


def test_opening_ahead_of_the_settlement_does_not_stop_it(passed: TradeBuilder) -> None:
    # A stranger reads the openings in the pool, and publishes some or all of them first.
    first, second = passed.openings()
    passed.lapse()
    opened(passed, first, CLOSED)
    opened(passed, first, second)
    passed.settle(openings=[first, second])
    assert passed.status.state == State.SETTLED


def test_a_silent_colleague_does_not_cost_who_opened_in_time(passed: TradeBuilder) -> None:
    first, _ = passed.openings()
    review = passed.status.deadline
    passed.lapse()
    opened(passed, first, CLOSED)
    passed.wait_until(review + WINDOWS.settlement)
    passed.settle(openings=[CLOSED, CLOSED])  # a stranger that leaves the opening out
    credited = credits_of(passed.market)
    assert PARTIES.signers[0].address in credited
    assert PARTIES.signers[1].address not in credited


# -------------------------------------------------------- scores against the verdict


@pytest.mark.parametrize(
    ("verdicts", "scores", "end"),
    [
        (0b11, {0: THRESHOLD, 1: THRESHOLD}, State.SETTLED),
        (0b11, {0: THRESHOLD - 1, 1: THRESHOLD}, State.SETTLED),  # one of two turns nothing
        (0b11, {0: FAILING, 1: FAILING}, State.REFUNDED),
        (0b111, {0: FAILING, 1: PASSING, 2: PASSING}, State.SETTLED),
        (0b111, {0: FAILING, 1: FAILING, 2: PASSING}, State.REFUNDED),
        (0b011, {0: PASSING, 1: PASSING, 2: FAILING}, State.SETTLED),  # one dissents
        (0b011, {0: FAILING, 1: PASSING, 2: FAILING}, State.REFUNDED),
        (0b00, {0: FAILING, 1: PASSING}, State.FAILED),
        (0b01, {0: PASSING, 1: FAILING}, State.FAILED),  # a tie, as the verdict was
        (0b00, {0: PASSING, 1: PASSING}, State.REFUNDED),
        (0b001, {0: PASSING, 1: PASSING, 2: FAILING}, State.REFUNDED),
    ],
)
def test_the_median_of_the_scores_must_bear_the_verdict(
    market: Market, verdicts: int, scores: dict[int, int], end: State
) -> None:
    trade = judged(market, verdicts, scores, max_attempts=1)
    receipt = trade.settle_in_time(trade.audit())
    assert trade.status.state == end
    purposes = {why for *_, why in payments(market, receipt)}
    if end == State.REFUNDED:  # nobody is paid for a verdict that fell, but the auditor
        assert purposes == {Purpose.AUDIT}
        data = sum(trade.prices.data)
        assert refund(market, receipt) == trade.price - data - trade.prices.auditor
    elif end == State.FAILED:
        assert purposes == {Purpose.AUDIT, Purpose.ORACLE}
    else:
        everyone = set(Purpose) - {Purpose.DATA}
        assert purposes == everyone


@pytest.mark.parametrize(
    ("verdicts", "scores", "closed", "end"),
    [
        (0b111, dict.fromkeys(ALL, FAILING), [0], State.REFUNDED),  # two speak against it
        (0b111, dict.fromkeys(ALL, FAILING), [0, 1], State.SETTLED),  # one of three is no majority
        (0b111, dict.fromkeys(ALL, FAILING), [0, 1, 2], State.SETTLED),
        (0b11, {0: FAILING, 1: FAILING}, [1], State.SETTLED),  # a tie turns nothing
        (0b011, {0: PASSING, 1: PASSING, 2: FAILING}, [0], State.SETTLED),  # nor does silence
        (0b001, {0: PASSING, 1: FAILING, 2: FAILING}, [1], State.FAILED),
    ],
)
def test_who_keeps_its_score_sealed_counts_by_its_verdict(
    market: Market, verdicts: int, scores: dict[int, int], closed: list[int], end: State
) -> None:
    trade = judged(market, verdicts, scores, max_attempts=1)
    trade.lapse(WINDOWS.settlement)
    trade.settle(openings=trade.openings(closed=closed))
    assert trade.status.state == end
    against = {
        seat
        for seat, score in scores.items()
        if seat in closed or (score >= THRESHOLD) != bool(verdicts >> seat & 1)
    }
    assert market.view("faultySeals", trade.id) == sum(1 << seat for seat in against)


def test_scores_opened_beforehand_count_towards_the_median(market: Market) -> None:
    trade = judged(market, 0b111, dict.fromkeys(ALL, FAILING))
    first, second, _ = trade.openings()
    review = trade.status.deadline
    trade.lapse()
    opened(trade, first, CLOSED, CLOSED)
    opened(trade, CLOSED, second, CLOSED)
    trade.wait_until(review + WINDOWS.settlement)
    trade.settle(openings=[CLOSED] * 3)  # a broker that would rather not know
    assert trade.status.state == State.REFUNDED
