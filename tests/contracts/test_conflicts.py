"""No party, under one account or several of its group, holds roles that conflict in one trade."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import pytest
from eth_account.signers.local import LocalAccount
from expectations import refused, refused_for_one_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from participants import LEAVING_DELAY, Registry, addresses, forgetting
from parties import PARTIES

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE

BUYER, BROKER, AUDITOR, TREASURY, STRANGER = (
    PARTIES.buyer,
    PARTIES.broker,
    PARTIES.auditor,
    PARTIES.treasury,
    PARTIES.stranger,
)
PROVIDERS, EXPERTS, JUDGES = PARTIES.providers, PARTIES.experts, PARTIES.signers


@dataclass(frozen=True)
class Checks:
    """The registry's two checks, with everyone in the usual role unless told otherwise."""

    registry: Registry

    def acceptance(
        self,
        buyer: str = BUYER.address,
        broker: str = BROKER.address,
        auditor: str = AUDITOR.address,
        treasury: str = TREASURY.address,
        providers: Sequence[LocalAccount] = PROVIDERS,
        judges: Sequence[LocalAccount] = JUDGES,
    ) -> None:
        parties = buyer, broker, auditor, treasury, addresses(providers), addresses(judges)
        self.registry.view("requireFitParties", *parties)

    def gate(
        self,
        buyer: str = BUYER.address,
        auditor: str = AUDITOR.address,
        providers: Sequence[LocalAccount] = PROVIDERS,
        judges: Sequence[LocalAccount] = JUDGES,
        experts: Sequence[LocalAccount] = EXPERTS,
    ) -> None:
        before, chosen = (addresses(providers), addresses(judges)), addresses(experts)
        self.registry.view("requireFitExperts", buyer, auditor, *before, chosen)


@pytest.fixture
def checks(node: Node) -> Iterator[Checks]:
    with forgetting(node):
        yield Checks(Registry(node))


def ascending(*accounts: LocalAccount) -> list[LocalAccount]:
    return sorted(accounts, key=lambda account: int(account.address, 16))


def test_strangers_to_each_other_may_trade(checks: Checks) -> None:
    checks.acceptance()
    checks.acceptance(auditor=NATIVE)
    checks.acceptance(providers=[])
    checks.acceptance(judges=[])
    checks.gate()
    checks.gate(judges=[])
    checks.gate(auditor=NATIVE)
    checks.gate(providers=[], experts=[])


def test_one_account_holds_no_two_roles_that_conflict(checks: Checks) -> None:
    buyer, broker, auditor = BUYER.address, BROKER.address, AUDITOR.address
    with refused("ConflictOfRoles", buyer, buyer):
        checks.acceptance(auditor=buyer)
    with refused("ConflictOfRoles", broker, broker):
        checks.acceptance(auditor=broker)
    with refused("ConflictOfRoles", auditor, auditor):
        checks.acceptance(treasury=auditor)
    with refused("ConflictOfRoles", buyer, buyer):
        checks.acceptance(providers=ascending(*PROVIDERS, BUYER))
    with refused("ConflictOfRoles", auditor, auditor):
        checks.acceptance(providers=ascending(*PROVIDERS, AUDITOR))
    with refused("ConflictOfRoles", buyer, buyer):
        checks.gate(experts=ascending(*EXPERTS, BUYER))
    with refused("ConflictOfRoles", auditor, auditor):
        checks.gate(experts=ascending(*EXPERTS, AUDITOR))


@pytest.mark.parametrize("judge", [BUYER, BROKER, AUDITOR, TREASURY, *PROVIDERS])
def test_no_party_judges_its_own_trade(checks: Checks, judge: LocalAccount) -> None:
    for judges in (ascending(*JUDGES, judge), [judge]):
        with refused("ConflictOfRoles", judge.address, judge.address):
            checks.acceptance(judges=judges)


@pytest.mark.parametrize("judge", JUDGES)
def test_no_judge_is_an_expert(checks: Checks, judge: LocalAccount) -> None:
    for experts in (ascending(*EXPERTS, judge), [judge]):
        with refused("ConflictOfRoles", judge.address, judge.address):
            checks.gate(experts=experts)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_provider_is_an_expert(checks: Checks, provider: LocalAccount) -> None:
    with refused("ConflictOfRoles", provider.address, provider.address):
        checks.gate(experts=ascending(*EXPERTS, provider))


