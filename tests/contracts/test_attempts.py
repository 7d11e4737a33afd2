"""Attempts are capped, scored once per model, and decided by the majority of the signers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from expectations import events, held_by, only_event, refused, refused_for_one_of, seat_refused
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import FAILING, PASSING, THRESHOLD, WINDOWS, Prices, commitment

from marketplace.chain.market import Market
from marketplace.protocol.agreement import decided_digest, terms_hash
from marketplace.protocol.attempts import MAX_ATTEMPTS, path_of
from marketplace.protocol.states import State
from marketplace.protocol.terms import NO_HISTORY


@pytest.fixture
def gated(trade: TradeBuilder) -> TradeBuilder:
    return trade.advance_to(State.GATED)


def test_the_event_tells_all_but_the_scores(gated: TradeBuilder) -> None:
    said = only_event(gated.market, gated.attempt(), "AttemptReported")
    finding, last = gated.attempt_finding(1, passed=True), gated.agreement.last_attempt
    told = dict(said.pop("report"))
    assert told.pop("amounts") == list(finding.amounts)
    expected = finding.as_message()
    del expected["amounts"]
    assert told == expected
    assert said == {
        "tradeId": gated.id,
        "attempt": 1,
        "signers": 0b011,
        "verdicts": 0b011,
        "seals": [gated.seal(1, seat, PASSING) for seat in (0, 1)],
        "signatures": last.signatures,
    }


def test_a_pass_opens_the_review_window(gated: TradeBuilder) -> None:
    gated.attempt()
    status, last = gated.status, gated.agreement.last_attempt
    assert (status.state, status.attempts) == (State.PASSED, 1)
    assert status.deadline == gated.market.node.now() + WINDOWS.review
    digest = decided_digest(gated.gated, last.finding.amounts, last.record)
    assert gated.market.view("digestOf", gated.id) == digest


def test_a_fail_starts_the_clock_of_the_next_attempt(gated: TradeBuilder) -> None:
    gated.fail()
    status = gated.status
    assert (status.state, status.attempts) == (State.GATED, 1)
    until = gated.market.node.now() + WINDOWS.training + WINDOWS.validation
    assert status.deadline == until
    assert gated.agreement.gate.history != NO_HISTORY
    assert gated.market.view("digestOf", gated.id) == gated.gated


def test_the_last_fail_opens_the_review_window_too(market: Market, currency: str) -> None:
    trade = TradeBuilder(market, currency=currency, max_attempts=2).advance_to(State.GATED)
    trade.fail()
    assert [name for name, _ in events(market, trade.fail())] == ["AttemptReported"]
    status = trade.status
    assert (status.state, status.attempts) == (State.REJECTED, 2)
    assert status.deadline == market.node.now() + WINDOWS.review
    assert held_by(market, currency) == trade.price  # nothing moves before the settlement


@pytest.mark.parametrize("cap", [1, 3])
def test_no_attempt_is_accepted_after_the_cap(market: Market, cap: int) -> None:
    trade = TradeBuilder(market, max_attempts=cap).advance_to(State.REJECTED)
    assert trade.status.attempts == cap
    with refused("WrongState", State.REJECTED, State.GATED):
        trade.attempt()


def test_no_attempt_is_accepted_after_a_pass(gated: TradeBuilder) -> None:
    gated.attempt()
    with refused("WrongState", State.PASSED, State.GATED):
        gated.attempt()


def test_a_late_attempt_is_refused(gated: TradeBuilder) -> None:
    gated.lapse()
    with refused("DeadlinePassed", gated.status.deadline):
        gated.attempt()


def test_a_model_is_scored_once(gated: TradeBuilder) -> None:
    gated.fail()
    again = replace(gated.attempt_finding(2, passed=True), model=commitment("model 1"))
    with refused("ModelAlreadyScored", commitment("model 1")):
        gated.attempt(finding=again)
    assert gated.status.attempts == 1


def test_a_model_whose_last_bits_are_zero_is_scored_once_too(gated: TradeBuilder) -> None:
    model = b"\x01" * 28 + bytes(4)
    gated.attempt(passed=False, finding=replace(gated.attempt_finding(1, False), model=model))
    with refused("ModelAlreadyScored", model):
        gated.attempt(finding=replace(gated.attempt_finding(2, True), model=model))


def test_a_model_is_remembered_over_all_attempts(market: Market) -> None:
    trade = TradeBuilder(market, max_attempts=MAX_ATTEMPTS).advance_to(State.GATED)
    for _ in range(MAX_ATTEMPTS - 1):
        trade.fail()
    for number in range(1, MAX_ATTEMPTS):
        again = replace(trade.attempt_finding(8, True), model=commitment(f"model {number}"))
        with refused("ModelAlreadyScored", again.model):
            trade.attempt(finding=again)
    trade.attempt()


def test_an_attempt_takes_the_next_place_in_the_history(gated: TradeBuilder) -> None:
    gated.fail()
    first = [attempt.record for attempt in gated.agreement.attempts]
    history = gated.agreement.gate.history
    for path in ([bytes(32)] * 3, path_of(first, 3)):
        with refused_for_one_of("WrongPath"):
            gated.attempt(passed=False, path=path)
    with refused_for_one_of("AgreementMismatch"):
        gated.attempt(history=replace(history, models=0))
    gated.attempt(path=[bytes(32)] * 3)  # the deciding one takes none


def test_an_attempt_names_its_model(gated: TradeBuilder) -> None:
    with refused("NoModel"):
        gated.attempt(finding=replace(gated.attempt_finding(1, passed=True), model=bytes(32)))


def test_another_trade_may_score_the_same_model(market: Market) -> None:
    for salt in ("one", "other"):
        trade = TradeBuilder(market, salt=salt).advance_to(State.PASSED)
        assert trade.status.attempts == 1


# ------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("scores", "passed"),
    [
        ({0: PASSING, 1: PASSING}, True),
        ({0: PASSING, 1: FAILING}, False),  # a tie is no majority
        ({0: PASSING, 1: FAILING, 2: PASSING}, True),
        ({0: FAILING, 1: PASSING, 2: FAILING}, False),
        ({0: PASSING, 1: PASSING, 2: PASSING}, True),
        ({0: THRESHOLD, 2: THRESHOLD}, True),
        ({0: THRESHOLD - 1, 2: THRESHOLD - 1}, False),
    ],
)
def test_more_than_half_of_the_signers_decide(
    gated: TradeBuilder, scores: dict[int, int], passed: bool
) -> None:
    gated.attempt(scores=scores)
    assert gated.status.state == (State.PASSED if passed else State.GATED)
    assert gated.agreement.last_attempt.passed == passed


@pytest.mark.parametrize("claimed", [True, False])
def test_nobody_posts_another_verdict_than_the_signed_one(
    gated: TradeBuilder, claimed: bool
) -> None:
    """The sender says which signers found a pass; each signature says so as well."""
    score = FAILING if claimed else PASSING
    finding = gated.attempt_finding(1, passed=claimed)
    signed = [
        gated.attempt_report(1, finding, not claimed, gated.seal(1, seat, score)) for seat in (0, 1)
    ]
    with seat_refused():
        gated.attempt(
            scores=dict.fromkeys((0, 1), score),
            finding=finding,
            verdicts=0b011 if claimed else 0,
            signatures=gated.packed(dict(enumerate(signed))),
        )


@pytest.mark.parametrize("verdicts", [0b100, 0b111, 1 << 15])
def test_only_signers_have_a_verdict(gated: TradeBuilder, verdicts: int) -> None:
    with refused("UnknownVerdicts", verdicts, 0b011):
        gated.attempt(verdicts=verdicts)


def test_a_delivery_comes_with_a_pass_and_only_then(gated: TradeBuilder) -> None:
    passed, failed = gated.attempt_finding(1, passed=True), gated.attempt_finding(1, passed=False)
    with refused("InvalidDelivery", "True", bytes(32)):
        gated.attempt(finding=replace(passed, delivery=bytes(32)))
    with refused("InvalidDelivery", "False", commitment("early")):
        gated.attempt(passed=False, finding=replace(failed, delivery=commitment("early")))


# ------------------------------------------------------------------------ allocation


@pytest.mark.parametrize("difference", [-1, 1, 10**18, 2**100])
def test_the_shares_sum_to_the_pool(gated: TradeBuilder, difference: int) -> None:
    pool, amounts = gated.prices.experts, list(gated.amounts)
    amounts[-1] += difference
    finding = replace(gated.attempt_finding(1, passed=True), amounts=tuple(amounts))
    with refused("AllocationMismatch", pool + difference, pool):
        gated.attempt(finding=finding)


def test_shares_do_not_wrap_around(market: Market) -> None:
    trade = TradeBuilder(market, prices=Prices(experts=5)).advance_to(State.GATED)
    most = 2**128 - 1
    finding = replace(trade.attempt_finding(1, passed=True), amounts=(most, 6, 0, 0, 0))
    with refused("AllocationMismatch", most + 6, 5):
        trade.attempt(finding=finding)


@pytest.mark.parametrize("count", [0, 4, 6])
def test_one_amount_belongs_to_each_expert(gated: TradeBuilder, count: int) -> None:
    amounts = (gated.prices.experts, *[0] * 5)[:count]
    finding = replace(gated.attempt_finding(1, passed=True), amounts=amounts)
    with refused("LengthMismatch", count, 5):
        gated.attempt(finding=finding)


def test_a_failed_attempt_divides_nothing(gated: TradeBuilder) -> None:
    finding = replace(gated.attempt_finding(1, passed=False), amounts=gated.amounts)
    with refused("LengthMismatch", 5, 0):
        gated.attempt(passed=False, finding=finding)


# ----------------------------------------------------------------- what is signed, agreed


@pytest.mark.parametrize("change", [{"terms": commitment("other")}, {"pool": 1}, {"experts": 4}])
def test_what_was_agreed_is_what_counts(gated: TradeBuilder, change: dict[str, Any]) -> None:
    with refused_for_one_of("AgreementMismatch"):
        gated.attempt(**change)
    for other in (
        replace(gated.judges, threshold=1),
        replace(gated.judges, members=gated.judges.members[:2]),
    ):
        with refused_for_one_of("AgreementMismatch"):
            gated.attempt(judges=other)
    agreed = gated.agreement
    gate = replace(agreed.gate, weights=tuple(reversed(agreed.gate.weights)))
    with refused_for_one_of("AgreementMismatch"):
        gated.attempt(terms=terms_hash(agreed.deal, gate))


def test_one_seal_belongs_to_each_signer(gated: TradeBuilder) -> None:
    seals = [gated.seal(1, seat, PASSING) for seat in (0, 1)]
    signatures = gated.packed(
        {
            seat: gated.attempt_report(1, gated.attempt_finding(1, True), True, seal)
            for seat, seal in enumerate(seals)
        }
    )
    for wrong in (seals[:1], [*seals, seals[0]]):
        with refused("LengthMismatch", len(wrong), 2):
            gated.attempt(seals=wrong, signatures=signatures)


def test_a_signer_signs_its_own_seal(gated: TradeBuilder) -> None:
    seals = [gated.seal(1, seat, PASSING) for seat in (0, 1)]
    signatures = gated.packed(
        {
            seat: gated.attempt_report(1, gated.attempt_finding(1, True), True, seal)
            for seat, seal in enumerate(seals)
        }
    )
    with seat_refused():
        gated.attempt(seals=seals[::-1], signatures=signatures)


@pytest.mark.parametrize("field", ["model", "training", "delivery", "evidence", "amounts"])
def test_what_was_signed_is_what_is_posted(gated: TradeBuilder, field: str) -> None:
    posted = gated.attempt_finding(1, passed=True)
    other: Any = commitment("changed") if field != "amounts" else tuple(reversed(posted.amounts))
    signed = replace(posted, **{field: other})
    reports = {
        seat: gated.attempt_report(1, signed, True, gated.seal(1, seat, PASSING)) for seat in (0, 1)
    }
    with seat_refused():
        gated.attempt(signatures=gated.packed(reports))


def test_the_signatures_of_one_attempt_do_not_serve_the_next(gated: TradeBuilder) -> None:
    gated.fail()
    with seat_refused():
        gated.attempt(number=1, finding=gated.attempt_finding(7, passed=True))


def test_signers_of_all_reports_are_remembered(gated: TradeBuilder) -> None:
    gated.attempt(scores={1: FAILING, 2: FAILING})
    assert gated.status.signers == 0b111
    assert gated.agreement.last_attempt.record.signers == 0b110
    assert PARTIES.signers[0].address in gated.judges.members
