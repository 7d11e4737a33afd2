"""Credits are pulled: each account takes its own, or lets somebody send it, and only once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deploying import TestContracts
from eth_account.signers.local import LocalAccount
from expectations import held_by, only_event, refused
from parties import PARTIES, account
from trade_builder import TradeBuilder
from web3.types import TxReceipt

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE, Withdrawal
from marketplace.protocol.typed_data import Domain, sign

PROVIDER = PARTIES.providers[0]
ELSEWHERE = account("a cold wallet").address


@pytest.fixture
def paid(market: Market, currency: str) -> TradeBuilder:
    """A trade whose providers have been credited."""
    return TradeBuilder(market, currency=currency).advance_to(State.GATED)


def balance(market: Market, currency: str, holder: str) -> int:
    if currency == NATIVE:
        return market.node.balance(holder)
    token = market.node.contract("DevToken", currency)
    return int(market.node.call(token.functions.balanceOf(holder)))


def test_the_whole_credit_goes_to_the_named_address(paid: TradeBuilder, currency: str) -> None:
    market, amount = paid.market, paid.prices.data[0]
    held = held_by(market, currency)
    said = only_event(market, market.send(PROVIDER, "withdraw", currency, ELSEWHERE), "Withdrawn")
    places = {"account": PROVIDER.address, "currency": currency, "to": ELSEWHERE}
    assert said == {**places, "amount": amount}
    assert balance(market, currency, ELSEWHERE) == amount
    assert held_by(market, currency) == held - amount
    assert market.credit_of(PROVIDER.address, currency) == 0


def test_nothing_is_withdrawn_twice(paid: TradeBuilder, currency: str) -> None:
    paid.market.send(PROVIDER, "withdraw", currency, PROVIDER.address)
    with refused("NothingToWithdraw", PROVIDER.address, currency):
        paid.market.send(PROVIDER, "withdraw", currency, PROVIDER.address)


def test_a_stranger_has_nothing_to_withdraw(paid: TradeBuilder, currency: str) -> None:
    stranger = PARTIES.stranger
    with refused("NothingToWithdraw", stranger.address, currency):
        paid.market.send(stranger, "withdraw", currency, stranger.address)


def test_neither_nobody_nor_the_market_itself_receives(paid: TradeBuilder, currency: str) -> None:
    for nowhere in (NATIVE, paid.market.address):
        with refused("InvalidReceiver", nowhere):
            paid.market.send(PROVIDER, "withdraw", currency, nowhere)


def test_credit_in_one_currency_is_none_in_another(paid: TradeBuilder, currency: str) -> None:
    other = NATIVE if currency != NATIVE else PARTIES.stranger.address
    with refused("NothingToWithdraw", PROVIDER.address, other):
        paid.market.send(PROVIDER, "withdraw", other, PROVIDER.address)


def test_credits_of_several_trades_add_up(market: Market) -> None:
    one = TradeBuilder(market, salt="one").advance_to(State.GATED)
    TradeBuilder(market, salt="other").advance_to(State.GATED)
    assert market.credit_of(PROVIDER.address) == 2 * one.prices.data[0]
    receipt = market.send(PROVIDER, "withdraw", NATIVE, PROVIDER.address)
    assert only_event(market, receipt, "Withdrawn")["amount"] == 2 * one.prices.data[0]


def test_opening_accounts_gives_and_takes_nothing(paid: TradeBuilder, currency: str) -> None:
    market, newcomer = paid.market, PARTIES.stranger
    before = {each: market.credit_of(each, currency) for each in (PROVIDER.address, ELSEWHERE)}
    for _ in range(2):
        market.send(newcomer, "openAccounts", [*before, newcomer.address], currency)
    assert {each: market.credit_of(each, currency) for each in before} == before
    with refused("NothingToWithdraw", newcomer.address, currency):
        market.send(newcomer, "withdraw", currency, newcomer.address)
    market.send(PROVIDER, "withdraw", currency, ELSEWHERE)
    assert balance(market, currency, ELSEWHERE) == before[PROVIDER.address]


def test_an_account_stays_open_when_it_is_emptied(market: Market) -> None:
    """The next credit of who has withdrawn everything costs what the one of who hasn't does."""

    def paying(salt: str) -> int:
        trade = TradeBuilder(market, salt=salt).advance_to(State.FUNDED)
        return int(trade.report_data()["gasUsed"])

    first, second = paying("first"), paying("second")
    for provider in PARTIES.providers:
        market.send(provider, "withdraw", NATIVE, provider.address)
    third = paying("third")
    assert first - second > 50_000  # three slots were written for the first time
    assert abs(third - second) < 300  # zero bytes in signatures and ids cost less


def test_nobody_can_send_coin_by_mistake(market: Market) -> None:
    with pytest.raises(Exception, match="the contract refused"):
        market.node.transfer(PARTIES.stranger, market.address, 1)


# -------------------------------------------------------------------- by signature


