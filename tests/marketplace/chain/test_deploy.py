"""Deploying: what stands on the chain afterwards, and the file that remembers it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account.signers.local import LocalAccount

from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment, deploy
from marketplace.chain.market import Market
from marketplace.protocol.errors import ConfigurationError, TransactionReverted
from marketplace.protocol.terms import NATIVE

Accounts = tuple[LocalAccount, ...]


def test_signers_are_put_into_office_in_ascending_order(
    node: Node, deployment: Deployment, accounts: Accounts
) -> None:
    signers = [signer.address for signer in accounts[2:5]]
    market = Market(node, deployment.market, deployment.registry)
    members, threshold = market.committee_of(1)
    assert members == sorted(signers, key=lambda signer: int(signer, 16)) != signers
    assert threshold == 2
    assert market.current_committee() == (members, threshold)


def test_the_market_knows_its_committee_and_its_owner(
    node: Node, deployment: Deployment, accounts: Accounts
) -> None:
    market = Market(node, deployment.market, deployment.registry)
    assert market.committee.address == deployment.committee
    for contract in (market.contract, market.committee):
        assert node.call(contract.functions.owner()) == accounts[0].address
    assert market.domain.chain_id == deployment.chain_id == node.chain_id


def test_the_development_token_is_optional(node: Node, deployment: Deployment) -> None:
    assert deployment.token is not None
    token = node.contract("DevToken", deployment.token)
    assert node.call(token.functions.symbol()) == "DEV"
    assert Deployment(1, NATIVE, NATIVE, NATIVE).token is None


@pytest.mark.parametrize(
    ("threshold", "fee_bps", "reason"),
    [(1, 0, "InvalidThreshold(1, 3)"), (2, 1_001, "FeeTooHigh(1001)")],
)
def test_unusable_settings_are_refused_with_their_reason(
    node: Node, accounts: Accounts, threshold: int, fee_bps: int, reason: str
) -> None:
    with pytest.raises(TransactionReverted) as refusal:
        deploy(
            node,
            accounts[0],
            signers=[signer.address for signer in accounts[2:5]],
            threshold=threshold,
            fee_bps=fee_bps,
            treasury=accounts[1].address,
        )
    assert refusal.value.reason == reason


@pytest.mark.parametrize("token", [None, NATIVE])
def test_a_deployment_is_saved_and_loaded(tmp_path: Path, token: str | None) -> None:
    saved = Deployment(31337, "0xA", "0xB", "0xC", token)
    saved.save(tmp_path / "deployment.json")
    assert Deployment.load(tmp_path / "deployment.json") == saved
    assert json.loads((tmp_path / "deployment.json").read_text())["chain_id"] == 31337


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
