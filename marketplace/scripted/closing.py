"""What is left to do around the end of a trade: waiting, penalties, the licence, the money."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from marketplace.chain.market import Market
from marketplace.protocol.terms import NATIVE
from marketplace.roles.licence import licence_holder, mint_licence
from marketplace.scripted.world import World


def penalise_silence(market: Market, account: LocalAccount, trade_id: bytes) -> None:
    """Take a part of their stakes from the oracles that left delivered work unjudged."""
    request = market.agreement(trade_id).request
    judges = market.committee_of(request.committee)
    penalise = market.challenges.functions.penaliseSilence
    market.node.send(account, penalise(request.as_tuple(), judges.as_tuple()))


def mint_to_buyer(world: World, trade_id: bytes) -> bool:
    """Have a stranger mint the licence of a settled trade; whether that was still to do."""
    licences = world.deployment.licence
    if licence_holder(world.market, licences, trade_id) is not None:
        return False
    mint_licence(world.market, licences, world.stranger, trade_id)
    return True


def withdraw_all(world: World) -> int:
    """Let everybody take out what trade, bonds and stakes credited; returns how many did."""
    market, currency = world.market, world.currency
    awards, paid = market.challenges.functions, set()
    for account in world.accounts:
        if market.credit_of(account.address, currency) > 0:
            market.send(account, "withdraw", currency, account.address)
            paid.add(account.address)
        for coin in sorted({currency, NATIVE}):
            if market.node.call(awards.creditOf(account.address, coin)) > 0:
                market.node.send(account, awards.withdrawCredit(coin, account.address))
                paid.add(account.address)
    return len(paid)
