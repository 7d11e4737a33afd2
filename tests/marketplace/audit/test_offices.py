"""What is folded at its borders: terms of office, groups, and sums that are given out."""

from __future__ import annotations

import pytest
from eth_utils.crypto import keccak
from telling import told

from marketplace.audit.affiliations import Affiliations
from marketplace.audit.books import Payouts
from marketplace.audit.digests import NOTHING
from marketplace.audit.office import Office, ascending
from marketplace.protocol.terms import NATIVE

ONE, TWO, THREE = (f"0x{number:040x}" for number in (1, 2, 3))
DELAY = 100


def scheduled(version: int, at: int, due: int) -> object:
    members = (ONE, TWO, THREE)
    return told(
        "RotationScheduled", at, version=version, members=members, threshold=2, effectiveAt=due
    )


@pytest.fixture
def office() -> Office:
    """One committee since second 10, another from second 150 on."""
    office = Office("committee", DELAY, 0)
    for event in (scheduled(1, 10, 10), scheduled(2, 50, 150)):
        office.take(event)
    return office


@pytest.mark.parametrize(("second", "version"), [(9, 0), (10, 1), (149, 1), (150, 2)])
def test_a_committee_is_in_office_from_its_second_on(
    office: Office, second: int, version: int
) -> None:
    assert office.version_at(second) == version
    assert office.faults == []
    digests = {0: NOTHING} | {number: each.digest for number, each in office.committees.items()}
    assert len(set(digests.values())) == 3
    assert office.in_office(second) == digests[version]


def test_a_rotation_can_be_cancelled_until_its_second(office: Office) -> None:
    office.take(told("RotationCancelled", 149, version=2))
    assert office.faults == []
    assert office.version_at(200) == 1


@pytest.mark.parametrize(("second", "version"), [(150, 2), (100, 1), (100, 3)])
def test_nothing_else_can_be_cancelled(office: Office, second: int, version: int) -> None:
    office.take(told("RotationCancelled", second, version=version))
    (fault,) = office.faults
    assert f"version {version} was cancelled" in fault
    assert office.version_at(150) == (2 if second == 150 else 1)


def test_a_new_rotation_replaces_one_that_has_not_begun(office: Office) -> None:
    office.take(scheduled(3, 149, 249))
    assert (office.version_at(200), office.version_at(249)) == (1, 3)
    office.take(scheduled(4, 249, 349))  # in the second in which the third took office
    assert (office.version_at(249), office.version_at(349)) == (3, 4)
    assert office.faults == []


@pytest.mark.parametrize("accounts", [(TWO, ONE), (ONE, ONE), (ONE, THREE, TWO)])
def test_members_ascend(accounts: tuple[str, ...]) -> None:
    assert ascending((ONE, TWO, THREE))
    assert not ascending(accounts)


# --------------------------------------------------------------------------- stakes

LEAST = 10


@pytest.fixture
def staked() -> Office:
    """A committee whose members have just the least at stake."""
    office = Office("committee", DELAY, LEAST)
    for member in (ONE, TWO, THREE):
        office.take(told("Staked", 0, member=member, amount=LEAST))
    office.take(scheduled(1, 10, 10))
    return office


def test_a_quorum_loses_its_backing_by_what_is_taken_alone(staked: Office) -> None:
    digest = staked.committees[1].digest
    assert [staked.backed_at(second) for second in (9, 10)] == [NOTHING, digest]
    staked.take(told("UnstakeRequested", 11, member=TWO, amount=LEAST))
    staked.take(told("Slashed", 12, member=TWO, to=ONE, amount=1))
    assert staked.backed_at(12) == digest  # two of three are left, and make a quorum
    staked.take(told("Slashed", 13, member=ONE, to=ONE, amount=1))
    assert staked.backed_at(13) == NOTHING
    assert staked.in_office(13) == digest
    staked.take(told("Staked", 14, member=TWO, amount=1))
    assert staked.backed_at(14) == digest
    assert staked.faults == []


@pytest.mark.parametrize("out", [0, 1])
def test_nobody_is_appointed_with_less_than_the_least(staked: Office, out: int) -> None:
    staked.take(told("UnstakeRequested", 11, member=TWO, amount=out))
    staked.take(scheduled(2, 50, 150))
    assert staked.faults == [f"{TWO} of version 2 had 9 at stake, not 10"][:out]


# --------------------------------------------------------------------------- groups

GROUP = keccak(text="a group")


def joined(account: str, group: bytes, effective: int, name: str = "GroupJoined") -> object:
    return told(name, 0, account=account, group=group, effectiveAt=effective)


@pytest.mark.parametrize(("second", "group"), [(99, None), (100, GROUP)])
def test_a_member_counts_from_its_second_on(second: int, group: bytes | None) -> None:
    affiliations = Affiliations()
    affiliations.take(joined(ONE, GROUP, 100))
    assert affiliations.group_of(ONE, second) == group


@pytest.mark.parametrize(("second", "group"), [(99, GROUP), (100, None)])
def test_who_leaves_counts_until_then(second: int, group: bytes | None) -> None:
    affiliations = Affiliations()
    affiliations.take(joined(ONE, GROUP, 0))
    affiliations.take(joined(ONE, GROUP, 100, "GroupLeft"))
    assert affiliations.group_of(ONE, second) == group


def test_no_group_is_none() -> None:
    affiliations = Affiliations()
    affiliations.take(joined(ONE, NOTHING, 0))
    assert affiliations.group_of(ONE, 10) is None
    assert affiliations.group_of(TWO, 10) is None


def test_who_was_ever_in_one_group_is_one_party_by_any_chain() -> None:
    affiliations = Affiliations()
    other = keccak(text="another group")
    for account, group in ((ONE, GROUP), (TWO, GROUP), (TWO, other), (THREE, other)):
        affiliations.take(joined(account, group, 0))
    assert len({affiliations.party_of(account) for account in (ONE, TWO, THREE)}) == 1
    affiliations.take(joined(ONE, GROUP, 5))  # again: one party still
    assert affiliations.party_of(ONE) == affiliations.party_of(THREE)
    assert affiliations.party_of(NATIVE) == NATIVE


# -------------------------------------------------------------------------- payouts


@pytest.mark.parametrize(("claimed", "said"), [(10, ""), (11, "more of"), (0, "claims 0")])
def test_all_that_is_given_out_may_be_claimed_and_no_more(claimed: int, said: str) -> None:
    payouts = Payouts()
    payouts.take(told("Funded", currency=NATIVE, amount=10, funded=10))
    payouts.take(told("DistributionActivated", currency=NATIVE, total=10))
    payouts.take(told("Claimed", currency=NATIVE, account=ONE, cumulative=claimed))
    assert [said in fault for fault in payouts.faults] == ([True] if said else [])


@pytest.mark.parametrize("total", [0, 11])
def test_no_more_is_given_out_than_arrived_and_never_less_than_before(total: int) -> None:
    payouts = Payouts()
    payouts.take(told("Funded", currency=NATIVE, amount=10, funded=10))
    payouts.take(told("DistributionActivated", currency=NATIVE, total=total))
    assert len(payouts.faults) == 1
