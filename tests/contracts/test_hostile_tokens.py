"""Tokens and receivers that misbehave hurt nobody but those who chose them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deploying import TestContracts
from expectations import credits_of, held_by, refused, refused_for_one_of
from parties import PARTIES
from trade_builder import TradeBuilder
from web3.contract import Contract

from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.errors import TransactionReverted
from marketplace.protocol.states import State
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import NATIVE, NO_PERMIT, Permit
from marketplace.protocol.units import WEI

BUYER = PARTIES.buyer
SUPPLY = 1_000 * WEI


@pytest.fixture
def token(
    request: pytest.FixtureRequest, market: Market, test_contracts: TestContracts
) -> Contract:
    """The token that a test is parametrised with, all of it the buyer's and allowed."""
    contract = test_contracts.deploy(request.param, BUYER.address, SUPPLY)
    market.node.send(BUYER, contract.functions.approve(market.address, SUPPLY))
    return contract


def trade_in(market: Market, token: Contract) -> TradeBuilder:
    return TradeBuilder(market, currency=token.address).advance_to(State.REQUESTED)


@pytest.mark.parametrize("token", ["FeeOnTransferToken"], indirect=True)
def test_a_fee_on_transfer_is_not_credited_as_if_it_had_arrived(
    market: Market, token: Contract
) -> None:
    trade = trade_in(market, token)
    price = trade.price
    with refused("InexactTransfer", token.address, price - price // 100, price):
        trade.accept()
    assert trade.status.state == State.REQUESTED


@pytest.mark.parametrize("token", ["FalseToken"], indirect=True)
def test_a_transfer_that_returns_false_locks_nothing(market: Market, token: Contract) -> None:
    trade = trade_in(market, token)
    with refused("SafeERC20FailedOperation", token.address):
        trade.accept()
    assert trade.status.state == State.REQUESTED


@pytest.mark.parametrize("token", ["FalseToken"], indirect=True)
def test_a_payout_that_returns_false_stays_owed(market: Market, token: Contract) -> None:
    trade, provider = trade_in(market, token), PARTIES.providers[0]
    market.node.send(PARTIES.stranger, token.functions.setHonest(True))
    trade.accept()
    trade.report_data()
    market.node.send(PARTIES.stranger, token.functions.setHonest(False))
    with refused("SafeERC20FailedOperation", token.address):
        market.send(provider, "withdraw", token.address, provider.address)
    market.node.send(PARTIES.stranger, token.functions.setHonest(True))
    market.send(provider, "withdraw", token.address, provider.address)
    assert market.node.call(token.functions.balanceOf(provider.address)) == trade.prices.data[0]


@pytest.mark.parametrize("token", ["SilentToken"], indirect=True)
def test_a_token_whose_transfers_return_nothing_is_welcome(market: Market, token: Contract) -> None:
    trade, provider = trade_in(market, token), PARTIES.providers[0]
    trade.accept()
    trade.report_data()
    market.send(provider, "withdraw", token.address, provider.address)
    assert market.node.call(token.functions.balanceOf(provider.address)) == trade.prices.data[0]


@pytest.mark.parametrize("token", ["BlockingToken"], indirect=True)
def test_one_blocked_payee_blocks_nobody_else(market: Market, token: Contract) -> None:
    trade = trade_in(market, token)
    trade.accept()
    blocked, free, _ = PARTIES.providers
    market.node.send(PARTIES.stranger, token.functions.blockAccount(blocked.address))
    trade.report_data()
    trade.attempt()
    trade.settle_in_time()
    assert trade.status.state == State.SETTLED

    market.send(free, "withdraw", token.address, free.address)
    with pytest.raises(TransactionReverted):
        market.send(blocked, "withdraw", token.address, blocked.address)
    elsewhere = PARTIES.stranger.address
    market.send(blocked, "withdraw", token.address, elsewhere)
    assert market.node.call(token.functions.balanceOf(elsewhere)) == trade.prices.data[0]


@pytest.mark.parametrize("token", ["ReentrantToken"], indirect=True)
@pytest.mark.parametrize("call", ["withdraw", "acceptQuote"])
def test_a_token_can_not_call_back_while_it_is_moved(
    market: Market, token: Contract, call: str
) -> None:
    trade, provider = trade_in(market, token), PARTIES.providers[0]
    accept = (trade.request, trade.judges, trade.quote, 0, [bytes(65)] * 4, NO_PERMIT)
    arguments = {
        "withdraw": [token.address, BUYER.address],
        "acceptQuote": [each.as_tuple() if isinstance(each, Struct) else each for each in accept],
    }[call]
    attack = market.contract.encode_abi(call, arguments)
    arm = token.functions.arm(market.address, attack)

    market.node.send(PARTIES.stranger, arm)
    with refused("ReentrancyGuardReentrantCall"):
        trade.accept()
    market.node.send(PARTIES.stranger, token.functions.arm(NATIVE, b""))
    trade.accept()
    trade.report_data()

    market.node.send(PARTIES.stranger, arm)
    with refused("ReentrancyGuardReentrantCall"):
        market.send(provider, "withdraw", token.address, provider.address)
    assert market.credit_of(provider.address, token.address) == trade.prices.data[0]


@pytest.mark.parametrize("token", ["ReentrantToken"], indirect=True)
def test_a_token_can_not_end_the_trade_that_it_is_funding(market: Market, token: Contract) -> None:
    trade = trade_in(market, token)
    agreed = replace(trade.agreement, quote=trade.quote)
    deal, supplies = agreed.deal.as_tuple(), [each.as_tuple() for each in agreed.supplies]
    arguments = [trade.id, deal, supplies, trade.request.committee]
    attack = market.contract.encode_abi("timeoutDelivery", arguments)
    market.node.send(PARTIES.stranger, token.functions.arm(market.address, attack))
    with refused_for_one_of("DeadlineNotReached"):
        trade.accept()


@pytest.mark.parametrize("token", ["RebasingToken"], indirect=True)
def test_a_balance_that_is_not_what_was_sent_locks_nothing(market: Market, token: Contract) -> None:
    trade = trade_in(market, token)
    market.node.send(PARTIES.stranger, token.functions.rebase(130))
    arrives = trade.price * 100 // 130 * 130 // 100  # shares are whole
    assert arrives != trade.price
    with refused("InexactTransfer", token.address, arrives, trade.price):
        trade.accept()
    assert trade.status.state == State.REQUESTED


@pytest.mark.parametrize("token", ["RebasingToken"], indirect=True)
def test_what_a_token_loses_after_the_lock_is_lost_in_that_token_alone(
    market: Market, token: Contract, deployment: Deployment
) -> None:
    """Who withdraws last of that currency bears it, whichever trade it was paid by."""
    sound = deployment.token
    assert sound is not None
    functions = market.node.contract("DevToken", sound).functions
    market.node.send(BUYER, functions.mint(BUYER.address, SUPPLY))
    market.node.send(BUYER, functions.approve(market.address, SUPPLY))
    others = [
        TradeBuilder(market, currency=other, salt="another currency").advance_to(State.GATED)
        for other in (NATIVE, sound)
    ]
    first, second = (
        TradeBuilder(market, currency=token.address, salt=name) for name in ("first", "second")
    )
    first.advance_to(State.PASSED)
    second.advance_to(State.FUNDED)
    market.node.send(PARTIES.stranger, token.functions.rebase(50))  # half of each balance is gone
    assert rebased(token, market.address) == second.price  # of what the two trades locked

    first.settle_in_time()
    withdraw_all(market, token.address)
    assert rebased(token, market.address) == 0  # all that there was went to who came first
    second.lapse()
    second.time_out_delivery()
    assert credits_of(market, token.address) == {BUYER.address: second.price}
    with pytest.raises(TransactionReverted):
        market.send(BUYER, "withdraw", token.address, BUYER.address)
    assert credits_of(market, token.address) == {BUYER.address: second.price}  # still owed

    for trade in others:
        currency = trade.request.currency
        assert held_by(market, currency) == trade.price
        trade.lapse()
        trade.time_out_training()
        assert sum(credits_of(market, currency).values()) == trade.price
        withdraw_all(market, currency)
        assert held_by(market, currency) == 0


@pytest.mark.parametrize("token", ["RebasingToken"], indirect=True)
def test_a_trade_funded_after_a_loss_pays_for_it_if_it_withdraws_last(
    market: Market, token: Contract
) -> None:
    first, later = (
        TradeBuilder(market, currency=token.address, salt=name) for name in ("first", "later")
    )
    first.advance_to(State.PASSED)
    market.node.send(PARTIES.stranger, token.functions.rebase(50))
    later.advance_to(State.FUNDED)
    assert rebased(token, market.address) == first.price // 2 + later.price
    first.settle_in_time()
    withdraw_all(market, token.address)
    assert rebased(token, market.address) < later.price


@pytest.mark.parametrize("token", ["RebasingToken"], indirect=True)
def test_what_a_token_gains_after_the_lock_is_nobodys(market: Market, token: Contract) -> None:
    trade = TradeBuilder(market, currency=token.address).advance_to(State.PASSED)
    market.node.send(PARTIES.stranger, token.functions.rebase(200))
    trade.settle_in_time()
    assert sum(credits_of(market, token.address).values()) == trade.price
    withdraw_all(market, token.address)
    assert rebased(token, market.address) >= trade.price


def rebased(token: Contract, account: str) -> int:
    return int(token.functions.balanceOf(account).call())


def withdraw_all(market: Market, currency: str) -> None:
    for party in PARTIES.everyone():
        if market.credit_of(party.address, currency):
            market.send(party, "withdraw", currency, party.address)


def test_an_address_without_code_is_no_currency(market: Market) -> None:
    nowhere = PARTIES.stranger.address
    trade = TradeBuilder(market, currency=nowhere).advance_to(State.REQUESTED)
    with pytest.raises(TransactionReverted):
        trade.accept()
    assert trade.status.state == State.REQUESTED


def test_a_receiver_of_coin_can_not_ask_to_be_paid_again(
    market: Market, test_contracts: TestContracts
) -> None:
    trade, provider = TradeBuilder(market), PARTIES.providers[0]
    trade.advance_to(State.GATED)
    payee = test_contracts.deploy("ReentrantPayee", market.address)
    held, owed = held_by(market), trade.prices.data[0]
    with refused("NativeTransferFailed", payee.address, owed):
        market.send(provider, "withdraw", NATIVE, payee.address)
    assert (held_by(market), market.credit_of(provider.address)) == (held, owed)


def test_a_receiver_that_refuses_coin_keeps_its_credit(
    market: Market, test_contracts: TestContracts
) -> None:
    trade, provider = TradeBuilder(market), PARTIES.providers[0]
    trade.advance_to(State.GATED)
    wallet = test_contracts.deploy("ContractWallet", provider.address)
    with refused("NativeTransferFailed", wallet.address, trade.prices.data[0]):
        market.send(provider, "withdraw", NATIVE, wallet.address)
    market.send(provider, "withdraw", NATIVE, PARTIES.stranger.address)
    assert market.credit_of(provider.address) == 0


def test_a_treasury_that_refuses_coin_blocks_no_trade(
    market: Market, test_contracts: TestContracts
) -> None:
    wallet = test_contracts.deploy("ContractWallet", PARTIES.admin.address)
    set_fee = market.rules.functions.setFee(250, wallet.address)
    market.node.send(PARTIES.admin, set_fee)
    trade = TradeBuilder(market).advance_to(State.SETTLED)
    fee = trade.protocol_fee
    assert market.credit_of(wallet.address) == fee > 0
    call = market.contract.encode_abi("withdraw", [NATIVE, PARTIES.treasury.address])
    before = market.node.balance(PARTIES.treasury.address)
    market.node.send(PARTIES.admin, wallet.functions.execute(market.address, call))
    assert market.node.balance(PARTIES.treasury.address) - before == fee


@pytest.mark.parametrize("token", ["SilentToken"], indirect=True)
def test_a_permit_on_a_token_that_knows_none_is_passed_over(
    market: Market, token: Contract
) -> None:
    trade = trade_in(market, token)
    trade.accept(permit=Permit(trade.price, 2**40, 27, bytes(32), bytes(32)))
    assert trade.status.state == State.FUNDED
