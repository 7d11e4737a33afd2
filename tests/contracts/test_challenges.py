"""Bonded challenges: who pays whom when the panel upholds, overturns, or says nothing."""

from __future__ import annotations

from typing import Any

import pytest
from deploying import TestContracts
from disputes import (
    ANNOUNCEMENT_DELAY,
    BOND_BPS,
    CHALLENGER_BPS,
    CLAIM,
    EVIDENCE,
    JUDGES,
    JURY,
    PANEL_BPS,
    RULING_WINDOW,
    SALT,
    STAKE,
    TERMS,
    WRONG_VERDICT,
    Court,
    JudgedTrade,
)
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from expectations import refused
from office import MEMBERS, Packed
from parties import PARTIES
from quick_chain import move_to
from whole_trade import commitment, digest_of_types

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE

PASSED, REJECTED, DISPUTED, SETTLED, REFUNDED, FAILED = 4, 5, 6, 7, 10, 11
CHALLENGER = PARTIES.stranger
BUYER, BROKER, TREASURY = PARTIES.buyer, PARTIES.broker, PARTIES.treasury


@pytest.fixture
def trade(court: Court) -> JudgedTrade:
    """Data and gate are there, and no attempt was reported."""
    return JudgedTrade(court.world).fund().report_data()


def rejected(trade: JudgedTrade) -> list[dict[str, Any]]:
    """Use all three attempts up: two judges against one, then all, then two against one."""
    return [
        trade.judge(1, passing=[2]),
        trade.judge(2, passing=[]),
        trade.judge(3, passing=[0]),
    ]


def digest_of(committee: Packed) -> bytes:
    return keccak(encode(["(uint32,uint8,address[])"], [committee]))


# --------------------------------------------------------------------- challenging


def test_a_challenge_freezes_the_trade_for_a_bond(court: Court, trade: JudgedTrade) -> None:
    record = trade.judge(1, passing=[0, 1])
    until = trade.status["deadline"] + RULING_WINDOW
    bond = court.bond(trade)
    receipt = court.challenge(trade)
    deadline = court.node.now() + RULING_WINDOW
    assert court.events(receipt) == [
        (
            "Challenged",
            {
                "tradeId": trade.id,
                "challenger": CHALLENGER.address,
                "claim": CLAIM,
                "salt": SALT,
                "currency": NATIVE,
                "bond": bond,
                "deadline": deadline,
                "mayNotUphold": 0,
                "mayNotOverturn": 0,
            },
        )
    ]
    assert court.view("challengeOf", trade.id) == (CHALLENGER.address, deadline, bond, 0, 0)
    assert court.held() == bond
    assert (trade.status["state"], trade.status["deadline"]) == (DISPUTED, until)
    with refused("WrongState", DISPUTED, PASSED):
        trade.close(record)


@pytest.mark.parametrize(("value", "bond"), [(1, 1), (9, 1), (10, 1), (11, 2), (10**19, 10**18)])
def test_the_bond_is_in_proportion_and_rounded_up(court: Court, value: int, bond: int) -> None:
    assert court.view("bondFor", value) == bond
    assert court.view("bondFor", 2**128 - 1) <= 2**128 - 1


def test_a_huge_budget_makes_no_challenge_dear(court: Court) -> None:
    trade = JudgedTrade(court.world, request_fields={"budget": 2**128 - 1}).fund().report_data()
    record = trade.judge(1, passing=[0, 1])
    court.challenge(trade, value=court.bond(trade))
    court.overturn(trade, record)
    trade.close(record)
    assert trade.credit_of(BUYER) * BOND_BPS <= court.bond(trade) * 10_000
    assert trade.credit_of(BUYER) * BOND_BPS > (court.bond(trade) - 1) * 10_000


@pytest.mark.parametrize("change", [-1, 1])
def test_the_bond_is_paid_exactly(court: Court, trade: JudgedTrade, change: int) -> None:
    trade.judge(1, passing=[0, 1])
    bond = court.bond(trade)
    with refused("WrongValue", bond + change, bond):
        court.challenge(trade, value=bond + change)


