"""A permit (ERC-2612) spares the buyer the approval; nobody can use one to stop a trade."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from expectations import held_by, refused
from parties import PARTIES
from trade_builder import TradeBuilder
from web3.contract import Contract

from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import Permit

BUYER, STRANGER = PARTIES.buyer, PARTIES.stranger
FAR = 2**40
FIELDS = ("owner address", "spender address", "value uint256", "nonce uint256", "deadline uint256")


@pytest.fixture
def token(market: Market, deployment: Deployment) -> Contract:
    """The buyer has some, and has allowed nobody anything."""
    assert deployment.token is not None
    contract = market.node.contract("DevToken", deployment.token)
    market.node.send(BUYER, contract.functions.mint(BUYER.address, 10**20))
    return contract


@pytest.fixture
def quoted(market: Market, token: Contract) -> TradeBuilder:
    return TradeBuilder(market, currency=token.address).advance_to(State.REQUESTED)


def permit(
    trade: TradeBuilder,
    token: Contract,
    value: int | None = None,
    *,
    by: LocalAccount = BUYER,
    deadline: int = FAR,
) -> Permit:
    value = trade.price if value is None else value
    kinds = [dict(zip(("name", "type"), field.split(), strict=True)) for field in FIELDS]
    message = {
        "owner": BUYER.address,
        "spender": trade.market.address,
        "value": value,
        "nonce": trade.market.node.call(token.functions.nonces(BUYER.address)),
        "deadline": deadline,
    }
    domain: dict[str, Any] = {"name": "Development Token", "version": "1"}
    domain |= {"chainId": trade.domain.chain_id, "verifyingContract": token.address}
    signed = by.sign_message(encode_typed_data(domain, {"Permit": kinds}, message))
    return Permit(value, deadline, signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32))


def use(trade: TradeBuilder, token: Contract, given: Permit) -> None:
    """Let a stranger hand a permit to the token before the buyer's transaction is mined."""
    signature = (given.v, given.r, given.s)
    arguments = (BUYER.address, trade.market.address, given.value, given.deadline, *signature)
    trade.market.node.send(STRANGER, token.functions.permit(*arguments))


def allowance(trade: TradeBuilder, token: Contract) -> int:
    question = token.functions.allowance(BUYER.address, trade.market.address)
    return int(trade.market.node.call(question))


def test_accepting_with_a_permit_takes_one_transaction(
    quoted: TradeBuilder, token: Contract
) -> None:
    quoted.accept(permit=permit(quoted, token))
    assert quoted.status.state == State.FUNDED
    assert held_by(quoted.market, token.address) == quoted.price
    assert allowance(quoted, token) == 0  # used up


def test_a_permit_that_a_stranger_used_first_does_no_harm(
    quoted: TradeBuilder, token: Contract
) -> None:
    given = permit(quoted, token)
    use(quoted, token, given)
    assert allowance(quoted, token) == quoted.price
    quoted.accept(permit=given)
    assert held_by(quoted.market, token.address) == quoted.price
    assert allowance(quoted, token) == 0


@pytest.mark.parametrize("difference", [-1, 1])
def test_a_permit_for_another_amount_takes_no_more_than_the_price(
    quoted: TradeBuilder, token: Contract, difference: int
) -> None:
    given = permit(quoted, token, quoted.price + difference)
    if difference < 0:
        short = (quoted.market.address, given.value, quoted.price)
        with refused("ERC20InsufficientAllowance", *short):
            quoted.accept(permit=given)
        return
    quoted.accept(permit=given)
    assert (held_by(quoted.market, token.address), allowance(quoted, token)) == (quoted.price, 1)


def test_a_worthless_permit_is_no_allowance(quoted: TradeBuilder, token: Contract) -> None:
    for given in (
        permit(quoted, token, by=STRANGER),
        permit(quoted, token, deadline=quoted.market.node.now()),
    ):
        with refused("ERC20InsufficientAllowance", quoted.market.address, 0, quoted.price):
            quoted.accept(permit=given)


def test_with_an_allowance_a_worthless_permit_is_passed_over(
    quoted: TradeBuilder, token: Contract
) -> None:
    approve = token.functions.approve(quoted.market.address, quoted.price)
    quoted.market.node.send(BUYER, approve)
    quoted.accept(permit=permit(quoted, token, by=STRANGER))
    assert quoted.status.state == State.FUNDED


def test_a_permit_pays_for_no_trade_of_somebody_else(
    market: Market, quoted: TradeBuilder, token: Contract
) -> None:
    # A stranger's own trade, with its broker and providers in its pocket, and the buyer's permit.
    theirs = TradeBuilder(market, buyer=STRANGER.address, currency=token.address)
    theirs.ask(sender=STRANGER)
    given = permit(quoted, token)
    with refused("ERC20InsufficientAllowance", market.address, 0, theirs.price):
        theirs.accept(permit=given, sender=STRANGER)
    use(quoted, token, given)
    with refused("ERC20InsufficientAllowance", market.address, 0, theirs.price):
        theirs.accept(sender=STRANGER)