def test_a_broker_may_provide_train_or_buy(checks: Checks) -> None:
    checks.acceptance(providers=ascending(*PROVIDERS, BROKER))
    checks.acceptance(broker=BUYER.address)
    checks.registry.affiliate(BROKER, BUYER, PROVIDERS[0])
    with refused("ConflictOfRoles", PROVIDERS[0].address, BUYER.address):
        checks.acceptance()
    checks.acceptance(providers=PROVIDERS[1:])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (AUDITOR, BUYER),
        (AUDITOR, BROKER),
        (AUDITOR, TREASURY),
        (PROVIDERS[2], BUYER),
        (PROVIDERS[0], AUDITOR),
    ],
)
def test_affiliates_are_one_party_at_the_acceptance(
    checks: Checks, first: LocalAccount, second: LocalAccount
) -> None:
    checks.registry.affiliate(second, first)
    with refused("ConflictOfRoles", first.address, second.address):
        checks.acceptance()


@pytest.mark.parametrize("judge", [JUDGES[0], JUDGES[-1]])
@pytest.mark.parametrize("party", [BUYER, BROKER, AUDITOR, TREASURY, *PROVIDERS])
def test_affiliates_of_a_judge_are_no_parties(
    checks: Checks, judge: LocalAccount, party: LocalAccount
) -> None:
    checks.registry.affiliate(party, judge)
    with refused("ConflictOfRoles", judge.address, party.address):
        checks.acceptance()
    checks.acceptance(judges=[other for other in JUDGES if other != judge])


@pytest.mark.parametrize("other", [BUYER, AUDITOR, *PROVIDERS, *JUDGES])
@pytest.mark.parametrize("expert", [EXPERTS[0], EXPERTS[-1]])
def test_affiliates_are_one_party_at_the_gate(
    checks: Checks, expert: LocalAccount, other: LocalAccount
) -> None:
    checks.registry.affiliate(other, expert)
    with refused("ConflictOfRoles", expert.address, other.address):
        checks.gate()


def test_who_is_on_one_side_may_be_of_one_group(checks: Checks) -> None:
    checks.registry.affiliate(JUDGES[0], *JUDGES[1:])
    checks.registry.affiliate(PROVIDERS[0], *PROVIDERS[1:])
    checks.registry.affiliate(EXPERTS[0], *EXPERTS[1:])
    checks.registry.affiliate(AUDITOR, STRANGER)
    checks.registry.affiliate(BUYER)
    checks.acceptance()
    checks.gate()


def test_who_is_leaving_still_conflicts(checks: Checks) -> None:
    checks.registry.affiliate(AUDITOR, BUYER)
    checks.registry.send(BUYER, "leaveGroup")
    with refused("ConflictOfRoles", AUDITOR.address, BUYER.address):
        checks.acceptance()
    checks.registry.node.advance_time(LEAVING_DELAY)
    checks.acceptance()


CAST = [BUYER, BROKER, AUDITOR, TREASURY, *PROVIDERS, *EXPERTS, *JUDGES]


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.integers(0, 3), min_size=len(CAST), max_size=len(CAST)))
def test_any_affiliations_agree_with_the_rules_in_python(checks: Checks, groups: list[int]) -> None:
    """Group 0 stands for none; the founders of the others are people of no trade."""
    founders = [PARTIES.admin, PARTIES.arbiter, STRANGER]
    member_of = dict(zip(addresses(CAST), groups, strict=True))
    with forgetting(checks.registry.node):
        for number, founder in enumerate(founders, start=1):
            members = [a for a in CAST if member_of[a.address] == number]
            checks.registry.affiliate(founder, *members)

        def affiliated(ones: Sequence[LocalAccount], others: Sequence[LocalAccount]) -> bool:
            return any(
                member_of[one.address] == member_of[other.address] != 0
                for one in ones
                for other in others
            )

        clash = affiliated([AUDITOR], [BUYER, BROKER, TREASURY, *PROVIDERS])
        clash |= affiliated([BUYER], PROVIDERS)
        clash |= affiliated(JUDGES, [BUYER, BROKER, AUDITOR, TREASURY, *PROVIDERS])
        with refused_for_one_of("ConflictOfRoles") if clash else nullcontext():
            checks.acceptance()
        clash = affiliated(EXPERTS, [BUYER, AUDITOR, *PROVIDERS, *JUDGES])
        with refused_for_one_of("ConflictOfRoles") if clash else nullcontext():
            checks.gate()
