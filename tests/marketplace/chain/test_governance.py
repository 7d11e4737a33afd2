"""Handing over and announcing, as the deployment does it; what the roles may is tested beside
the contracts."""

from __future__ import annotations

import pytest
from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from marketplace.chain.artifacts import load_artifact
from marketplace.chain.client import Node
from marketplace.chain.governance import (
    GOVERNOR_DELAY,
    RULES,
    Role,
    announce,
    deploy_governance,
    hand_over,
)
from marketplace.protocol.errors import ConfigurationError, TransactionReverted
from marketplace.protocol.terms import NATIVE, NOBODY

Accounts = tuple[LocalAccount, ...]
DAY = 86_400


@pytest.fixture
def governance(node: Node, accounts: Accounts) -> Contract:
    return deploy_governance(node, accounts[0])


@pytest.fixture
def committee(node: Node, accounts: Accounts, governance: Contract) -> Contract:
    terms = (NATIVE, 0, DAY, DAY, accounts[0].address, NOBODY)
    return node.deploy(accounts[0], "OracleCommittee", governance.address, terms)


def give(node: Node, accounts: Accounts, governance: Contract, name: str, address: str) -> None:
    """Hand one contract over to the second account as governor, the third as guardian."""
    deployer, governor, guardian = accounts[:3]
    hand_over(
        node,
        deployer,
        governance,
        [(name, address)],
        governor=governor.address,
        guardian=guardian.address,
    )


def test_a_rule_is_about_a_function_that_there_is() -> None:
    for name, rules in RULES.items():
        known = {each.partition("(")[0] for each in load_artifact(name).method_identifiers}
        assert set(rules) <= known


def test_the_deployer_appoints_at_once_until_it_hands_over(
    node: Node, accounts: Accounts, governance: Contract, committee: Contract
) -> None:
    deployer, governor, _, member = accounts[:4]
    rotate = committee.functions.scheduleRotation([member.address], 1)
    node.send(deployer, rotate)
    give(node, accounts, governance, "OracleCommittee", committee.address)
    with pytest.raises(TransactionReverted, match="AccessManagedUnauthorized"):
        node.send(deployer, rotate)
    ready_at = announce(node, governor, governance, rotate)
    assert ready_at == node.now() + GOVERNOR_DELAY
    with pytest.raises(TransactionReverted, match="AccessManagerNotReady"):
        node.send(governor, rotate)
    node.advance_time(GOVERNOR_DELAY)
    node.send(governor, rotate)


def test_the_roles_carry_their_names_and_the_deployer_none(
    node: Node, accounts: Accounts, governance: Contract, committee: Contract
) -> None:
    start = node.web3.eth.block_number
    give(node, accounts, governance, "OracleCommittee", committee.address)
    labels = governance.events.RoleLabel().get_logs(from_block=start)
    assert [tuple(event["args"].values()) for event in labels] == [
        (Role.GOVERNOR, "GOVERNOR"),
        (Role.GUARDIAN, "GUARDIAN"),
    ]
    has_role = governance.functions.hasRole
    assert node.call(has_role(Role.ADMIN, accounts[0].address)) == [False, 0]
    assert node.call(has_role(Role.GOVERNOR, accounts[1].address)) == [True, GOVERNOR_DELAY]
    assert node.call(has_role(Role.GUARDIAN, accounts[2].address)) == [True, 0]


def test_a_contract_under_another_authority_is_not_handed_over(
    node: Node, accounts: Accounts, committee: Contract
) -> None:
    other = deploy_governance(node, accounts[0])
    with pytest.raises(
        ConfigurationError, match=f"{committee.address} is under .*, not {other.address}"
    ):
        give(node, accounts, other, "OracleCommittee", committee.address)


def test_a_contract_without_rules_is_not_handed_over(
    node: Node, accounts: Accounts, governance: Contract
) -> None:
    with pytest.raises(ConfigurationError, match="no rule says who may call Governance"):
        give(node, accounts, governance, "Governance", governance.address)
