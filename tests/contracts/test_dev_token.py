"""The development token: anyone mints it, and it can't be mistaken for money elsewhere."""

from __future__ import annotations

import pytest
from eth_tester.exceptions import TransactionFailed
from eth_utils.abi import function_signature_to_4byte_selector
from expectations import refused
from parties import PARTIES
from web3 import EthereumTesterProvider, Web3
from web3.contract import Contract

from marketplace.chain.artifacts import load_artifact
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market


@pytest.fixture
def token(market: Market, deployment: Deployment) -> Contract:
    assert deployment.token is not None
    return market.node.contract("DevToken", deployment.token)


def test_anyone_mints(market: Market, token: Contract) -> None:
    stranger = PARTIES.stranger
    market.node.send(stranger, token.functions.mint(PARTIES.buyer.address, 7))
    assert market.node.call(token.functions.balanceOf(PARTIES.buyer.address)) == 7
    assert market.node.call(token.functions.totalSupply()) == 7


def test_nobody_spends_more_than_it_has(market: Market, token: Contract) -> None:
    buyer, stranger = PARTIES.buyer, PARTIES.stranger
    with refused("ERC20InsufficientBalance", buyer.address, 0, 1):
        market.node.send(buyer, token.functions.transfer(stranger.address, 1))


def test_it_is_not_deployed_on_another_chain() -> None:
    web3 = Web3(EthereumTesterProvider())
    artifact = load_artifact("DevToken")
    factory = web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
    refusal = function_signature_to_4byte_selector("DevnetOnly(uint256)")
    refusal += web3.eth.chain_id.to_bytes(32)
    with pytest.raises(TransactionFailed) as error:
        factory.constructor().transact({"from": web3.eth.accounts[0]})
    assert repr(refusal) in str(error.value)
