"""What a committee gives out to many by `Payouts`: lists, proposals, and claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cast_of_trade import Cast
from eth_utils.crypto import keccak

from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment
from marketplace.protocol.earnings import Earning, Earnings, build
from marketplace.protocol.terms import NATIVE
from marketplace.roles.payee_lists import publish_list
from marketplace.roles.payouts import Payouts
from offchain.storage.cid import digest_of
from offchain.storage.disk import DiskStore

ACTIVATION_DELAY = 100
"""In seconds; what `TERMS` of a deployment with these payouts must say."""

SALT = keccak(text="salt")[:16]


def earnings_of(amounts: Mapping[str, int]) -> Earnings:
    """Two trees over what each account has earned, in wei."""
    entries = [Earning(account, amount, SALT) for account, amount in amounts.items()]
    return build(entries, sum(amounts.values()), trees=2)


@dataclass
class GivingOut:
    """One contract of payouts in native coin, its committee's keys, and where lists lie."""

    node: Node
    deployment: Deployment
    parties: Cast
    store: DiskStore
    epoch: int = 0

    @property
    def payouts(self) -> Payouts:
        return Payouts(self.node, self.deployment.payouts)

    def deposit(self, amount: int) -> None:
        self.payouts.deposit(self.parties.buyer, NATIVE, amount)

    def listed(self, amounts: Mapping[str, int], epoch: int) -> bytes:
        """Put a list into the store and return its digest."""
        earnings = [place.earning for place in earnings_of(amounts).places.values()]
        return digest_of(publish_list(self.store, NATIVE, epoch, earnings))

    def propose(self, amounts: Mapping[str, int], document: bytes | None = None) -> Earnings:
        """Have a quorum sign these amounts, whatever they are; their list is published, too.

        If another list is named by its digest, that is signed, and none is published.
        """
        self.epoch += 1
        payouts, earnings = self.payouts, earnings_of(amounts)
        listing = self.listed(amounts, self.epoch) if document is None else document
        distribution = payouts.distribution(NATIVE, self.epoch, earnings, listing)
        signed = [payouts.sign(seat, distribution) for seat in self.parties.signers[:2]]
        payouts.propose(self.parties.stranger, signed)
        return earnings

    def veto(self) -> None:
        self.payouts.veto(self.parties.admin, NATIVE)

    def activate(self) -> None:
        self.node.advance_time(ACTIVATION_DELAY + 1)
        self.payouts.activate(self.parties.stranger, NATIVE)

    def claim(self, earnings: Earnings, payee: str) -> None:
        self.payouts.claim(self.parties.stranger, NATIVE, earnings.places[payee])
