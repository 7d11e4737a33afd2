"""The committee contract: how it changes, when a change counts, and what members have at stake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from deploying import TestContracts
from disputes import Court, JudgedTrade
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from expectations import refused
from office import (
    DAY,
    MEMBERS,
    MIN_STAKE,
    ROTATION_DELAY,
    UNBONDING_DELAY,
    Office,
    Packed,
    fresh_chain,
)
from parties import PARTIES, ascending
from quick_chain import QuickProvider, move_to
from whole_trade import WINDOWS

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE

ADMIN = PARTIES.admin
ARBITER = PARTIES.stranger
FIRST, SECOND, THIRD = MEMBERS[:3], MEMBERS[3:6], MEMBERS[6:9]
NOBODY: Packed = (0, 0, [])
COLD_ACCOUNT_GAS = 2_600
COLD_SLOT_GAS = 2_100


@pytest.fixture(scope="module")
def deployed(node: Node, request: pytest.FixtureRequest) -> Iterator[tuple[TestContracts, Office]]:
    with fresh_chain(node):
        contracts = TestContracts(node, request.config.cache.mkdir("test-contracts"))
        office = Office.open(node, contracts, arbiter=ARBITER.address)
        office.stake(*FIRST, *SECOND, *THIRD)
        yield contracts, office


@pytest.fixture(autouse=True)
def forgetting(node: Node, deployed: object) -> Iterator[None]:
    provider = node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        yield


@pytest.fixture
def test_contracts(deployed: tuple[TestContracts, Office]) -> TestContracts:
    return deployed[0]


@pytest.fixture
def office(deployed: tuple[TestContracts, Office]) -> Office:
    """Everyone has what is needed at stake, and nobody is appointed yet."""
    return deployed[1]


def packed(version: int, threshold: int, members: Sequence[LocalAccount]) -> Packed:
    return version, threshold, [member.address for member in members]


def digest_of(committee: Packed) -> bytes:
    return keccak(encode(["(uint32,uint8,address[])"], [committee]))


def current(office: Office) -> Packed:
    version, threshold, members = office.view("current")
    assert office.view("currentDigest") == office.view("digestOf", version)
    return version, threshold, members


def wait(office: Office, seconds: int) -> int:
    """Let time pass; returns what the clock says then."""
    then = office.node.now() + seconds
    move_to(office.node, then)
    return then


# ----------------------------------------------------------------------- rotation


def test_before_the_first_committee_there_is_none(office: Office) -> None:
    assert current(office) == NOBODY
    assert office.view("currentDigest") == bytes(32)
    assert office.view("scheduled") == (NOBODY, 0)


def test_the_first_committee_takes_office_at_once(office: Office) -> None:
    receipt = office.appoint(FIRST, 2)
    committee = packed(1, 2, FIRST)
    assert current(office) == committee
    assert office.view("currentDigest") == digest_of(committee)
    assert office.events(receipt) == [
        (
            "RotationScheduled",
            {
                "version": 1,
                "members": committee[2],
                "threshold": 2,
                "effectiveAt": office.node.now(),
            },
        )
    ]
    assert office.view("scheduled") == (NOBODY, 0)


def test_a_rotation_takes_office_by_the_clock_alone(office: Office) -> None:
    office.appoint(FIRST, 2)
    office.appoint(SECOND, 3)
    effective = office.node.now() + ROTATION_DELAY
    assert office.view("scheduled") == (packed(2, 3, SECOND), effective)

    move_to(office.node, effective - 1)
    assert current(office) == packed(1, 2, FIRST)
    move_to(office.node, effective)
    assert current(office) == packed(2, 3, SECOND)
    assert office.view("scheduled") == (NOBODY, 0)


def test_history_stays_readable(office: Office) -> None:
    office.appoint(FIRST, 2)
    office.appoint(SECOND, 3)
    wait(office, ROTATION_DELAY)
    for committee in (packed(1, 2, FIRST), packed(2, 3, SECOND)):
        assert office.view("committee", committee[0]) == committee
        assert office.view("digestOf", committee[0]) == digest_of(committee)
    for version in (0, 3, 2**32 - 1):
        assert office.view("committee", version) == NOBODY
        assert office.view("digestOf", version) == bytes(32)


def test_a_scheduled_committee_is_replaced_by_a_later_one(office: Office) -> None:
    office.appoint(FIRST, 2)
    office.appoint(SECOND, 3)
    wait(office, ROTATION_DELAY // 2)
    receipt = office.appoint(THIRD, 2)
    assert [name for name, _ in office.events(receipt)] == [
        "RotationCancelled",
        "RotationScheduled",
    ]
    assert office.events(receipt)[0][1] == {"version": 2}
    wait(office, ROTATION_DELAY - 1)
    assert current(office) == packed(1, 2, FIRST)
    wait(office, 1)
    assert current(office) == packed(3, 2, THIRD)


def test_a_cancelled_rotation_never_comes(office: Office) -> None:
    office.appoint(FIRST, 2)
    office.appoint(SECOND, 3)
    receipt = office.send(ADMIN, "cancelRotation")
    assert office.events(receipt) == [("RotationCancelled", {"version": 2})]
    assert office.view("scheduled") == (NOBODY, 0)
    wait(office, 2 * ROTATION_DELAY)
    assert current(office) == packed(1, 2, FIRST)
    with refused("NoRotationScheduled"):
        office.send(ADMIN, "cancelRotation")
    office.appoint(THIRD, 2)
    assert office.view("scheduled")[0] == packed(3, 2, THIRD)  # two was given out


def test_what_is_in_office_can_t_be_cancelled(office: Office) -> None:
    for _ in range(2):
        with refused("NoRotationScheduled"):
            office.send(ADMIN, "cancelRotation")
        office.appoint(FIRST, 2)
        wait(office, ROTATION_DELAY)
        with refused("NoRotationScheduled"):
            office.send(ADMIN, "cancelRotation")


@pytest.mark.parametrize("by", [MEMBERS[0], ARBITER, PARTIES.treasury])
def test_only_who_the_access_manager_allows_rotates(office: Office, by: LocalAccount) -> None:
    office.appoint(FIRST, 2)
    office.appoint(SECOND, 2)
    with refused("AccessManagedUnauthorized", by.address):
        office.appoint(FIRST, 2, by=by)
    with refused("AccessManagedUnauthorized", by.address):
        office.send(by, "cancelRotation")


@pytest.mark.parametrize(
    "members",
    [
        [],
        [FIRST[1].address, FIRST[0].address],
        [FIRST[0].address, FIRST[0].address],
        [NATIVE, FIRST[0].address],
    ],
    ids=["none", "descending", "twice", "the zero address"],
)
def test_unusable_members_are_refused(office: Office, members: list[str]) -> None:
    with refused("InvalidMembers"):
        office.send(ADMIN, "scheduleRotation", members, 2)


def test_sixteen_members_are_the_most(node: Node, test_contracts: TestContracts) -> None:
    office = Office.open(node, test_contracts, arbiter=ARBITER.address, min_stake=0)
    with refused("InvalidMembers"):
        office.appoint(ascending("seat", 17), 9)
    office.appoint(MEMBERS, 9)
    assert current(office) == packed(1, 9, MEMBERS)
    office.appoint(MEMBERS, 16)


@pytest.mark.parametrize(
    ("count", "threshold"), [(1, 0), (1, 2), (2, 1), (3, 1), (3, 4), (4, 2), (8, 4), (8, 255)]
)
def test_a_threshold_is_a_majority(office: Office, count: int, threshold: int) -> None:
    with refused("InvalidThreshold", threshold, count):
        office.appoint(MEMBERS[:count], threshold)


@pytest.mark.parametrize(("count", "threshold"), [(1, 1), (2, 2), (3, 2), (4, 3), (8, 8)])
def test_any_majority_is_a_threshold(office: Office, count: int, threshold: int) -> None:
    office.appoint(MEMBERS[:count], threshold)
    assert current(office) == packed(1, threshold, MEMBERS[:count])


def test_running_trades_keep_their_committee(node: Node) -> None:
    court = Court.deploy(node)
    windows = WINDOWS | {"delivery": 2 * DAY}
    trade = JudgedTrade(court.world, request_fields={"windows": windows}).fund()
    others = [member.address for member in MEMBERS[3:6]]
    node.send(ADMIN, court.committee.functions.scheduleRotation(others, 2))
    meanwhile = JudgedTrade(court.world, salt="meanwhile")
    meanwhile.send(PARTIES.buyer, "requestModel", meanwhile.request)
    node.advance_time(DAY + 1)
    later = JudgedTrade(court.world, salt="later")
    with refused("RuleChanged", "committee"):
        later.send(PARTIES.buyer, "requestModel", later.request)
    trade.report_data()
    trade.judge(1, passing=[0, 1])


# ------------------------------------------------------------------------- stakes


def test_a_member_needs_the_least_stake(office: Office) -> None:
    poor = MEMBERS[9]
    with refused("StakeTooLow", poor.address, 0, MIN_STAKE):
        office.appoint((*FIRST, poor), 3)
    office.stake(poor, amount=MIN_STAKE - 1)
    with refused("StakeTooLow", poor.address, MIN_STAKE - 1, MIN_STAKE):
        office.appoint((*FIRST, poor), 3)
    receipt = office.send(PARTIES.buyer, "stake", poor.address, 1, value=1)
    assert office.events(receipt) == [
        ("Staked", {"member": poor.address, "from": PARTIES.buyer.address, "amount": 1})
    ]
    office.appoint((*FIRST, poor), 3)


def test_notice_bars_from_the_next_committee(office: Office) -> None:
    office.send(FIRST[0], "requestUnstake", 1)
    with refused("StakeTooLow", FIRST[0].address, MIN_STAKE - 1, MIN_STAKE):
        office.appoint(FIRST, 2)


def test_a_stake_is_paid_exactly(office: Office) -> None:
    with refused("ZeroAmount"):
        office.stake(FIRST[0], amount=0)
    with refused("ZeroAmount"):
        office.send(FIRST[0], "requestUnstake", 0)
    with refused("WrongValue", 4, 5):
        office.send(FIRST[0], "stake", FIRST[0].address, 5, value=4)


def test_who_never_served_waits_from_its_notice(office: Office) -> None:
    member = SECOND[0]
    with refused("NothingToUnstake", member.address):
        office.send(member, "withdrawStake", member.address)
    with refused("NotStaked", member.address, MIN_STAKE + 1, MIN_STAKE):
        office.send(member, "requestUnstake", MIN_STAKE + 1)
    receipt = office.send(member, "requestUnstake", MIN_STAKE)
    assert office.events(receipt) == [
        ("UnstakeRequested", {"member": member.address, "amount": MIN_STAKE})
    ]
    until = office.node.now() + UNBONDING_DELAY
    assert office.view("stakeOf", member.address) == (0, MIN_STAKE, until)
    move_to(office.node, until - 2)
    with refused("StillBonded", member.address, until):  # asked in the next second
        office.send(member, "withdrawStake", member.address)
    with refused("InvalidReceiver", NATIVE):
        office.send(member, "withdrawStake", NATIVE)
    move_to(office.node, until)
    before = office.node.balance(PARTIES.treasury.address)
    receipt = office.send(member, "withdrawStake", PARTIES.treasury.address)
    assert office.node.balance(PARTIES.treasury.address) == before + MIN_STAKE
    assert [name for name, _ in office.events(receipt)] == ["StakeWithdrawn"]
    assert office.view("stakeOf", member.address) == (0, 0, 0)


def test_no_stake_leaves_while_its_member_sits(office: Office) -> None:
    """However long ago the notice: a seat without a stake would be a signature without a risk."""
    office.appoint(FIRST, 2)
    office.appoint(SECOND, 2)
    for member in (FIRST[0], SECOND[0]):
        office.send(member, "requestUnstake", MIN_STAKE)
    wait(office, ROTATION_DELAY - 10)
    assert office.view("isSeated", FIRST[0].address)  # in office
    assert office.view("isSeated", SECOND[0].address)  # scheduled
    assert not office.view("isSeated", THIRD[0].address)
    wait(office, UNBONDING_DELAY - ROTATION_DELAY)
    with refused("InOffice", SECOND[0].address):
        office.send(SECOND[0], "withdrawStake", SECOND[0].address)
    wait(office, UNBONDING_DELAY)
    with refused("InOffice", SECOND[0].address):
        office.send(SECOND[0], "withdrawStake", SECOND[0].address)


def test_who_served_waits_from_the_end_of_its_term(office: Office) -> None:
    """The trades of its last day are still covered, though the notice is old."""
    office.appoint(FIRST, 2)
    office.send(FIRST[0], "requestUnstake", MIN_STAKE)
    wait(office, UNBONDING_DELAY)
    office.appoint(SECOND, 2)
    left = office.node.now() + ROTATION_DELAY
    until = left + UNBONDING_DELAY
    with refused("InOffice", FIRST[0].address):
        office.send(FIRST[0], "withdrawStake", FIRST[0].address)
    move_to(office.node, left)
    assert not office.view("isSeated", FIRST[0].address)
    with refused("StillBonded", FIRST[0].address, until):
        office.send(FIRST[0], "withdrawStake", FIRST[0].address)
    move_to(office.node, until)
    office.send(FIRST[0], "withdrawStake", FIRST[0].address)


def test_a_cancelled_rotation_ends_no_term(office: Office) -> None:
    office.appoint(FIRST, 2)
    office.send(FIRST[0], "requestUnstake", MIN_STAKE)
    office.appoint(SECOND, 2)
    office.send(ADMIN, "cancelRotation")
    wait(office, UNBONDING_DELAY + ROTATION_DELAY)
    with refused("InOffice", FIRST[0].address):
        office.send(FIRST[0], "withdrawStake", FIRST[0].address)
    office.appoint(SECOND, 2)
    until = office.node.now() + ROTATION_DELAY + UNBONDING_DELAY
    assert office.view("stakeOf", FIRST[0].address) == (0, MIN_STAKE, until)


def test_a_further_notice_starts_the_delay_anew(office: Office) -> None:
    member = SECOND[0]
    office.send(member, "requestUnstake", 1)
    wait(office, UNBONDING_DELAY - 10)
    office.send(member, "requestUnstake", 2)
    until = office.node.now() + UNBONDING_DELAY
    assert office.view("stakeOf", member.address) == (MIN_STAKE - 3, 3, until)


# ----------------------------------------------------------------------- slashing


def test_only_the_arbiter_slashes(office: Office) -> None:
    for other in (ADMIN, FIRST[0]):
        with refused("OnlyArbiter", other.address, ARBITER.address):
            office.send(other, "slash", FIRST[0].address, 1, other.address)


def test_slashing_takes_unbonding_money_first(office: Office) -> None:
    member, victim = FIRST[0].address, PARTIES.buyer.address
    office.send(FIRST[0], "requestUnstake", 100)
    receipt = office.send(ARBITER, "slash", member, 150, victim)
    assert office.events(receipt) == [("Slashed", {"member": member, "to": victim, "amount": 150})]
    assert office.view("stakeOf", member) == (MIN_STAKE - 150, 0, 0)
    assert office.view("creditOf", victim, NATIVE) == 150


def test_slashing_takes_what_there_is(office: Office) -> None:
    member, victim = FIRST[0].address, PARTIES.buyer.address
    office.send(FIRST[0], "requestUnstake", 100)
    receipt = office.send(ARBITER, "slash", member, 2**128 - 1, victim)
    assert office.events(receipt)[0][1]["amount"] == MIN_STAKE
    assert office.view("stakeOf", member) == (0, 0, 0)
    office.send(ARBITER, "slash", member, 1, victim)
    assert office.view("creditOf", victim, NATIVE) == MIN_STAKE
    wait(office, UNBONDING_DELAY)
    with refused("NothingToUnstake", member):
        office.send(FIRST[0], "withdrawStake", member)


def test_credit_is_pulled_once(office: Office) -> None:
    victim = PARTIES.buyer
    with refused("NothingToWithdraw", victim.address, NATIVE):
        office.send(victim, "withdrawCredit", NATIVE, victim.address)
    office.send(ARBITER, "slash", FIRST[0].address, 7, victim.address)
    with refused("InvalidReceiver", NATIVE):
        office.send(victim, "withdrawCredit", NATIVE, NATIVE)
    before = office.node.balance(PARTIES.treasury.address)
    office.send(victim, "withdrawCredit", NATIVE, PARTIES.treasury.address)
    assert office.node.balance(PARTIES.treasury.address) == before + 7
    with refused("NothingToWithdraw", victim.address, NATIVE):
        office.send(victim, "withdrawCredit", NATIVE, victim.address)
    stakes = len(FIRST + SECOND + THIRD) * MIN_STAKE
    assert office.node.balance(office.contract.address) == stakes - 7


def test_stakes_can_be_held_in_a_token(node: Node, test_contracts: TestContracts) -> None:
    token = node.deploy(ADMIN, "DevToken")
    office = Office.open(node, test_contracts, arbiter=ARBITER.address, currency=token.address)
    member = FIRST[0]
    node.send(member, token.functions.mint(member.address, MIN_STAKE))
    node.send(member, token.functions.approve(office.contract.address, MIN_STAKE))
    with refused("WrongValue", 1, 0):
        office.send(member, "stake", member.address, MIN_STAKE, value=1)
    office.send(member, "stake", member.address, MIN_STAKE)
    assert node.call(token.functions.balanceOf(office.contract.address)) == MIN_STAKE
    office.appoint([member], 1)
    office.send(ARBITER, "slash", member.address, 9, PARTIES.buyer.address)
    office.send(PARTIES.buyer, "withdrawCredit", token.address, PARTIES.buyer.address)
    assert node.call(token.functions.balanceOf(PARTIES.buyer.address)) == 9


def test_a_token_that_takes_a_fee_is_no_stake(node: Node, test_contracts: TestContracts) -> None:
    member = FIRST[0]
    token = test_contracts.deploy("FeeOnTransferToken", member.address, 1_000)
    office = Office.open(node, test_contracts, arbiter=ARBITER.address, currency=token.address)
    node.send(member, token.functions.approve(office.contract.address, 1_000))
    with refused("InexactTransfer", token.address, 990, 1_000):
        office.send(member, "stake", member.address, 1_000)


def test_the_current_digest_reads_two_slots(office: Office, test_contracts: TestContracts) -> None:
    """It stands in the way of every request."""
    office.appoint(FIRST, 2)
    meter = test_contracts.deploy("GasMeter")
    call = office.contract.encode_abi("currentDigest")
    gas = office.node.call(meter.functions.gasOf(office.contract.address, call))
    assert gas < COLD_ACCOUNT_GAS + 2 * COLD_SLOT_GAS + 1_000
