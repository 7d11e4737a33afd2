"""The challenger: whoever puts up a bond to have a verdict judged again."""

from __future__ import annotations

from marketplace.chain.market import Market
from marketplace.protocol.disputes import Claim
from marketplace.protocol.terms import NATIVE
from offchain.exchange import Exchange


class Challenger:
    """Any account, on one market."""

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account

    def bond(self, trade_id: bytes) -> int:
        """Return what a challenge of the trade's verdict takes, in wei of its currency."""
        budget = self.market.agreement(trade_id).request.budget
        return int(self.market.node.call(self.market.challenges.functions.bondFor(budget)))

    def challenge(self, trade_id: bytes, claim: str) -> int:
        """Challenge the verdict in its review window; returns the bond that is at stake, in wei.

        Raises
        ------
        InsufficientFunds
            If the account can't pay the bond; nothing is sent.
        TransactionReverted
            If the verdict is not open to a challenge.
        """
        node, challenges = self.market.node, self.market.challenges
        request, bond = self.market.agreement(trade_id).request, self.bond(trade_id)
        native = request.currency == NATIVE
        if native:
            node.require_funds(self.account.address, bond)
        else:
            token = node.contract("DevToken", request.currency).functions
            node.send(self.account, token.approve(challenges.address, bond))
        document = Claim(trade="0x" + trade_id.hex(), claim=claim)
        call = challenges.functions.challenge(
            request.as_tuple(),
            self.market.committee_of(request.committee).as_tuple(),
            self.market.panel_of(request.panel).as_tuple(),
            self.exchange.publish(document),
        )
        node.send(self.account, call, value=bond if native else 0)
        return bond
