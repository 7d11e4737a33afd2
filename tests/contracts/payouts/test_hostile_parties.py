"""Payouts: payees and tokens that misbehave hurt nobody but themselves."""

from __future__ import annotations

import pytest
from deploying import TestContracts
from expectations import refused
from parties import PARTIES
from payouts_builder import PayoutsBuilder, payee
from web3.contract import Contract

from marketplace.protocol.earnings import Earnings
from marketplace.protocol.errors import TransactionReverted
from marketplace.protocol.terms import NATIVE

ANNE, BERT, CARA = PARTIES.experts[:3]
BUYER, RELAYER = PARTIES.buyer, PARTIES.stranger
HOME = payee(1_000)


def balance(payouts: PayoutsBuilder, account: str) -> int:
    if payouts.currency == NATIVE:
        return payouts.node.balance(account)
    token = payouts.node.contract("DevToken", payouts.currency)
    return int(payouts.node.call(token.functions.balanceOf(account)))


def in_token(payouts: PayoutsBuilder, token: Contract, *accounts: str) -> Earnings:
    return payouts.using(token).pay(dict.fromkeys(accounts, 500))


def test_a_blocked_payee_blocks_nobody_and_may_be_paid_elsewhere(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    token = contracts.deploy("BlockingToken", BUYER.address, 10**6)
    payouts = native_payouts.using(token)
    paid = in_token(native_payouts, token, ANNE.address, BERT.address)
    payouts.node.send(RELAYER, token.functions.blockAccount(ANNE.address))
    for place in paid.places.values():
        payouts.claim(place)
    with pytest.raises(TransactionReverted):
        payouts.send(ANNE, "withdraw", payouts.currency, ANNE.address)
    payouts.send(BERT, "withdraw", payouts.currency, BERT.address)
    order = payouts.order(ANNE.address, HOME)
    payouts.claim_to(paid.places[ANNE.address], order, payouts.sign(order, ANNE))
    assert payouts.node.call(token.functions.balanceOf(HOME)) == 500
    assert payouts.node.call(token.functions.balanceOf(payouts.contract.address)) == 0


def test_a_payee_that_refuses_coins_blocks_nobody(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    wallet = contracts.deploy("ContractWallet", CARA.address)
    paid = native_payouts.pay({wallet.address: 60, ANNE.address: 40})
    for place in paid.places.values():
        native_payouts.claim(place)
    contract = native_payouts.contract

    def withdraw_to(receiver: str) -> None:
        call = contract.encode_abi("withdraw", [NATIVE, receiver])
        native_payouts.node.send(CARA, wallet.functions.execute(contract.address, call))

    with refused("NativeTransferFailed", wallet.address, 60):
        withdraw_to(wallet.address)
    native_payouts.send(ANNE, "withdraw", NATIVE, HOME)
    withdraw_to(HOME)
    assert native_payouts.held() == 0


def test_a_payee_that_asks_again_while_it_is_paid_gets_nothing_more(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    paid = native_payouts.pay({ANNE.address: 60, BERT.address: 40})
    greedy = contracts.deploy("ReentrantPayee", native_payouts.contract.address)
    with refused("NativeTransferFailed", greedy.address, 60):
        place = paid.places[ANNE.address]
        native_payouts.send(ANNE, "claimAndWithdraw", *native_payouts.proof(place), greedy.address)
    assert native_payouts.held() == 100


@pytest.mark.parametrize("call", ["deposit", "withdraw", "collect"])
def test_a_token_that_calls_back_finds_the_door_closed(
    native_payouts: PayoutsBuilder, contracts: TestContracts, call: str
) -> None:
    token = contracts.deploy("ReentrantToken", BUYER.address, 10**6)
    contract = native_payouts.contract
    arguments = {
        "deposit": [token.address, 1],
        "withdraw": [token.address, HOME],
        "collect": [token.address, token.address],
    }
    data = contract.encode_abi(call, arguments[call])
    native_payouts.node.send(RELAYER, token.functions.arm(contract.address, data))
    with refused("ReentrancyGuardReentrantCall"):
        native_payouts.using(token).deposit(5)


@pytest.mark.parametrize("call", ["withdraw", "claimAndWithdraw", "claimTo"])
def test_a_token_that_calls_back_while_it_pays_finds_the_door_closed(
    native_payouts: PayoutsBuilder, contracts: TestContracts, call: str
) -> None:
    token = contracts.deploy("ReentrantToken", BUYER.address, 10**6)
    payouts = native_payouts.using(token)
    place = payouts.pay({ANNE.address: 60}).places[ANNE.address]
    if call == "withdraw":
        payouts.claim(place)
    order = payouts.order(ANNE.address, HOME)
    signature = payouts.sign(order, ANNE)
    data = payouts.contract.encode_abi("deposit", [token.address, 1])
    payouts.node.send(RELAYER, token.functions.arm(payouts.contract.address, data))
    with refused("ReentrancyGuardReentrantCall"):
        match call:
            case "withdraw":
                payouts.send(ANNE, "withdraw", token.address, HOME)
            case "claimAndWithdraw":
                payouts.send(ANNE, "claimAndWithdraw", *payouts.proof(place), HOME)
            case "claimTo":
                payouts.claim_to(place, order, signature)


def test_a_transfer_that_returns_false_stays_owed(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    token = contracts.deploy("FalseToken", BUYER.address, 10**6)
    payouts = native_payouts.using(token)
    with refused("SafeERC20FailedOperation", token.address):
        payouts.deposit(5)
    payouts.node.send(RELAYER, token.functions.setHonest(True))
    paid = in_token(native_payouts, token, ANNE.address)
    payouts.claim(paid.places[ANNE.address])
    payouts.node.send(RELAYER, token.functions.setHonest(False))
    with refused("SafeERC20FailedOperation", token.address):
        payouts.send(ANNE, "withdraw", payouts.currency, HOME)
    assert payouts.credit(ANNE.address) == 500
