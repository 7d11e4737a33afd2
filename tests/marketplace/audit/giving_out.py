"""What a committee gives out to many by `Payouts`: lists, proposals, and claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cast_of_trade import Cast
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.agreement import committee_digest
from marketplace.protocol.documents import PayeeList
from marketplace.protocol.earnings import Earning, Earnings, build, encode_earnings
from marketplace.protocol.payouts import Distribution, PayoutsDomain, packed
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.typed_data import sign
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

    def deposit(self, amount: int) -> None:
        self.send(self.parties.buyer, "deposit", NATIVE, amount, value=amount)

    def listed(self, amounts: Mapping[str, int], epoch: int) -> bytes:
        """Put a list into the store and return its digest."""
        rows = self.store.put(
            encode_earnings(place.earning for place in earnings_of(amounts).places.values())
        )
        listing = PayeeList(currency=NATIVE, epoch=epoch, earnings=rows)
        return digest_of(self.store.put(listing.to_bytes()))

    def propose(self, amounts: Mapping[str, int], document: bytes | None = None) -> Earnings:
        """Have a quorum sign these amounts; their list is published if no other is named."""
        self.epoch += 1
        earnings = earnings_of(amounts)
        office = Market(self.node, self.deployment.market).current_committee()
        distribution = Distribution(
            NATIVE,
            self.epoch,
            earnings.total,
            earnings.roots,
            self.listed(amounts, self.epoch) if document is None else document,
            committee_digest(office),
        )
        domain = PayoutsDomain(self.node.chain_id, str(self.deployment.payouts))
        signed = {s.address: sign(domain, distribution, s) for s in self.parties.signers[:2]}
        quorum = packed(office.members, signed)
        self.send(
            self.parties.stranger, "propose", distribution.as_tuple(), office.as_tuple(), *quorum
        )
        return earnings

    def veto(self) -> None:
        self.send(self.parties.admin, "veto", NATIVE)

    def activate(self) -> None:
        self.node.advance_time(ACTIVATION_DELAY + 1)
        self.send(self.parties.stranger, "activate", NATIVE)

    def claim(self, earnings: Earnings, payee: str) -> None:
        place = earnings.places[payee]
        proof = NATIVE, list(place.proof), place.earning.as_tuple()
        self.send(self.parties.stranger, "claim", *proof)

    def send(self, by: LocalAccount, function: str, *arguments: Any, value: int = 0) -> None:
        contract = self.node.contract("Payouts", str(self.deployment.payouts))
        self.node.send(by, contract.functions[function](*arguments), value=value)
