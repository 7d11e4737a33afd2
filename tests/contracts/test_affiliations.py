"""Groups of accounts: made by consent of both sides, and changed with notice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field

import pytest
from expectations import refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from participants import (
    JOINING_DELAY,
    LEAVING_DELAY,
    NO_GROUP,
    Registry,
    addresses,
    forgetting,
)
from parties import PARTIES
from quick_chain import move_to
from web3.logs import DISCARD

from marketplace.chain.client import Node
from marketplace.protocol.errors import TransactionReverted

FOUNDER, MEMBER, OTHER = PARTIES.broker, PARTIES.buyer, PARTIES.stranger
CONTENT = b"\x07" * 32


@pytest.fixture
def registry(node: Node) -> Iterator[Registry]:
    with forgetting(node):
        yield Registry(node)


def test_a_founder_belongs_to_its_group_at_once(registry: Registry) -> None:
    receipt = registry.send(FOUNDER, "foundGroup", CONTENT)
    (founded,) = registry.contract.events.GroupFounded().process_receipt(receipt, DISCARD)
    group = registry.view("groupIdOf", FOUNDER.address, CONTENT)
    assert dict(founded["args"]) == {
        "group": group,
        "founder": FOUNDER.address,
        "content": CONTENT,
    }
    assert registry.group_of(FOUNDER) == group
    assert registry.view("founderOf", group) == FOUNDER.address


def test_the_same_content_by_another_founder_is_another_group(registry: Registry) -> None:
    assert registry.found(FOUNDER, CONTENT) != registry.found(MEMBER, CONTENT)


def test_nobody_founds_a_group_twice(registry: Registry) -> None:
    group = registry.found(FOUNDER, CONTENT)
    with refused("GroupExists", group):
        registry.send(FOUNDER, "foundGroup", CONTENT)
    registry.send(FOUNDER, "leaveGroup")
    registry.node.advance_time(LEAVING_DELAY)
    with refused("GroupExists", group):
        registry.send(FOUNDER, "foundGroup", CONTENT)


def test_an_invitation_alone_affiliates_nobody(registry: Registry) -> None:
    group = registry.found(FOUNDER)
    registry.send(FOUNDER, "setInvitation", MEMBER.address, True)
    registry.node.advance_time(LEAVING_DELAY)
    assert registry.view("isInvited", group, MEMBER.address) is True
    assert registry.group_of(MEMBER) == NO_GROUP


def test_nobody_joins_uninvited(registry: Registry) -> None:
    group = registry.found(FOUNDER)
    with refused("NotInvited", group, OTHER.address):
        registry.send(OTHER, "joinGroup", group)
    registry.send(FOUNDER, "setInvitation", OTHER.address, True)
    registry.send(FOUNDER, "setInvitation", OTHER.address, False)
    with refused("NotInvited", group, OTHER.address):
        registry.send(OTHER, "joinGroup", group)


def test_only_the_founder_invites(registry: Registry) -> None:
    registry.affiliate(FOUNDER, MEMBER)
    with refused("NotTheFounder", MEMBER.address):
        registry.send(MEMBER, "setInvitation", OTHER.address, True)
    with refused("NotAffiliated", OTHER.address):
        registry.send(OTHER, "setInvitation", OTHER.address, True)


def test_joining_counts_after_its_delay_to_the_second(registry: Registry) -> None:
    group = registry.found(FOUNDER)
    registry.send(FOUNDER, "setInvitation", MEMBER.address, True)
    registry.send(MEMBER, "joinGroup", group)
    effective_at = registry.node.now() + JOINING_DELAY
    assert registry.view("membershipOf", MEMBER.address) == [group, False, effective_at]
    move_to(registry.node, effective_at - 1)
    assert registry.group_of(MEMBER) == NO_GROUP
    move_to(registry.node, effective_at)
    assert registry.group_of(MEMBER) == group


def test_leaving_counts_after_its_delay_to_the_second(registry: Registry) -> None:
    group = registry.affiliate(FOUNDER, MEMBER)
    registry.send(MEMBER, "leaveGroup")
    effective_at = registry.node.now() + LEAVING_DELAY
    assert registry.view("membershipOf", MEMBER.address) == [group, True, effective_at]
    move_to(registry.node, effective_at - 2)
    with refused("AlreadyLeaving", effective_at):
        registry.send(MEMBER, "leaveGroup")
    move_to(registry.node, effective_at - 1)
    assert registry.group_of(MEMBER) == group
    move_to(registry.node, effective_at)
    assert registry.group_of(MEMBER) == NO_GROUP
    with refused("NotAffiliated", MEMBER.address):
        registry.send(MEMBER, "leaveGroup")


def test_an_account_belongs_to_one_group_until_it_has_left(registry: Registry) -> None:
    group = registry.affiliate(FOUNDER, MEMBER)
    with refused("AlreadyAffiliated", MEMBER.address, group):
        registry.send(MEMBER, "foundGroup", CONTENT)
    elsewhere = registry.found(OTHER)
    registry.send(OTHER, "setInvitation", MEMBER.address, True)
    registry.send(MEMBER, "leaveGroup")
    with refused("AlreadyAffiliated", MEMBER.address, group):
        registry.send(MEMBER, "joinGroup", elsewhere)
    registry.node.advance_time(LEAVING_DELAY)
    registry.send(MEMBER, "joinGroup", elsewhere)
    registry.node.advance_time(JOINING_DELAY)
    assert registry.group_of(MEMBER) == elsewhere


def test_who_is_joining_belongs_to_no_other_group(registry: Registry) -> None:
    group = registry.found(FOUNDER)
    registry.send(FOUNDER, "setInvitation", MEMBER.address, True)
    registry.send(MEMBER, "joinGroup", group)
    with refused("AlreadyAffiliated", MEMBER.address, group):
        registry.send(MEMBER, "foundGroup", CONTENT)


def test_a_joining_without_effect_is_undone_at_once(registry: Registry) -> None:
    group = registry.found(FOUNDER)
    registry.send(FOUNDER, "setInvitation", MEMBER.address, True)
    registry.send(MEMBER, "joinGroup", group)
    registry.send(MEMBER, "leaveGroup")
    assert registry.group_of(MEMBER) == NO_GROUP
    registry.node.advance_time(JOINING_DELAY)
    assert registry.group_of(MEMBER) == NO_GROUP


def test_who_counts_since_this_second_leaves_with_notice(registry: Registry) -> None:
    group = registry.found(FOUNDER)
    registry.send(FOUNDER, "setInvitation", MEMBER.address, True)
    registry.send(MEMBER, "joinGroup", group)
    effective_at = registry.node.now() + JOINING_DELAY
    move_to(registry.node, effective_at - 1)
    registry.send(MEMBER, "leaveGroup")  # in the next second
    left_at = effective_at + LEAVING_DELAY
    assert registry.view("membershipOf", MEMBER.address) == [group, True, left_at]
    assert registry.group_of(MEMBER) == group


def test_an_invitation_is_good_for_one_joining(registry: Registry) -> None:
    group = registry.affiliate(FOUNDER, MEMBER)
    registry.send(MEMBER, "leaveGroup")
    registry.node.advance_time(LEAVING_DELAY)
    with refused("NotInvited", group, MEMBER.address):
        registry.send(MEMBER, "joinGroup", group)


def test_a_group_whose_founder_left_takes_nobody_in(registry: Registry) -> None:
    group = registry.found(FOUNDER)
    registry.send(FOUNDER, "setInvitation", MEMBER.address, True)
    registry.send(FOUNDER, "leaveGroup")
    registry.node.advance_time(LEAVING_DELAY)
    with refused("GroupClosed", group):
        registry.send(MEMBER, "joinGroup", group)
    with refused("NotAffiliated", FOUNDER.address):
        registry.send(FOUNDER, "setInvitation", OTHER.address, True)


def test_a_founder_of_another_group_by_now_invites_to_that_one_only(registry: Registry) -> None:
    old = registry.found(FOUNDER)
    registry.send(FOUNDER, "leaveGroup")
    registry.node.advance_time(LEAVING_DELAY)
    new = registry.found(FOUNDER, CONTENT)
    registry.send(FOUNDER, "setInvitation", MEMBER.address, True)
    assert registry.view("isInvited", old, MEMBER.address) is False
    assert registry.view("isInvited", new, MEMBER.address) is True


def test_several_accounts_are_read_in_their_order(registry: Registry) -> None:
    group = registry.affiliate(FOUNDER, MEMBER)
    accounts = [OTHER, MEMBER, FOUNDER, MEMBER]
    found = registry.view("affiliationsOf", addresses(accounts))
    assert found == [NO_GROUP, group, group, group]
    assert registry.view("affiliationsOf", []) == []


ACCOUNTS = (FOUNDER, MEMBER, OTHER)


@dataclass
class Model:
    """The rules in plain Python: what each account may do, and the group it counts in."""

    home: bytes
    held: dict[int, tuple[bytes, bool, int]] = field(default_factory=dict)  # as `membershipOf`
    invited: set[int] = field(default_factory=lambda: set(range(len(ACCOUNTS))))

    def may(self, action: str, number: int, now: int) -> bool:
        if action == "leaveGroup":
            return number in self.held and not self.held[number][1]
        _, leaving, effective_at = self.held.get(number, (NO_GROUP, True, 0))
        free = leaving and now >= effective_at
        return free and (action == "foundGroup" or number in self.invited)

    def do(self, action: str, number: int, now: int, group: bytes) -> None:
        if action == "foundGroup":
            self.held[number] = (group, False, now)
        elif action == "joinGroup":
            self.invited.remove(number)
            self.held[number] = (self.home, False, now + JOINING_DELAY)
        else:
            held, _, effective_at = self.held[number]
            self.held[number] = (held, True, now if now < effective_at else now + LEAVING_DELAY)

    def group_of(self, number: int, now: int) -> bytes:
        group, leaving, effective_at = self.held.get(number, (NO_GROUP, False, 0))
        return group if leaving == (now < effective_at) else NO_GROUP


ACTIONS = st.tuples(
    st.sampled_from(["foundGroup", "joinGroup", "leaveGroup"]), st.integers(0, len(ACCOUNTS) - 1)
)
WAITS = st.tuples(st.just("wait"), st.sampled_from([1, JOINING_DELAY, LEAVING_DELAY]))


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.one_of(ACTIONS, WAITS), max_size=12))
def test_any_walk_agrees_with_the_rules_in_python(
    registry: Registry, walk: list[tuple[str, int]]
) -> None:
    node = registry.node
    with forgetting(node):
        model = Model(registry.found(PARTIES.auditor))
        for account in ACCOUNTS:
            registry.send(PARTIES.auditor, "setInvitation", account.address, True)
        for step, (action, number) in enumerate(walk):
            if action == "wait":
                node.advance_time(number)
                continue
            account, content = ACCOUNTS[number], step.to_bytes(32, "big")
            argument = {"foundGroup": [content], "joinGroup": [model.home]}.get(action, [])
            allowed = model.may(action, number, node.now() + 1)
            with nullcontext() if allowed else pytest.raises(TransactionReverted):
                registry.send(account, action, *argument)
            if allowed:
                group = registry.view("groupIdOf", account.address, content)
                assert isinstance(group, bytes)
                model.do(action, number, node.now(), group)
            for each, other in enumerate(ACCOUNTS):
                assert registry.group_of(other) == model.group_of(each, node.now())
