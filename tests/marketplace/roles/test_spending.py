"""The market takes tokens by permit, by an allowance that stands, or by one made for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from small_trade import TOKEN, StageAt

sys.path.insert(0, str(Path(__file__).parents[2] / "contracts"))

from deploying import TestContracts

from marketplace.protocol.errors import InsufficientFunds, TransactionReverted
from marketplace.protocol.states import State
from marketplace.protocol.terms import NO_PERMIT
from marketplace.roles.spending import allow, approved

LATER = 2**40 - 1


@pytest.mark.slow  # compiles the token
def test_a_token_without_permits_is_approved_once(stage: StageAt, tmp_path: Path) -> None:
    run = stage(State.REQUESTED, TOKEN)
    market, account = run.world.market, run.world.buyer.account
    contracts = TestContracts(market.node, tmp_path / "artifacts")
    token = contracts.deploy("FeeOnTransferToken", account.address, 1_000)
    currency = str(token.address)
    with pytest.raises(InsufficientFunds, match=r"has 1000 units .* and needs 1001"):
        allow(market, account, currency, 1_001, LATER)
    for amount in (600, 1_000):
        assert allow(market, account, currency, amount, LATER) == NO_PERMIT
        allowance = token.functions.allowance(account.address, market.address)
        assert market.node.call(allowance) == amount
    sent = market.node.web3.eth.get_transaction_count(account.address)
    assert allow(market, account, currency, 999, LATER) == NO_PERMIT
    assert market.node.web3.eth.get_transaction_count(account.address) == sent


def test_a_permit_is_signed_for_the_amount_and_nothing_is_sent(stage: StageAt) -> None:
    run = stage(State.REQUESTED, TOKEN)
    market, account = run.world.market, run.world.buyer.account
    sent = market.node.web3.eth.get_transaction_count(account.address)
    permit = allow(market, account, run.world.currency, 5, LATER)
    assert (permit.value, permit.deadline) == (5, LATER)
    assert market.node.web3.eth.get_transaction_count(account.address) == sent
    token = market.node.contract("DevToken", run.world.currency)
    taking = token.functions.permit(account.address, market.address, *permit.as_tuple())
    market.node.send(run.world.stranger, taking)
    allowance = token.functions.allowance(account.address, market.address)
    assert market.node.call(allowance) == 5


def test_nothing_stays_approved_where_a_contract_takes_no_permit(stage: StageAt) -> None:
    run = stage(State.REQUESTED, TOKEN)
    node, account, other = run.world.market.node, run.world.buyer.account, run.world.stranger
    currency = run.world.currency
    token = node.contract("DevToken", currency)
    allowance = token.functions.allowance(account.address, other.address)
    taking = token.functions.transferFrom(account.address, other.address, 5)
    node.send(account, token.functions.approve(other.address, 1_000))
    with approved(node, account, currency, other.address, 5):
        assert node.call(allowance) == 5
        node.send(other, taking)
    assert node.call(allowance) == 0
    with (
        pytest.raises(TransactionReverted),
        approved(node, account, currency, other.address, 4),
    ):
        node.send(other, taking)
    assert node.call(allowance) == 0
    sent = node.web3.eth.get_transaction_count(account.address)
    have = node.call(token.functions.balanceOf(account.address))
    with (
        pytest.raises(InsufficientFunds),
        approved(node, account, currency, other.address, have + 1),
    ):
        pytest.fail("it has not so much")
    assert node.web3.eth.get_transaction_count(account.address) == sent