def test_only_a_decided_trade_is_challenged_in_time(court: Court, trade: JudgedTrade) -> None:
    with refused("WrongState", 3, PASSED):
        court.challenge(trade)
    trade.judge(1, passing=[0, 1])
    deadline = trade.status["deadline"]
    move_to(court.node, deadline)
    with refused("DeadlinePassed", deadline):
        court.challenge(trade)


def test_a_trade_that_nobody_requested_is_not_challenged(court: Court) -> None:
    unknown = JudgedTrade(court.world, salt="never requested")
    with refused("WrongState", 0, PASSED):
        court.challenge(unknown)


def test_a_trade_is_challenged_once(court: Court, trade: JudgedTrade) -> None:
    trade.judge(1, passing=[0, 1])
    court.challenge(trade)
    with refused("WrongState", DISPUTED, PASSED):
        court.challenge(trade)
    court.uphold(trade)
    with refused("AlreadyChallenged"):
        court.challenge(trade)


def test_committee_and_panel_are_those_of_the_request(court: Court, trade: JudgedTrade) -> None:
    trade.judge(1, passing=[0, 1])
    other = (1, 1, [PARTIES.stranger.address])
    for named, office in (((other, court.jury), "committee"), ((court.judges, other), "panel")):
        arguments = (*trade.decision, *named, CLAIM, SALT)
        with refused("CommitteeMismatch", digest_of(other), trade.request[office]):
            court.send(CHALLENGER, "challenge", trade.request, *arguments, value=court.bond(trade))


# ------------------------------------------------------------------- announcements


def test_a_challenge_comes_a_delay_after_its_announcement(court: Court, trade: JudgedTrade) -> None:
    trade.judge(1, passing=[0, 1])
    seal = court.seal(trade)
    with refused("NotAnnounced", seal, 0):
        court.challenge_now(trade)
    court.announce(trade)
    announced = court.node.now()
    assert court.view("announcedAt", seal) == announced
    with refused("AlreadyAnnounced", seal):
        court.send(CHALLENGER, "announce", seal)
    move_to(court.node, announced + ANNOUNCEMENT_DELAY - 2)
    with refused("NotAnnounced", seal, announced + ANNOUNCEMENT_DELAY):
        court.challenge_now(trade)
    move_to(court.node, announced + ANNOUNCEMENT_DELAY - 1)
    court.challenge_now(trade)
    assert court.node.now() == announced + ANNOUNCEMENT_DELAY
    assert court.view("announcedAt", seal) == 0


def test_who_sees_a_challenge_can_not_copy_it(court: Court, trade: JudgedTrade) -> None:
    trade.judge(1, passing=[0, 1])
    court.announce(trade)
    court.node.advance_time(ANNOUNCEMENT_DELAY)
    with refused("NotAnnounced", court.seal(trade, BROKER), 0):
        court.challenge_now(trade, by=BROKER)
    court.challenge_now(trade)


def test_the_contract_seals_as_the_client_does(court: Court, trade: JudgedTrade) -> None:
    assert court.view("sealOf", trade.id, CHALLENGER.address, CLAIM, SALT) == court.seal(trade)


# ----------------------------------------------------------------- the verdict stands


def test_a_bond_lost_on_a_pass_pays_panel_and_treasury(court: Court, trade: JudgedTrade) -> None:
    record = trade.judge(1, passing=[0, 1])
    court.challenge(trade)
    receipt = court.uphold(trade, seats=(0, 2))
    assert court.events(receipt)[0][0] == "VerdictUpheld"
    bond = court.bond(trade)
    reward = bond * PANEL_BPS // 10_000
    assert court.credits() == {
        JURY[0].address: reward - reward // 2,
        JURY[2].address: reward // 2,
        TREASURY.address: bond - reward,
    }
    assert sum(court.credits().values()) == court.held() == bond
    assert court.staked() == [STAKE] * 3
    assert (trade.status["state"], trade.status["overturned"]) == (PASSED, False)
    trade.close(record)
    assert trade.status["state"] == SETTLED


def test_a_bond_lost_on_a_rejection_pays_panel_and_treasury(
    court: Court, trade: JudgedTrade
) -> None:
    *_, record = rejected(trade)
    court.challenge(trade, by=BROKER)
    court.uphold(trade, seats=(0, 1, 2))
    bond = court.bond(trade)
    reward = bond * PANEL_BPS // 10_000
    credits = court.credits()
    assert credits[TREASURY.address] == bond - reward
    assert [credits[juror.address] for juror in JURY] == [
        reward // 3 + (seat < reward % 3) for seat in range(3)
    ]
    assert sum(credits.values()) == bond
    trade.close(record)
    assert trade.status["state"] == FAILED


