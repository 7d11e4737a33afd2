"""Accounts that are contracts (ERC-1271) quote like others, by their owner's key."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deploying import TestContracts
from expectations import refused
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import commitment
from web3.contract import Contract

from marketplace.chain.market import Market
from marketplace.protocol.states import State

OWNER = PARTIES.stranger


@pytest.fixture
def wallet(test_contracts: TestContracts) -> Contract:
    return test_contracts.deploy("ContractWallet", OWNER.address)


def test_a_wallet_is_a_broker(market: Market, wallet: Contract) -> None:
    trade = TradeBuilder(market, broker=wallet.address)
    trade.ask()
    call = market.contract.encode_abi("requestData", [trade.id, commitment("data need")])
    market.node.send(OWNER, wallet.functions.execute(market.address, call))
    with refused("BadSignature", wallet.address):
        trade.accept(broker_signature=trade.sign(trade.quote, PARTIES.broker))
    trade.accept(broker_signature=trade.sign(trade.quote, OWNER))
    assert trade.record.state == State.FUNDED


def test_a_wallet_is_a_provider_and_withdraws_to_another_account(
    market: Market, wallet: Contract
) -> None:
    trade = TradeBuilder(market).advance_to(State.DATA_REQUESTED)
    offer = replace(trade.data_quotes[0], provider=wallet.address, rows=1_000)
    quote = replace(trade.quote, data_quotes=(offer,))
    with refused("BadSignature", wallet.address):
        trade.accept(quote=quote, provider_signatures=[trade.sign(offer, PARTIES.providers[0])])
    trade.accept(quote=quote, provider_signatures=[trade.sign(offer, OWNER)])
    trade.deliver(quotes=[offer], accepted=1)
    assert market.credit_of(wallet.address) == offer.price

    home = PARTIES.treasury.address
    before = market.node.balance(home)
    call = market.contract.encode_abi("withdraw", [trade.request.currency, home])
    market.node.send(OWNER, wallet.functions.execute(market.address, call))
    assert market.node.balance(home) - before == offer.price


def test_a_wallet_is_a_buyer(market: Market, wallet: Contract) -> None:
    trade = TradeBuilder(market, buyer=wallet.address)
    ask = market.contract.encode_abi("requestModel", [trade.request.as_tuple()])
    market.node.send(OWNER, wallet.functions.execute(market.address, ask))
    trade.ask_for_data()
    price = trade.price_of(trade.quote)
    signatures = [
        trade.sign(offer, provider)
        for offer, provider in zip(trade.data_quotes, PARTIES.providers, strict=True)
    ]
    broker = trade.sign(trade.quote, PARTIES.broker)
    accept = market.contract.encode_abi(
        "acceptQuote", [trade.quote.as_tuple(), price, broker, signatures]
    )
    market.node.send(OWNER, wallet.functions.execute(market.address, accept), value=price)
    assert trade.record.escrow == price
    trade.lapse()
    trade.time_out()
    assert market.credit_of(wallet.address) == price