class Authorization:
    """A payee's word, and its sending by a stranger."""

    def __init__(self, market: Market, currency: str, **changed: object) -> None:
        self.market = market
        usual = Withdrawal(PROVIDER.address, currency, ELSEWHERE, 0, market.node.now() + 100)
        self.said = replace(usual, **changed)  # type: ignore[arg-type]  # as the fields are

    def sign(self, by: LocalAccount = PROVIDER, domain: Domain | None = None) -> bytes:
        return sign(domain or self.market.domain, self.said, by)

    def send(self, signature: bytes, **changed: object) -> TxReceipt:
        said = replace(self.said, **changed)  # type: ignore[arg-type]  # as the fields are
        arguments = (said.account, said.currency, said.to, said.expiry, signature)
        return self.market.send(PARTIES.stranger, "withdrawFor", *arguments)


def test_a_stranger_sends_it_where_the_payee_said(paid: TradeBuilder, currency: str) -> None:
    market, amount = paid.market, paid.prices.data[0]
    word = Authorization(market, currency)
    said = only_event(market, word.send(word.sign()), "Withdrawn")
    assert (said["account"], said["to"], said["amount"]) == (PROVIDER.address, ELSEWHERE, amount)
    assert balance(market, currency, ELSEWHERE) == amount
    assert market.view("nonces", PROVIDER.address) == 1


def test_the_word_counts_once(market: Market) -> None:
    TradeBuilder(market, salt="one").advance_to(State.GATED)
    word = Authorization(market, NATIVE)
    signature = word.sign()
    word.send(signature)
    TradeBuilder(market, salt="other").advance_to(State.GATED)
    with refused("NotAuthorized", PROVIDER.address):
        word.send(signature)
    again = Authorization(market, NATIVE, nonce=1)
    again.send(again.sign())


@pytest.mark.parametrize(
    "change", [{"to": PARTIES.stranger.address}, {"expiry": 2**39}, {"currency": ELSEWHERE}]
)
def test_nothing_of_the_word_can_be_changed(
    paid: TradeBuilder, currency: str, change: dict[str, object]
) -> None:
    word = Authorization(paid.market, currency)
    with refused("NotAuthorized", PROVIDER.address):
        word.send(word.sign(), **change)


def test_only_the_payee_gives_it(paid: TradeBuilder, currency: str) -> None:
    word = Authorization(paid.market, currency)
    for wrong in (word.sign(PARTIES.stranger), word.sign()[:64], b"", bytes(65)):
        with refused("NotAuthorized", PROVIDER.address):
            word.send(wrong)


@pytest.mark.parametrize("nonce", [1, 2**255])
def test_a_word_out_of_turn_is_refused(paid: TradeBuilder, currency: str, nonce: int) -> None:
    word = Authorization(paid.market, currency, nonce=nonce)
    with refused("NotAuthorized", PROVIDER.address):
        word.send(word.sign())


def test_it_counts_on_one_chain_and_one_market(paid: TradeBuilder, currency: str) -> None:
    market = paid.market
    word = Authorization(market, currency)
    chain = market.domain.chain_id
    for domain in (Domain(1, market.address), Domain(chain, PARTIES.stranger.address)):
        with refused("NotAuthorized", PROVIDER.address):
            word.send(word.sign(domain=domain))


def test_it_counts_until_its_last_second(market: Market) -> None:
    TradeBuilder(market).advance_to(State.GATED)
    past = market.node.now()
    late = Authorization(market, NATIVE, expiry=past)
    with refused("AuthorizationExpired", past):
        late.send(late.sign())
    last = Authorization(market, NATIVE, expiry=market.node.now() + 1)
    last.send(last.sign())
    assert market.node.now() == last.said.expiry


def test_a_refused_withdrawal_leaves_the_word_good(market: Market) -> None:
    word = Authorization(market, NATIVE)
    with refused("NothingToWithdraw", PROVIDER.address, NATIVE):
        word.send(word.sign())
    TradeBuilder(market).advance_to(State.GATED)
    word.send(word.sign(), expiry=word.said.expiry)


def test_a_wallet_gives_its_word_by_its_owner(
    market: Market, test_contracts: TestContracts
) -> None:
    wallet = test_contracts.deploy("ContractWallet", PARTIES.stranger.address)
    trade = TradeBuilder(market, buyer=PARTIES.buyer.address, treasury=market.in_force().treasury)
    offer = replace(trade.data_quotes[0], provider=wallet.address, rows=1_000)
    quote = replace(trade.quote, data_quotes=(offer,))
    trade.ask()
    trade.accept(quote=quote, provider_signatures=[trade.sign(offer, PARTIES.stranger)])
    trade.report_data(finding=replace(trade.data_finding(), accepted=1))
    word = Authorization(market, NATIVE, account=wallet.address)
    with refused("NotAuthorized", wallet.address):
        word.send(word.sign(PROVIDER))
    word.send(word.sign(PARTIES.stranger))
    assert market.node.balance(ELSEWHERE) == offer.price