# ------------------------------------------------------------------ the verdict falls


def test_a_pass_that_falls_costs_those_who_said_it(court: Court, trade: JudgedTrade) -> None:
    """The third judge put on record that it found otherwise, and keeps its stake."""
    record = trade.judge(1, passing=[0, 1])
    court.challenge(trade)
    receipt = court.overturn(trade, record)
    slashed = 2 * WRONG_VERDICT
    name, arguments = court.events(receipt)[0]
    assert (name, arguments["model"], arguments["slashed"]) == (
        "VerdictOverturned",
        record["model"],
        slashed,
    )
    assert court.staked() == [STAKE - WRONG_VERDICT, STAKE - WRONG_VERDICT, STAKE]
    bond, reward = court.bond(trade), slashed * CHALLENGER_BPS // 10_000
    rest = slashed - reward
    assert court.credits() == {
        CHALLENGER.address: bond + reward,
        JURY[0].address: rest - rest // 2,
        JURY[1].address: rest // 2,
    }
    assert court.held() == bond + slashed
    assert (trade.status["state"], trade.status["overturned"]) == (PASSED, True)

    price = trade.price[0]
    data = sum(supply["price"] for supply in trade.supplies)
    trade.close(record)
    assert trade.status["state"] == REFUNDED
    assert trade.credit_of(BUYER) == price - data  # the data was delivered


@pytest.mark.parametrize(("attempt", "wrong"), [(1, [0, 1]), (2, [0, 1, 2]), (3, [1, 2])])
def test_any_attempt_of_a_rejection_may_have_been_judged_wrongly(
    court: Court, trade: JudgedTrade, attempt: int, wrong: list[int]
) -> None:
    records = rejected(trade)
    court.challenge(trade, by=BROKER)
    court.overturn(trade, records[attempt - 1])
    assert court.staked() == [
        STAKE - WRONG_VERDICT if seat in wrong else STAKE for seat in range(3)
    ]
    trade.close(records[-1])
    assert trade.status["state"] == REFUNDED


def test_what_was_awarded_can_be_withdrawn(court: Court, trade: JudgedTrade) -> None:
    record = trade.judge(1, passing=[0, 1])
    court.challenge(trade)
    court.overturn(trade, record)
    for account, credit in court.credits().items():
        (holder,) = (each for each in (*MEMBERS, CHALLENGER) if each.address == account)
        before = court.node.balance(PARTIES.treasury.address)
        court.send(holder, "withdrawCredit", NATIVE, PARTIES.treasury.address)
        assert court.node.balance(PARTIES.treasury.address) == before + credit
    assert court.held() == 0
    with refused("NothingToWithdraw", CHALLENGER.address, NATIVE):
        court.send(CHALLENGER, "withdrawCredit", NATIVE, CHALLENGER.address)


def test_a_small_stake_is_taken_whole(court: Court, trade: JudgedTrade) -> None:
    judge = JUDGES[0]
    court.node.send(judge, court.committee.functions.requestUnstake(STAKE - 1))
    record = trade.judge(1, passing=[0, 1])
    court.challenge(trade)
    trade_credit = court.bond(trade)
    court.overturn(trade, record)
    assert sum(court.credits().values()) == trade_credit + 2 * WRONG_VERDICT
    assert court.staked()[0] == 1  # what was on its way out went first


def test_an_attempt_that_never_was_can_t_fall(court: Court, trade: JudgedTrade) -> None:
    record = trade.judge(1, passing=[0, 1])
    court.challenge(trade)
    for change in ({"verdicts": 0b111}, {"attempt": 2}, {"model": commitment("another")}):
        wrong = record | change
        with refused("UnknownAttempt", wrong["model"]):
            court.overturn(trade, wrong)
    with refused("UnknownAttempt", bytes(32)):
        court.overturn(trade, record | {"model": bytes(32)})


