"""Deploying: what stands on the chain afterwards, and the file that remembers it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment, Terms, deploy
from marketplace.chain.market import Market
from marketplace.protocol.errors import ConfigurationError, TransactionReverted
from marketplace.protocol.terms import NATIVE, Committee

Accounts = tuple[LocalAccount, ...]


def deploy_with(node: Node, accounts: Accounts, **changed: Any) -> Deployment:
    usual: dict[str, Any] = {
        "signers": [signer.address for signer in accounts[2:5]],
        "threshold": 2,
        "panel": [juror.address for juror in accounts[5:8]],
        "panel_threshold": 2,
        "treasury": accounts[1].address,
    }
    return deploy(node, accounts[0], **(usual | changed))


def test_members_are_put_into_office_in_ascending_order(
    node: Node, deployment: Deployment, accounts: Accounts
) -> None:
    signers = [signer.address for signer in accounts[2:5]]
    market = Market(node, deployment.market)
    ascending = tuple(sorted(signers, key=lambda signer: int(signer, 16)))
    assert market.current_committee() == Committee(1, 2, ascending)
    assert market.committee_of(market.in_force().committee) == Committee(1, 2, ascending)
    jurors = set(node.call(market.panel.functions.current())[2])
    assert jurors == {juror.address for juror in accounts[5:8]}


def test_each_contract_stands_on_the_others(node: Node, deployment: Deployment) -> None:
    market = Market(node, deployment.market)
    assert market.rules.address == deployment.rules
    assert market.committee.address == deployment.committee
    assert market.panel.address == deployment.panel
    assert market.registry.address == deployment.registry
    assert market.challenges.address == deployment.challenges
    for office in (market.committee, market.panel):
        assert node.call(office.functions.arbiter()) == deployment.challenges
        assert node.call(office.functions.authority()) == deployment.governance
    assert node.call(market.committee.functions.counterpart()) == deployment.panel
    assert node.call(market.panel.functions.counterpart()) == deployment.committee
    assert node.call(market.challenges.functions.market()) == deployment.market
    assert market.domain.chain_id == deployment.chain_id == node.chain_id


def test_first_members_have_their_stake(node: Node, accounts: Accounts) -> None:
    deployment = deploy_with(node, accounts, terms=Terms(min_stake=7))
    market = Market(node, deployment.market)
    for office, members in ((market.committee, accounts[2:5]), (market.panel, accounts[5:8])):
        for member in members:
            assert node.call(office.functions.stakeOf(member.address))[0] == 7
    assert node.call(market.committee.functions.arbiter()) == deployment.challenges


def test_the_development_token_is_optional(
    node: Node, deployment: Deployment, accounts: Accounts
) -> None:
    assert deployment.token is not None
    token = node.contract("DevToken", deployment.token)
    assert node.call(token.functions.symbol()) == "DEV"
    assert deploy_with(node, accounts).token is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"threshold": 1}, "InvalidThreshold(1, 3)"),
        ({"panel_threshold": 4}, "InvalidThreshold(4, 3)"),
        ({"terms": Terms(fee_bps=1_001)}, "FeeTooHigh(1001)"),
        ({"terms": Terms(bond_bps=0)}, "InvalidTerms()"),
    ],
)
def test_unusable_settings_are_refused_with_their_reason(
    node: Node, accounts: Accounts, changed: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TransactionReverted) as refusal:
        deploy_with(node, accounts, **changed)
    assert refusal.value.reason == reason


def test_committee_and_panel_share_nobody(node: Node, accounts: Accounts) -> None:
    shared = [juror.address for juror in accounts[4:7]]
    with pytest.raises(ConfigurationError, match="committee and panel share a member"):
        deploy_with(node, accounts, panel=shared)


def test_a_governor_comes_with_a_guardian(node: Node, accounts: Accounts) -> None:
    with pytest.raises(ConfigurationError, match="governor and guardian go together"):
        deploy_with(node, accounts, governor=accounts[8].address)


@pytest.mark.parametrize("token", [None, NATIVE])
def test_a_deployment_is_saved_and_loaded(tmp_path: Path, token: str | None) -> None:
    addresses = (f"0x{letter}" for letter in "ABCDEFGHIJKL")
    saved = Deployment(31337, *addresses, token)
    saved.save(tmp_path / "deployment.json")
    assert Deployment.load(tmp_path / "deployment.json") == saved
    assert json.loads((tmp_path / "deployment.json").read_text())["chainId"] == 31337


@pytest.mark.parametrize(
    "content", ["", "{", "null", "[]", "7", "{}", '{"market": "0xA"}', '{"surprise": 1}']
)
def test_a_file_that_holds_no_deployment_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "deployment.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError) as refusal:
        Deployment.load(path)
    assert str(path) in refusal.value.cause
    assert "\n" not in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.json holds no deployment"):
        Deployment.load(tmp_path / "nowhere.json")
