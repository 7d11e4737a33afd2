"""Accounts that are contracts (ERC-1271) take part like others, by their owner's key."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deploying import TestContracts
from expectations import credits_of, refused
from parties import PARTIES
from trade_builder import TradeBuilder
from web3.contract import Contract

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import NO_PERMIT, AuditFinding

OWNER = PARTIES.stranger


@pytest.fixture
def wallet(test_contracts: TestContracts) -> Contract:
    return test_contracts.deploy("ContractWallet", OWNER.address)


def test_a_wallet_is_a_broker(market: Market, wallet: Contract) -> None:
    trade = TradeBuilder(market, broker=wallet.address).advance_to(State.REQUESTED)
    with refused("BadSignature", wallet.address):
        trade.accept(broker_signature=trade.sign(trade.quote, PARTIES.broker))
    trade.accept(broker_signature=trade.sign(trade.quote, OWNER))
    trade.report_data()
    trade.attempt()
    trade.settle_in_time()
    assert market.credit_of(wallet.address) == trade.prices.broker


def test_a_wallet_is_a_provider_and_withdraws_to_another_account(
    market: Market, wallet: Contract
) -> None:
    trade = TradeBuilder(market).advance_to(State.REQUESTED)
    offer = replace(trade.data_quotes[0], provider=wallet.address, rows=1_000)
    quote = replace(trade.quote, data_quotes=(offer,))
    with refused("BadSignature", wallet.address):
        trade.accept(quote=quote, provider_signatures=[trade.sign(offer, PARTIES.providers[0])])
    trade.accept(quote=quote, provider_signatures=[trade.sign(offer, OWNER)])
    trade.report_data(finding=replace(trade.data_finding(), accepted=1))
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
    quote = trade.quote
    signatures = trade.quote_signatures(quote)
    said = (trade.request, trade.judges, quote, trade.price, signatures, NO_PERMIT)
    arguments = [one.as_tuple() if hasattr(one, "as_tuple") else one for one in said]
    accept = market.contract.encode_abi("acceptQuote", arguments)
    execute = wallet.functions.execute(market.address, accept)
    market.node.send(OWNER, execute, value=trade.price)
    trade.course = replace(trade.course, quote=quote)
    trade.lapse()
    trade.time_out_delivery()
    assert credits_of(market) == {}
    assert market.credit_of(wallet.address) == trade.price


@pytest.mark.parametrize("beforehand", [True, False])
def test_a_wallet_is_an_auditor(market: Market, wallet: Contract, beforehand: bool) -> None:
    trade = TradeBuilder(market, auditor=wallet.address).advance_to(State.PASSED)
    with refused("BadSignature", wallet.address):
        trade.attest(trade.audit(by=PARTIES.auditor), sender=OWNER)
    with refused("BadSignature", wallet.address):  # the owner is not the wallet
        trade.attest(AuditFinding(bytes(32), True, b""), sender=OWNER)
    audit = trade.audit(by=OWNER)
    if beforehand:
        trade.attest(audit, sender=PARTIES.broker)
        trade.settle_in_time()
    else:
        trade.settle_in_time(audit)
    assert market.credit_of(wallet.address) == trade.prices.auditor


def test_a_wallet_trains(market: Market, wallet: Contract) -> None:
    trade = TradeBuilder(market).advance_to(State.FUNDED)
    finding = replace(trade.data_finding(), experts=(wallet.address,), weights=(1_000_000,))
    trade.report_data(finding=finding)
    pool = (trade.prices.experts,)
    trade.attempt(finding=replace(trade.attempt_finding(1, True), amounts=pool))
    trade.settle_in_time()
    assert market.credit_of(wallet.address) == trade.prices.experts