def test_of_a_pass_the_failed_attempt_before_it_doesn_t_count(
    court: Court, trade: JudgedTrade
) -> None:
    failed = trade.judge(1, passing=[2])
    trade.judge(2, passing=[0, 1])
    court.challenge(trade)
    with refused("NotDecisive", failed["model"]):
        court.overturn(trade, failed)


# -------------------------------------------------------------------------- rulings


def test_a_ruling_needs_the_panel_s_quorum(court: Court, trade: JudgedTrade) -> None:
    record = trade.judge(1, passing=[0, 1])
    court.challenge(trade)
    with refused("QuorumNotReached", 1, 2):
        court.uphold(trade, seats=(1,))
    with refused("QuorumNotReached", 1, 2):
        court.overturn(trade, record, seats=(2,))
    other = (1, 1, [PARTIES.stranger.address])
    signed = court.signed(trade, bytes(32))
    with refused("CommitteeMismatch", digest_of(other), trade.request["panel"]):
        court.send(CHALLENGER, "uphold", trade.request, other, EVIDENCE, *signed)


def test_a_ruling_counts_for_what_it_says(court: Court, trade: JudgedTrade) -> None:
    record = trade.judge(1, passing=[0, 1])
    court.challenge(trade)
    overturning = court.signed(trade, record["model"])
    with refused("BadSeatSignature", 0, JURY[0].address):
        court.send(CHALLENGER, "uphold", trade.request, court.jury, EVIDENCE, *overturning)
    upholding = court.signed(trade, bytes(32))
    with refused("BadSeatSignature", 0, JURY[0].address):
        court.send(
            CHALLENGER,
            "overturn",
            trade.request,
            court.judges,
            court.jury,
            record,
            trade.proof(record),
            EVIDENCE,
            *upholding,
        )
    with refused("BadSeatSignature", 0, JURY[0].address):
        other = commitment("other evidence")
        court.send(CHALLENGER, "uphold", trade.request, court.jury, other, *upholding)


def test_a_ruling_for_one_trade_is_none_for_another(court: Court, trade: JudgedTrade) -> None:
    trade.judge(1, passing=[0, 1])
    court.challenge(trade)
    second = JudgedTrade(court.world, salt="second").fund().report_data()
    second.judge(1, passing=[0, 1])
    court.challenge(second)
    signed = court.signed(trade, bytes(32))
    with refused("BadSeatSignature", 0, JURY[0].address):
        court.send(CHALLENGER, "uphold", second.request, court.jury, EVIDENCE, *signed)


def test_without_a_challenge_there_is_nothing_to_rule(court: Court, trade: JudgedTrade) -> None:
    record = trade.judge(1, passing=[0, 1])
    for ruling in (
        lambda: court.uphold(trade),
        lambda: court.overturn(trade, record),
        lambda: court.send(CHALLENGER, "lapse", trade.request),
    ):
        with refused("NoChallenge", trade.id):
            ruling()
    court.challenge(trade)
    court.uphold(trade)
    with refused("NoChallenge", trade.id):
        court.overturn(trade, record)


def test_the_ruling_digest_is_eip_712(court: Court, trade: JudgedTrade) -> None:
    fields = {"Ruling": "bytes32 tradeId,uint32 panelVersion,bytes32 model,bytes32 evidence"}
    message = {
        "tradeId": trade.id,
        "panelVersion": 9,
        "model": commitment("model 1"),
        "evidence": EVIDENCE,
    }
    expected = digest_of_types(
        court.node.chain_id, court.challenges.address, "Challenges", fields, "Ruling", message
    )
    assert court.view("rulingDigest", *message.values()) == expected


# -------------------------------------------------------------------------- silence


def test_a_silent_panel_changes_nothing(court: Court, trade: JudgedTrade) -> None:
    record = trade.judge(1, passing=[0, 1])
    court.challenge(trade)
    _, deadline, bond, *_ = court.view("challengeOf", trade.id)
    move_to(court.node, deadline - 1)
    with refused("RulingPending", deadline):
        court.send(BUYER, "lapse", trade.request)
    move_to(court.node, deadline)
    with refused("RulingTooLate", deadline):
        court.uphold(trade)
    with refused("RulingTooLate", deadline):
        court.overturn(trade, record)
    receipt = court.send(BUYER, "lapse", trade.request)
    assert [name for name, _ in court.events(receipt)] == ["ChallengeLapsed", "Awarded"]
    assert court.credits() == {CHALLENGER.address: bond}
    trade.close(record)
    assert trade.status["state"] == SETTLED


