"""The challenger: whoever puts up a bond to have a verdict judged again."""

from __future__ import annotations

from collections.abc import Callable

from marketplace.chain.market import Market
from marketplace.protocol.agreement import amounts_hash, escrow_of, record_hash
from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.disputes import Claim
from marketplace.protocol.ids import challenge_seal
from marketplace.protocol.terms import NATIVE
from marketplace.roles.spending import approved
from offchain.exchange import Exchange
from offchain.storage.cid import cid_of, digest_of


class Challenger:
    """Any account, on one market."""

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account

    def bond(self, trade_id: bytes) -> int:
        """Return what a challenge of the trade's verdict takes, in wei of its currency.

        Raises
        ------
        TradeRefused
            If the data has not been reported on, so that nobody knows what the trade will hold.
        """
        agreed = self.market.agreement(trade_id)
        value = escrow_of(agreed.deal, agreed.gate)
        return int(self.market.node.call(self.market.challenges.functions.bondFor(value)))

    def announce(self, trade_id: bytes, claim: str) -> int:
        """Announce a challenge, unless this account did; its seal tells nobody of which trade.

        Returns
        -------
        int
            From when on the challenge may come, in seconds since 1970.
        """
        node, challenges = self.market.node, self.market.challenges
        digest = digest_of(cid_of(_document(trade_id, claim).to_bytes()))
        parts = trade_id, self.account.address, digest, self._salt(trade_id)
        seal = challenge_seal(node.chain_id, challenges.address, *parts)
        if not node.call(challenges.functions.announcedAt(seal)):
            node.send(self.account, challenges.functions.announce(seal))
        _, _, delay, *_ = node.call(challenges.functions.terms())
        return int(node.call(challenges.functions.announcedAt(seal))) + int(delay)

    def challenge(
        self, trade_id: bytes, claim: str, progress: Callable[[str], None] = lambda _: None
    ) -> int:
        """Announce a challenge, wait, and challenge the verdict in its review window.

        Whatever tells of which trade it is, the claim and a token's allowance, follows after the
        wait. A run that broke off is done again: it finds its own announcement.

        Returns
        -------
        int
            The bond that is at stake, in wei.

        Raises
        ------
        InsufficientFunds
            If the account can't pay the bond; of a token nothing but the announcement is sent.
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
        wait = self.announce(trade_id, claim) - node.now()
        if wait > 0:
            progress(f"announced, sealed so that nobody can copy it; {wait} s must pass")
            node.let_pass(wait)
        call = challenges.functions.challenge(
            request.as_tuple(),
            agreed.deal.as_tuple(),
            agreed.gate.as_tuple(),
            amounts_hash(decided.finding.amounts),
            record_hash(decided.record),
            self.market.committee_of(request.committee).as_tuple(),
            self.market.panel_of(request.panel).as_tuple(),
            self.exchange.publish(_document(trade_id, claim)),
            self._salt(trade_id),
        )
        with approved(node, self.account, request.currency, challenges.address, bond):
            node.send(self.account, call, value=bond if native else 0)
        return bond

    def _salt(self, trade_id: bytes) -> bytes:
        return derived_secret(self.account, "challenge salt", trade_id)


def _document(trade_id: bytes, claim: str) -> Claim:
    return Claim(trade="0x" + trade_id.hex(), claim=claim)
