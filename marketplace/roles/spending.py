"""Letting a contract take tokens: by signed permit (ERC-2612) where it and the token know them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.chain.market import Market
from marketplace.protocol.errors import ChainError, InsufficientFunds
from marketplace.protocol.terms import NATIVE, NO_PERMIT, Permit

PERMIT = [
    {"name": "owner", "type": "address"},
    {"name": "spender", "type": "address"},
    {"name": "value", "type": "uint256"},
    {"name": "nonce", "type": "uint256"},
    {"name": "deadline", "type": "uint256"},
]
DOMAIN_FIELDS = ("name", "version", "chainId", "verifyingContract")
NAMED_FIELDS = b"\x0f"
"""What ERC-5267 says of a domain with just these fields."""


def allow(
    market: Market, account: LocalAccount, currency: str, amount: int, deadline: int
) -> Permit:
    """Let the market take an amount of a token once, if the account has it.

    Nothing is sent where the token takes permits, or an allowance is there already.

    Parameters
    ----------
    amount
        In the token's smallest unit.
    deadline
        Last second, since 1970, at which a permit counts.

    Returns
    -------
    Permit
        For `acceptQuote`; `NO_PERMIT` if an allowance stands instead.

    Raises
    ------
    InsufficientFunds
        If the account has less of the token; nothing is sent.
    """
    node, token = market.node, _holding(market.node, account, currency, amount)
    if int(node.call(token.functions.allowance(account.address, market.address))) >= amount:
        return NO_PERMIT
    try:
        return _permit(node, token, account, market.address, amount, deadline)
    except ChainError:  # the token knows no permits
        node.send(account, token.functions.approve(market.address, amount))
        return NO_PERMIT


@contextmanager
def approved(
    node: Node, account: LocalAccount, currency: str, spender: str, amount: int
) -> Iterator[None]:
    """Let a contract that takes no permit take an amount of a currency in a with statement.

    The allowance is for that amount, whatever stood before, so nothing of it is left when it was
    taken; it is withdrawn if the statement ends with an error. The native coin needs none.

    Parameters
    ----------
    amount
        In the currency's smallest unit.

    Raises
    ------
    InsufficientFunds
        If the account has less; nothing is sent.
    """
    if currency == NATIVE:
        node.require_funds(account.address, amount)
        yield
        return
    token = _holding(node, account, currency, amount)
    node.send(account, token.functions.approve(spender, amount))
    try:
        yield
    except BaseException:
        node.send(account, token.functions.approve(spender, 0))
        raise


def _holding(node: Node, account: LocalAccount, currency: str, amount: int) -> Contract:
    token = node.contract("DevToken", currency)
    have = int(node.call(token.functions.balanceOf(account.address)))
    if have < amount:
        raise InsufficientFunds(
            f"{account.address} has {have} units of token {currency} and needs {amount}",
            "get more of the token; nothing was sent",
        )
    return token


def _permit(
    node: Node, token: Contract, owner: LocalAccount, spender: str, amount: int, deadline: int
) -> Permit:
    fields, *domain, _, _ = node.call(token.functions.eip712Domain())
    if bytes(fields) != NAMED_FIELDS:
        raise ChainError("the token signs in another domain", "approve the amount instead")
    signed = owner.sign_message(
        encode_typed_data(
            domain_data=dict(zip(DOMAIN_FIELDS, domain, strict=True)),
            message_types={"Permit": PERMIT},
            message_data={
                "owner": owner.address,
                "spender": spender,
                "value": amount,
                "nonce": int(node.call(token.functions.nonces(owner.address))),
                "deadline": deadline,
            },
        )
    )
    r, s = signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")
    return Permit(amount, deadline, signed.v, r, s)
