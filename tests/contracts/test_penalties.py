"""What members lose without a panel: for work left unjudged, and for scores left sealed."""

from __future__ import annotations

from typing import Any

import pytest
from disputes import CLOSED_SEAL, LEAST_WINDOW, REPORTER_BPS, SILENCE, STAKE, Court, JudgedTrade
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from expectations import refused
from parties import PARTIES
from quick_chain import move_to
from web3.types import TxReceipt
from whole_trade import THRESHOLD, WINDOWS, commitment

from marketplace.protocol.attempts import history_of, path_of
from marketplace.protocol.terms import NATIVE, AttemptRecord

BUYER, REPORTER, TREASURY = PARTIES.buyer, PARTIES.stranger, PARTIES.treasury
CLOSED = (0, bytes(32))
OTHER = (1, 1, [PARTIES.stranger.address])
OTHER_DIGEST = keccak(encode(["(uint32,uint8,address[])"], [OTHER]))


@pytest.fixture
def trade(court: Court) -> JudgedTrade:
    """Data and gate are there, and no attempt was reported."""
    return JudgedTrade(court.world).fund().report_data()


# ------------------------------------------------------------------------- silence


def left_unjudged(court: Court, trade: JudgedTrade, delivered: int) -> JudgedTrade:
    """Let experts put their delivery on record, and the committee say nothing."""
    for expert in PARTIES.experts[:delivered]:
        trade.send(expert, "recordDelivery", trade.id, commitment("work"))
    court.node.advance_time(WINDOWS["training"] + WINDOWS["validation"] + 1)
    parts = (trade.deal, trade.gate, court.judges)
    trade.send(REPORTER, "timeoutTraining", trade.id, *parts)
    return trade


def test_silence_costs_each_member_and_the_buyer_gains_nothing(
    court: Court, trade: JudgedTrade
) -> None:
    left_unjudged(court, trade, delivered=1)
    receipt = court.send(REPORTER, "penaliseSilence", trade.request, court.judges)
    assert court.events(receipt) == [
        ("SilencePenalised", {"tradeId": trade.id, "slashed": 3 * SILENCE}),
        (
            "Awarded",
            {
                "tradeId": trade.id,
                "account": TREASURY.address,
                "currency": NATIVE,
                "amount": 3 * SILENCE,
            },
        ),
    ]
    assert court.staked() == [STAKE - SILENCE] * 3
    assert court.credits() == {TREASURY.address: 3 * SILENCE}
    with refused("AlreadyPenalised", trade.id):
        court.send(REPORTER, "penaliseSilence", trade.request, court.judges)
    before = court.node.balance(BUYER.address)
    court.send(TREASURY, "withdrawCredit", NATIVE, BUYER.address)
    assert court.node.balance(BUYER.address) == before + 3 * SILENCE


def test_without_delivered_work_nobody_was_silent(court: Court, trade: JudgedTrade) -> None:
    with refused("NotSilent", trade.id):
        court.send(REPORTER, "penaliseSilence", trade.request, court.judges)
    left_unjudged(court, trade, delivered=0)
    with refused("NotSilent", trade.id):
        court.send(REPORTER, "penaliseSilence", trade.request, court.judges)


def test_silence_is_the_trade_s_own_committee_s(court: Court, trade: JudgedTrade) -> None:
    left_unjudged(court, trade, delivered=5)
    with refused("CommitteeMismatch", OTHER_DIGEST, trade.request["committee"]):
        court.send(REPORTER, "penaliseSilence", trade.request, OTHER)


@pytest.mark.parametrize("window", ["judging", "validation"])
def test_too_little_time_to_judge_is_an_excuse(court: Court, window: str) -> None:
    """The buyer sets the windows, and could wait for judges to be late."""
    windows = WINDOWS | {window: LEAST_WINDOW - 1}
    trade = JudgedTrade(court.world, request_fields={"windows": windows}).fund().report_data()
    left_unjudged(court, trade, delivered=1)
    with refused("WindowTooShort", LEAST_WINDOW - 1, LEAST_WINDOW):
        court.send(REPORTER, "penaliseSilence", trade.request, court.judges)


# --------------------------------------------------------------------- sealed scores


def ended(trade: JudgedTrade) -> dict[str, Any]:
    """Fail once with a dissenter, pass, and settle; returns the failed attempt."""
    failed = trade.judge(1, passing=[2])
    trade.close(trade.judge(2, passing=[0, 1], seats=(0, 1)))
    return failed