@pytest.mark.parametrize("settled", [False, True])
def test_the_bond_comes_back_though_the_trade_went_on(
    court: Court, trade: JudgedTrade, settled: bool
) -> None:
    record = trade.judge(1, passing=[0, 1])
    court.challenge(trade)
    bond = court.view("challengeOf", trade.id)[2]
    move_to(court.node, trade.status["deadline"])
    trade.send(BROKER, "resume", trade.id)
    if settled:
        trade.close(record)
    court.send(CHALLENGER, "lapse", trade.request)
    assert court.credits() == {CHALLENGER.address: bond}
    with refused("NoChallenge", trade.id):
        court.send(CHALLENGER, "lapse", trade.request)


# ----------------------------------------------------------------- money of other kinds


def test_a_bond_is_in_the_trade_s_currency(node: Node, court: Court) -> None:
    token = node.deploy(PARTIES.admin, "DevToken")
    for account, spender in ((BUYER, court.world.market), (CHALLENGER, court.challenges)):
        node.send(account, token.functions.mint(account.address, 10**20))
        node.send(account, token.functions.approve(spender.address, 10**20))
    trade = JudgedTrade(court.world, request_fields={"currency": token.address})
    trade.fund().report_data()
    record = trade.judge(1, passing=[0, 1])
    bond = court.bond(trade)
    with refused("WrongValue", bond, 0):
        court.challenge(trade)
    court.challenge(trade, value=0)
    assert node.call(token.functions.balanceOf(court.challenges.address)) == bond
    court.overturn(trade, record)
    assert court.credits(token.address) == {CHALLENGER.address: bond}
    assert court.credits()[CHALLENGER.address] == 2 * WRONG_VERDICT * CHALLENGER_BPS // 10_000
    court.send(CHALLENGER, "withdrawCredit", token.address, CHALLENGER.address)
    assert node.call(token.functions.balanceOf(CHALLENGER.address)) == 10**20


def test_coins_that_nobody_asked_for_are_refused(court: Court) -> None:
    with refused("UnexpectedCoins", BUYER.address):
        court.node.transfer(BUYER, court.challenges.address, 1)


def test_a_stake_s_token_that_blocks_the_arbiter_stops_no_ruling(
    node: Node, court: Court, request: pytest.FixtureRequest
) -> None:
    contracts = TestContracts(node, request.config.cache.mkdir("test-contracts"))
    token = contracts.deploy("BlockingToken", JUDGES[0].address, 10 * STAKE)
    blocked = Court.deploy(node, stake_currency=token.address)
    for judge in JUDGES:
        node.send(JUDGES[0], token.functions.transfer(judge.address, STAKE))
        node.send(judge, token.functions.approve(blocked.committee.address, STAKE))
        node.send(judge, blocked.committee.functions.stake(judge.address, STAKE))
    trade = JudgedTrade(blocked.world).fund().report_data()
    record = trade.judge(1, passing=[0, 1])
    blocked.challenge(trade)
    node.send(JUDGES[0], token.functions.blockAccount(blocked.challenges.address))
    blocked.overturn(trade, record)
    trade.close(record)
    assert trade.status["state"] == REFUNDED
    blocked.send(CHALLENGER, "withdrawCredit", NATIVE, CHALLENGER.address)


# --------------------------------------------------------------------------- terms


@pytest.mark.parametrize(
    ("position", "value"),
    [(0, 0), (0, 10_001), (1, 0), (2, 0), (2, 601), (3, 10_001), (4, 10_001), (8, 10_001)],
)
def test_unusable_terms_are_refused(court: Court, position: int, value: int) -> None:
    terms = list(TERMS)
    terms[position] = value
    market, committee = court.world.market.address, court.committee.address
    with refused("InvalidTerms"):
        court.node.deploy(PARTIES.admin, "Challenges", market, committee, tuple(terms))


def test_the_terms_can_be_read(court: Court) -> None:
    assert court.view("terms") == TERMS
    assert court.view("market") == court.world.market.address
    assert court.view("committee") == court.committee.address
