"""A market around which money moves in every way there is: trades, stakes, tenders, payouts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audit_chain import TERMS, QuickChain, deployed, make_stakes_good
from audited_trade import AuditedTrade
from cast_of_trade import Cast
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from giving_out import ACTIVATION_DELAY, GivingOut
from web3.contract import Contract

from marketplace.audit import Report, audit
from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.tenders import PricingRule, Service, Tender, bid_seal, tender_id
from marketplace.protocol.terms import NATIVE
from offchain.storage.disk import DiskStore

STAKE, BOND, DEPOSIT = 7 * 10**15, 10**15, 5 * 10**16
"""In wei: of a volunteer at the committee and of a participant, of a bid, and for payouts."""

EARNED = 3 * 10**15
SALT = keccak(text="salt")


@dataclass(frozen=True)
class Everything:
    """The chain, the contracts by name, and where the evidence lies."""

    chain: QuickChain
    deployment: Deployment
    store: DiskStore

    def report(self, source: Any = None, **asked: Any) -> Report:
        """Audit it, tenders and payouts included, by another node if one is given."""
        named = {"bids": self.deployment.bids, "payouts": self.deployment.payouts}
        node = self.chain if source is None else source
        return audit(node, self.deployment.market, self.store, **(named | asked))


def play(parties: Cast, folder: Path) -> Everything:
    """Move money in every way."""
    chain, store = QuickChain(), DiskStore(folder)
    terms = replace(TERMS, withdrawal_delay=100, activation_delay=ACTIVATION_DELAY)
    node, deployment = deployed(chain, parties, terms)
    contracts = _Contracts(node, deployment, parties, store)
    market = Market(node, deployment.market)
    disputed = AuditedTrade(market, store, parties)
    disputed.to_penalty_after_overturning()
    make_stakes_good(market, parties)
    disputed.withdraw(parties.buyer)
    contracts.send("Challenges", "challenges", parties.stranger, "withdrawCredit", NATIVE)
    contracts.stakes()
    contracts.tenders()
    treasury = deployment.payouts
    contracts.send_plain("MarketRules", "rules", parties.admin, "setFee", 250, treasury)
    paid = AuditedTrade(market, store, parties, salt="paid")
    paid.to_passed()
    paid.attest()
    paid.finish()
    contracts.payouts()
    contracts.groups()
    contracts.send_plain(
        "MarketRules", "rules", parties.admin, "setFee", 250, parties.buyer.address
    )
    contracts.send_plain("MarketRules", "rules", parties.admin, "setReviewShift", NATIVE, 100)
    for seal in (SALT, keccak(text="another seal")):
        contracts.send_plain("Challenges", "challenges", parties.stranger, "announce", seal)
    return Everything(chain, deployment, store)


class _Contracts:
    def __init__(self, node: Node, deployment: Deployment, parties: Cast, store: DiskStore) -> None:
        self.node, self.deployment, self.parties, self.store = node, deployment, parties, store

    def at(self, kind: str, name: str) -> Contract:
        return self.node.contract(kind, str(getattr(self.deployment, name)))

    def send_plain(
        self, kind: str, name: str, by: LocalAccount, function: str, *arguments: Any, value: int = 0
    ) -> None:
        call = self.at(kind, name).functions[function](*arguments)
        self.node.send(by, call, value=value)

    def send(self, kind: str, name: str, by: LocalAccount, function: str, *arguments: Any) -> None:
        """Send what ends with the receiver: whoever sends it."""
        self.send_plain(kind, name, by, function, *arguments, by.address)

    def stakes(self) -> None:
        """One volunteer at each committee, and three participants; some take a part out again."""
        volunteer, parties = self.parties.stranger, self.parties
        for name in ("committee", "panel"):
            office = "OracleCommittee", name
            staked = volunteer.address, STAKE
            self.send_plain(*office, parties.buyer, "stake", *staked, value=STAKE)
            self.send_plain(*office, volunteer, "requestUnstake", 2)
            self.node.advance_time(TERMS.unbonding_delay + 1)
            self.send(*office, volunteer, "withdrawStake")
            self.send_plain(*office, volunteer, "requestUnstake", 3)
        registry = "ParticipantRegistry", "registry"
        for provider in parties.providers:
            self.send_plain(*registry, provider, "depositStake", STAKE, value=STAKE)
        for provider in parties.providers[:2]:
            self.send_plain(*registry, provider, "unlockStake", 4)
        self.node.advance_time(101)
        self.send(*registry, parties.providers[0], "withdrawStake")

    def groups(self) -> None:
        """Two join the group of a third, of whom one takes it back; the founder leaves it."""
        founder, *others = self.parties.providers
        registry = "ParticipantRegistry", "registry"
        group = self.node.call(self.at(*registry).functions.groupIdOf(founder.address, SALT))
        self.send_plain(*registry, founder, "foundGroup", SALT)
        for other in others[:2]:
            self.send_plain(*registry, founder, "setInvitation", other.address, True)
            self.send_plain(*registry, other, "joinGroup", group)
        self.send_plain(*registry, others[1], "leaveGroup")
        self.send_plain(*registry, founder, "leaveGroup")

    def tenders(self) -> None:
        """Three bid, of whom one reveals and withdraws, one reveals, and one doesn't."""
        node, where, bidders = self.node, ("SealedBids", "bids"), self.parties.experts
        for salt in ("seized", "open"):
            now = node.now()
            tender = Tender(
                requester=self.parties.buyer.address,
                service=Service.EXPERT,
                rule=PricingRule.SECOND_PRICE,
                spec=keccak(text="work"),
                currency=NATIVE,
                bond=BOND,
                reserve=10**18,
                commit_end=now + 1_000,
                reveal_end=now + 5_000,
                salt=keccak(text=salt),
            )
            bids = self.deployment.bids
            name = tender_id(node.chain_id, bids, tender)
            self.send_plain(*where, self.parties.buyer, "open", tender.as_tuple())
            for price, bidder in enumerate(bidders, 100):
                seal = bid_seal(node.chain_id, bids, name, bidder.address, price, SALT)
                arguments = tender.as_tuple(), seal
                self.send_plain(*where, bidder, "commit", *arguments, value=BOND)
            node.advance_time(1_001)
            for price, bidder in enumerate(bidders[:2], 100):
                said = tender.as_tuple(), bidder.address, price, SALT
                self.send_plain(*where, bidder, "reveal", *said)
            if salt == "seized":
                node.advance_time(4_001)
                self.send_plain(*where, self.parties.stranger, "seize", tender.as_tuple())
        self.send(*where, bidders[0], "withdrawCredit", NATIVE)

    def payouts(self) -> None:
        """A deposit, and the protocol's fee out of the market; two claim, and one withdraws.

        A first proposal is vetoed, though nothing is wrong with it but that its list is nowhere.
        """
        parties, sender = self.parties, self.parties.buyer
        giving = GivingOut(self.node, self.deployment, parties, self.store)
        giving.deposit(DEPOSIT)
        payees = [account.address for account in parties.providers]
        amounts = dict.fromkeys(payees, EARNED) | {sender.address: DEPOSIT - EARNED * len(payees)}
        giving.propose(amounts, document=SALT)
        giving.veto()
        earnings = giving.propose(amounts)
        giving.activate()
        for payee in payees[:2]:
            giving.claim(earnings, payee)
        self.send("Payouts", "payouts", parties.providers[0], "withdraw", NATIVE)
        collect = self.deployment.market, NATIVE
        self.send_plain("Payouts", "payouts", parties.stranger, "collect", *collect)