def named(court: Court, trade: JudgedTrade, record: dict[str, Any]) -> tuple[Any, ...]:
    return trade.request, court.judges, record, trade.proof(record)


def open_scores(
    court: Court, trade: JudgedTrade, record: dict[str, Any], openings: list[tuple[int, bytes]]
) -> TxReceipt:
    return court.send(REPORTER, "openScores", *named(court, trade, record), openings)


def penalise(court: Court, trade: JudgedTrade, record: dict[str, Any]) -> TxReceipt:
    return court.send(REPORTER, "penaliseClosedSeals", *named(court, trade, record))


def test_scores_open_when_the_trade_has_ended(court: Court, trade: JudgedTrade) -> None:
    failed = trade.judge(1, passing=[2])
    openings = trade.openings(failed)
    with refused("NotFinal", 3):
        open_scores(court, trade, failed, openings)
    passed = trade.judge(2, passing=[0, 1], seats=(0, 1))
    with refused("NotFinal", 4):
        open_scores(court, trade, failed, openings)
    trade.close(passed)
    receipt = open_scores(court, trade, failed, openings)
    scores, salts = zip(*openings, strict=True)
    assert court.events(receipt) == [
        (
            "ScoresOpened",
            {
                "tradeId": trade.id,
                "attempt": 1,
                "opened": 0b111,
                "scores": list(scores),
                "salts": list(salts),
            },
        )
    ]
    assert court.view("settledSeals", trade.id, 1) == 0b111


def test_an_open_seal_costs_nothing(court: Court, trade: JudgedTrade) -> None:
    failed = ended(trade)
    open_scores(court, trade, failed, trade.openings(failed))
    move_to(court.node, trade.status["deadline"] + 1)
    with refused("NoClosedSeals", trade.id, 1):
        penalise(court, trade, failed)
    assert court.staked() == [STAKE] * 3


@pytest.mark.parametrize("closed", [[0], [1, 2], [0, 1, 2]])
def test_a_closed_seal_costs_its_signer(
    court: Court, trade: JudgedTrade, closed: list[int]
) -> None:
    failed = ended(trade)
    openings = trade.openings(failed)
    for seat in range(3):  # each in a call of its own
        if seat not in closed:
            single = [CLOSED] * 3
            single[seat] = openings[seat]
            open_scores(court, trade, failed, single)
    deadline = trade.status["deadline"]
    move_to(court.node, deadline - 1)
    with refused("SealsStillDue", deadline):
        penalise(court, trade, failed)
    move_to(court.node, deadline)
    receipt = penalise(court, trade, failed)

    slashed = len(closed) * CLOSED_SEAL
    name, arguments = court.events(receipt)[0]
    assert name == "ClosedSealsPenalised"
    assert arguments == {
        "tradeId": trade.id,
        "attempt": 1,
        "closed": sum(1 << seat for seat in closed),
        "reporter": REPORTER.address,
        "slashed": slashed,
    }
    assert court.staked() == [STAKE - CLOSED_SEAL * (seat in closed) for seat in range(3)]
    reward = slashed * REPORTER_BPS // 10_000
    assert court.credits() == {REPORTER.address: reward, TREASURY.address: slashed - reward}
    with refused("NoClosedSeals", trade.id, 1):
        penalise(court, trade, failed)


def test_too_little_time_to_open_is_an_excuse(court: Court) -> None:
    windows = WINDOWS | {"settlement": LEAST_WINDOW - 1}
    trade = JudgedTrade(court.world, request_fields={"windows": windows}).fund().report_data()
    failed = ended(trade)
    move_to(court.node, trade.status["deadline"] + 1)
    with refused("WindowTooShort", LEAST_WINDOW - 1, LEAST_WINDOW):
        penalise(court, trade, failed)


def test_an_opening_must_match_its_seal(court: Court, trade: JudgedTrade) -> None:
    failed = ended(trade)
    openings = trade.openings(failed)
    score, salt = openings[1]
    for wrong in ((score + 1, salt), (score, commitment("another salt")), openings[0]):
        with refused("SealMismatch", 1):
            open_scores(court, trade, failed, [CLOSED, wrong, CLOSED])
    with refused("OpeningsMismatch", 2, 3):
        open_scores(court, trade, failed, openings[:2])
    with refused("NothingOpened"):
        open_scores(court, trade, failed, [CLOSED] * 3)


