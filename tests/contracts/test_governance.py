"""Governance: what a governor announces waits, a guardian does little, a deployer nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from eth_account.signers.local import LocalAccount
from expectations import refused, refused_for_one_of
from participants import forgetting
from parties import PARTIES, account
from quick_chain import move_to
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import Wei
from whole_trade import ROTATION_DELAY, WINDOWS, WholeTrade, World

from marketplace.chain.artifacts import load_artifact
from marketplace.chain.client import Node
from marketplace.chain.deploy import deploy_offices
from marketplace.chain.governance import (
    GOVERNOR_DELAY,
    RULES,
    Role,
    announce,
    deploy_governance,
    hand_over,
)
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI

DAY = 86_400
DEPLOYER, STRANGER = PARTIES.admin, PARTIES.stranger
GOVERNOR, GUARDIAN, NEXT = (account(name) for name in ("governor", "guardian", "next governor"))
MEMBER = PARTIES.signers[0].address
PUBLIC = 2**64 - 1


@dataclass(frozen=True)
class Office:
    """All that has restricted functions, under the access manager, handed over."""

    node: Node
    governance: Contract
    committee: Contract
    rules: Contract
    payouts: Contract

    def targets(self) -> dict[str, Contract]:
        return {
            "OracleCommittee": self.committee,
            "MarketRules": self.rules,
            "Payouts": self.payouts,
        }

    def restricted_calls(self) -> list[tuple[Role, ContractFunction]]:
        """Return one call of each restricted function, with arguments that it would take."""
        committee, rules = self.committee.functions, self.rules.functions
        return [
            (Role.GOVERNOR, committee.scheduleRotation([MEMBER], 1)),
            (Role.GOVERNOR, committee.cancelRotation()),
            (Role.GOVERNOR, rules.setFee(10, MEMBER)),
            (Role.GOVERNOR, rules.setReview(7_200, 200)),
            (Role.GOVERNOR, rules.setReviewShift(NATIVE, 200)),
            (Role.GUARDIAN, rules.pauseRequests(True)),
        ]


def deploy_governed(node: Node) -> Office:
    """Deploy everything that has restricted functions, with the deployer still in charge."""
    governance = deploy_governance(node, DEPLOYER)
    terms = (NATIVE, 0, 3 * DAY, 30 * DAY, DEPLOYER.address)
    committee, panel = deploy_offices(node, DEPLOYER, governance.address, terms)
    rules = node.deploy(
        DEPLOYER,
        "MarketRules",
        governance.address,
        committee.address,
        panel.address,
        0,
        DEPLOYER.address,
        3_600,
        255,
        0,
    )
    payouts = deploy_payouts(node, governance, committee)
    return Office(node, governance, committee, rules, payouts)


def deploy_payouts(node: Node, governance: Contract, committee: Contract) -> Contract:
    return node.deploy(DEPLOYER, "Payouts", governance.address, committee.address, DAY)


def fund_officers(node: Node) -> None:
    """Give coins to the holders of the roles."""
    source = node.web3.eth.accounts[0]
    for each in (GOVERNOR, GUARDIAN, NEXT):
        node.web3.eth.send_transaction({"from": source, "to": each.address, "value": Wei(10 * WEI)})


@pytest.fixture
def office(node: Node) -> Iterator[Office]:
    with forgetting(node):
        fund_officers(node)
        office = deploy_governed(node)
        hand_over(
            node,
            DEPLOYER,
            office.governance,
            [(name, target.address) for name, target in office.targets().items()],
            governor=GOVERNOR.address,
            guardian=GUARDIAN.address,
        )
        yield office


def unauthorised(who: LocalAccount) -> object:
    return refused("AccessManagedUnauthorized", who.address)


def test_each_restricted_function_has_the_role_of_the_rules(office: Office) -> None:
    assert set(office.targets()) == set(RULES)
    for name, target in office.targets().items():
        for signature, selector in load_artifact(name).method_identifiers.items():
            role = office.node.call(
                office.governance.functions.getTargetFunctionRole(target.address, "0x" + selector)
            )
            assert role == RULES[name].get(signature.partition("(")[0], Role.ADMIN)


def test_what_a_governor_announced_waits_for_its_delay(office: Office) -> None:
    node = office.node
    for role, call in office.restricted_calls():
        if role is not Role.GOVERNOR or call.fn_name == "cancelRotation":
            continue
        with refused_for_one_of("AccessManagerNotScheduled"):
            node.send(GOVERNOR, call)
        ready_at = announce(node, GOVERNOR, office.governance, call)
        assert ready_at == node.now() + GOVERNOR_DELAY
        move_to(node, ready_at - 2)
        with refused_for_one_of("AccessManagerNotReady"):
            node.send(GOVERNOR, call)
        move_to(node, ready_at - 1)
        node.send(GOVERNOR, call)  # in the next second
        with refused_for_one_of("AccessManagerNotScheduled"):  # once
            node.send(GOVERNOR, call)
    assert node.call(office.committee.functions.current())[2] == [MEMBER]


def test_a_governor_can_do_nothing_sooner_than_its_delay(office: Office) -> None:
    call = office.committee.functions.scheduleRotation([MEMBER], 1)
    data = call.build_transaction({"from": GOVERNOR.address, "gas": 0, "gasPrice": Wei(0)})["data"]
    too_soon = office.node.now() + GOVERNOR_DELAY - 1
    schedule = office.governance.functions.schedule(call.address, data, too_soon)
    with refused_for_one_of("AccessManagerUnauthorizedCall"):
        office.node.send(GOVERNOR, schedule)
    with refused_for_one_of("AccessManagerNotScheduled"):
        office.node.send(GOVERNOR, office.governance.functions.execute(call.address, data))


def test_an_announcement_lapses_after_a_week(office: Office) -> None:
    call = office.committee.functions.scheduleRotation([MEMBER], 1)
    ready_at = announce(office.node, GOVERNOR, office.governance, call)
    move_to(office.node, ready_at + 7 * DAY)
    with refused_for_one_of("AccessManagerExpired"):
        office.node.send(GOVERNOR, call)


def test_a_guardian_pauses_at_once_and_does_nothing_else(office: Office) -> None:
    for role, call in office.restricted_calls():
        if role is Role.GUARDIAN:
            office.node.send(GUARDIAN, call)
            continue
        with unauthorised(GUARDIAN):
            office.node.send(GUARDIAN, call)
        data = call.build_transaction({"from": GUARDIAN.address, "gas": 0, "gasPrice": Wei(0)})
        schedule = office.governance.functions.schedule(call.address, data["data"], 0)
        with refused_for_one_of("AccessManagerUnauthorizedCall"):
            office.node.send(GUARDIAN, schedule)
    assert office.node.call(office.rules.functions.inForce())[0] is True


def test_a_guardian_stops_no_announcement(office: Office) -> None:
    call = office.rules.functions.setFee(10, MEMBER)
    ready_at = announce(office.node, GOVERNOR, office.governance, call)
    data = call.build_transaction({"from": GOVERNOR.address, "gas": 0, "gasPrice": Wei(0)})["data"]
    cancel = office.governance.functions.cancel(GOVERNOR.address, call.address, data)
    for other in (GUARDIAN, STRANGER, DEPLOYER):
        with refused_for_one_of("AccessManagerUnauthorizedCancel"):
            office.node.send(other, cancel)
    office.node.send(GOVERNOR, cancel)
    move_to(office.node, ready_at)
    with refused_for_one_of("AccessManagerNotScheduled"):
        office.node.send(GOVERNOR, call)


@pytest.mark.parametrize("who", [STRANGER, DEPLOYER], ids=["a stranger", "the deployer"])
def test_others_do_nothing(office: Office, who: LocalAccount) -> None:
    for _, call in office.restricted_calls():
        with unauthorised(who):
            office.node.send(who, call)


def administration(office: Office, by: LocalAccount) -> list[ContractFunction]:
    """Return calls by which someone would make itself more powerful."""
    functions, target = office.governance.functions, office.rules.address
    set_fee = load_artifact("MarketRules").method_identifiers["setFee(uint16,address)"]
    return [
        functions.setTargetFunctionRole(target, ["0x" + set_fee], PUBLIC),
        functions.setTargetClosed(target, True),
        functions.setTargetAdminDelay(target, 0),
        functions.updateAuthority(target, by.address),
        functions.setRoleAdmin(Role.GOVERNOR, PUBLIC),
        functions.setRoleGuardian(Role.GOVERNOR, Role.GUARDIAN),
        functions.setGrantDelay(Role.GOVERNOR, 0),
        functions.labelRole(Role.GOVERNOR, "KING"),
        functions.grantRole(Role.ADMIN, by.address, 0),
    ]


@pytest.mark.parametrize(
    "who", [DEPLOYER, GOVERNOR, GUARDIAN, STRANGER], ids=["deployer", "governor", "guardian", "all"]
)
def test_nobody_administers_the_access_manager_any_more(office: Office, who: LocalAccount) -> None:
    for call in administration(office, who):
        with refused_for_one_of("AccessManagerUnauthorizedAccount"):
            office.node.send(who, call)
        data = call.build_transaction({"from": who.address, "gas": 0, "gasPrice": Wei(0)})["data"]
        schedule = office.governance.functions.schedule(office.governance.address, data, 0)
        with refused_for_one_of("AccessManagerUnauthorizedCall"):
            office.node.send(who, schedule)
    assert office.node.call(office.governance.functions.hasRole(Role.ADMIN, DEPLOYER.address)) == [
        False,
        0,
    ]


def test_no_contract_takes_another_authority(office: Office) -> None:
    for target in office.targets().values():
        for who in (DEPLOYER, GOVERNOR, GUARDIAN):
            with unauthorised(who):
                office.node.send(who, target.functions.setAuthority(who.address))


def test_governors_appoint_their_successors_and_remove_each_other(office: Office) -> None:
    node, functions = office.node, office.governance.functions
    appoint = functions.grantRole(Role.GOVERNOR, NEXT.address, GOVERNOR_DELAY)
    move_to(node, announce(node, GOVERNOR, office.governance, appoint))
    node.send(GOVERNOR, appoint)
    remove = functions.revokeRole(Role.GOVERNOR, GOVERNOR.address)
    move_to(node, announce(node, NEXT, office.governance, remove))
    node.send(NEXT, remove)
    with unauthorised(GOVERNOR):
        node.send(GOVERNOR, office.rules.functions.setFee(10, MEMBER))
    dismiss = functions.revokeRole(Role.GUARDIAN, GUARDIAN.address)
    move_to(node, announce(node, NEXT, office.governance, dismiss))
    node.send(NEXT, dismiss)
    with unauthorised(GUARDIAN):
        node.send(GUARDIAN, office.rules.functions.pauseRequests(True))


def test_no_governor_sheds_the_delay(office: Office) -> None:
    node, functions = office.node, office.governance.functions
    for account_ in (NEXT, GOVERNOR):
        hasty = functions.grantRole(Role.GOVERNOR, account_.address, GOVERNOR_DELAY - 1)
        move_to(node, announce(node, GOVERNOR, office.governance, hasty))
        with refused("DelayTooShort", GOVERNOR_DELAY - 1, GOVERNOR_DELAY):
            node.send(GOVERNOR, hasty)


def test_a_guardian_appoints_nobody(office: Office) -> None:
    for role in (Role.GOVERNOR, Role.GUARDIAN):
        with refused_for_one_of("AccessManagerUnauthorizedAccount"):
            office.node.send(
                GUARDIAN, office.governance.functions.grantRole(role, NEXT.address, GOVERNOR_DELAY)
            )


def test_no_role_touches_a_running_trade(node: Node) -> None:
    """Every restricted function is called between each two steps of a trade; nothing differs."""
    with forgetting(node):
        undisturbed = money_of(WholeTrade(World.deploy(node), request_fields=LONG))
    with forgetting(node):
        fund_officers(node)
        world = World.deploy(node)
        trade = WholeTrade(world, request_fields=LONG)
        assert trade.id  # asked for before the rules change
        targets = [("MarketRules", world.rules), ("OracleCommittee", world.committee)]
        hand_over(
            node,
            DEPLOYER,
            world.governance,
            [(name, target.address) for name, target in targets],
            governor=GOVERNOR.address,
            guardian=GUARDIAN.address,
        )
        payouts = deploy_payouts(node, world.governance, world.committee)
        office = Office(node, world.governance, world.committee, world.rules, payouts)
        assert money_of(trade, meanwhile=lambda: use_every_role(office)) == undisturbed


LONG = {"windows": dict.fromkeys(WINDOWS, 60 * DAY)}


def money_of(
    trade: WholeTrade, meanwhile: Callable[[], None] = lambda: None
) -> list[tuple[int, ...]]:
    """Run a trade and return, after each step, what the market holds and owes to each party."""
    node, market = trade.world.node, trade.world.market
    account = [*PARTIES.everyone(), GOVERNOR, GUARDIAN]

    def look() -> tuple[int, ...]:
        owed = (node.call(market.functions.creditOf(each.address, NATIVE)) for each in account)
        return node.balance(market.address), *owed

    seen = []
    for step in (trade.fund, trade.deliver, lambda: trade.settle(after=60 * DAY)):
        step()
        seen.append(look())
        meanwhile()
        assert look() == seen[-1]
    return seen


def use_every_role(office: Office) -> None:
    """Let governor and guardian do all that they can, and another committee take office."""
    calls = office.restricted_calls()
    for role, call in [*calls, calls[0]]:
        if role is Role.GOVERNOR:
            move_to(office.node, announce(office.node, GOVERNOR, office.governance, call))
        office.node.send(GOVERNOR if role is Role.GOVERNOR else GUARDIAN, call)
    office.node.advance_time(ROTATION_DELAY)
    assert office.node.call(office.committee.functions.current())[2] == [MEMBER]
