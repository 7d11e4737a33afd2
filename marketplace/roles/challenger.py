"""The challenger: whoever puts up a bond to have a verdict judged again."""

from __future__ import annotations

from marketplace.chain.market import Market
from marketplace.protocol.agreement import amounts_hash, record_hash
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
        TradeRefused
            If no attempt has been reported.
        TransactionReverted
            If the verdict is not open to a challenge, or the account is of one party with a
            member of the panel.
        """
        node, challenges = self.market.node, self.market.challenges
        agreed, bond = self.market.agreement(trade_id), self.bond(trade_id)
        request, decided = agreed.request, agreed.last_attempt
        native = request.currency == NATIVE
        if native:
            node.require_funds(self.account.address, bond)
        else:
            token = node.contract("DevToken", request.currency).functions
            node.send(self.account, token.approve(challenges.address, bond))
        document = Claim(trade="0x" + trade_id.hex(), claim=claim)
        call = challenges.functions.challenge(
            request.as_tuple(),
            agreed.deal.as_tuple(),
            agreed.gate.as_tuple(),
            amounts_hash(decided.finding.amounts),
            record_hash(decided.record),
            self.market.committee_of(request.committee).as_tuple(),
            self.market.panel_of(request.panel).as_tuple(),
            self.exchange.publish(document),
        )
        node.send(self.account, call, value=bond if native else 0)
        return bond