def test_a_score_that_contradicts_its_verdict_stays_closed(
    court: Court, trade: JudgedTrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who said fail and sealed a passing score can't put it right by opening it."""
    sealed = trade.opening

    def two_faced(attempt: int, seat: int, passed: bool) -> tuple[int, bytes]:
        score, salt = sealed(attempt, seat, passed)
        return (THRESHOLD if seat == 0 and attempt == 1 else score), salt

    monkeypatch.setattr(trade, "opening", two_faced)
    failed = ended(trade)
    openings = trade.openings(failed)
    with refused("ContradictsVerdict", 0b001):
        open_scores(court, trade, failed, openings)
    open_scores(court, trade, failed, [CLOSED, *openings[1:]])
    move_to(court.node, trade.status["deadline"] + 1)
    penalise(court, trade, failed)
    assert court.staked() == [STAKE - CLOSED_SEAL, STAKE, STAKE]


def test_the_record_is_the_one_reported(court: Court, trade: JudgedTrade) -> None:
    failed = ended(trade)
    move_to(court.node, trade.status["deadline"] + 1)
    for change in ({"signers": 0b1111}, {"verdicts": 0}, {"attempt": 2}, {"attempt": 8}):
        with refused("UnknownAttempt", failed["model"]):
            penalise(court, trade, failed | change)
    _, _, *rest = named(court, trade, failed)
    with refused("CommitteeMismatch", OTHER_DIGEST, trade.request["committee"]):
        court.send(REPORTER, "penaliseClosedSeals", trade.request, OTHER, *rest)


def test_a_history_of_one_s_own_making_is_not_the_trade_s(court: Court, trade: JudgedTrade) -> None:
    """It holds the record of an attempt that never was: whose, the market's digest decides."""
    invented = ended(trade) | {"signers": 0b011}
    move_to(court.node, trade.status["deadline"] + 1)
    pool, experts, terms, _, *decision, _ = trade.proof(invented)
    made_up = [AttemptRecord.from_values(invented)]
    history = history_of(made_up).as_tuple()
    proof = (pool, experts, terms, history, *decision, list(path_of(made_up, 1)))
    with refused("UnknownAttempt", invented["model"]):
        court.send(REPORTER, "penaliseClosedSeals", trade.request, court.judges, invented, proof)


def test_the_deciding_attempt_is_opened_by_the_settlement(court: Court, trade: JudgedTrade) -> None:
    record = trade.judge(1, passing=[0, 1])
    trade.close(record)
    with refused("UnknownAttempt", record["model"]):
        open_scores(court, trade, record, trade.openings(record))


@pytest.mark.parametrize("closed", [[0], [0, 1]])
def test_a_closed_seal_of_the_deciding_attempt_costs_its_signer(
    court: Court, trade: JudgedTrade, closed: list[int]
) -> None:
    record = trade.judge(1, passing=[0, 1], seats=(0, 1))
    trade.close(record, closed)
    receipt = penalise(court, trade, record)  # the settlement was the last occasion to open it
    slashed = len(closed) * CLOSED_SEAL
    assert court.events(receipt)[0][1] == {
        "tradeId": trade.id,
        "attempt": 1,
        "closed": sum(1 << seat for seat in closed),
        "reporter": REPORTER.address,
        "slashed": slashed,
    }
    assert court.staked() == [STAKE - CLOSED_SEAL * (seat in closed) for seat in range(3)]
    with refused("NoClosedSeals", trade.id, 1):
        penalise(court, trade, record)


def test_a_score_against_its_own_verdict_is_as_good_as_closed(
    court: Court, trade: JudgedTrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = trade.opening

    def two_faced(attempt: int, seat: int, passed: bool) -> tuple[int, bytes]:
        score, salt = sealed(attempt, seat, passed)
        return (THRESHOLD - 1 if seat == 2 else score), salt

    monkeypatch.setattr(trade, "opening", two_faced)
    record = trade.judge(1, passing=[0, 1, 2])
    trade.close(record)
    penalise(court, trade, record)
    assert court.staked() == [STAKE, STAKE, STAKE - CLOSED_SEAL]


def test_open_seals_of_the_deciding_attempt_cost_nothing(court: Court, trade: JudgedTrade) -> None:
    record = trade.judge(1, passing=[0, 1])
    with refused("NotFinal", 4):
        penalise(court, trade, record)
    trade.close(record)
    with refused("NoClosedSeals", trade.id, 1):
        penalise(court, trade, record)


def test_attempts_of_a_trade_that_timed_out_are_opened_too(
    court: Court, trade: JudgedTrade
) -> None:
    failed = trade.judge(1, passing=[2])
    left_unjudged(court, trade, delivered=0)
    open_scores(court, trade, failed, trade.openings(failed))
    assert court.view("settledSeals", trade.id, 1) == 0b111
