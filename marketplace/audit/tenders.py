"""Folds the log of sealed bids: who revealed which price in which tender, and bonds.

Ids, seals and who leads follow from what the log tells, as `SealedBids.sol` computes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from marketplace.audit.abi import Event
from marketplace.audit.credits import Wallet, withdrawn
from marketplace.audit.report import shown
from marketplace.protocol.tenders import bid_seal, tender_id
from marketplace.protocol.terms import NOBODY


class SealedBid(NamedTuple):
    """A seal, 28 bytes, and how many had sealed before, itself included."""

    seal: bytes
    order: int


@dataclass
class Bidding:
    """One tender: its terms as the log tells them, prices by bidder, and who leads.

    Prices, the most that is paid and the bond of each bid are in the currency's smallest unit;
    `reveal_end` is the last second for a price. `bids` counts the seals, `sealed` are those that
    nobody has revealed, by bidder. `best` is the lowest price with its seal's order and bidder.
    """

    id: bytes
    currency: str
    reveal_end: int
    bond: int
    reserve: int
    bids: int = 0
    sealed: dict[str, SealedBid] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=dict)
    best: tuple[int, int, str] | None = None
    leader: str = NOBODY
    seized: bool = False

    @property
    def unrevealed(self) -> int:
        """How many bonds are held: of bids that nobody has revealed, unless they were seized."""
        return 0 if self.seized else len(self.sealed)

    def rank(self, bidder: str, price: int, order: int) -> str:
        """Take a price; return who leads now: with equal prices, the earlier seal."""
        bid = price, order, bidder
        if price <= self.reserve and (self.best is None or bid < self.best):
            self.best = bid
        return NOBODY if self.best is None else self.best[2]


@dataclass
class Tenders:
    """What the log of the tenders' contract says: by id, in the order of opening.

    Attributes
    ----------
    credit
        Wei that each account may withdraw, by account and currency.
    faults
        Sentences about terms, seals, prices and leaders that don't follow from each other, about
        bonds that come back or are seized though nobody left one, and about withdrawals that
        don't match the credit of that moment.
    """

    biddings: dict[bytes, Bidding] = field(default_factory=dict)
    credit: defaultdict[Wallet, int] = field(default_factory=lambda: defaultdict(int))
    faults: list[str] = field(default_factory=list)

    def take(self, event: Event, chain_id: int) -> None:
        """Take the next event of the contract, on a chain of that id."""
        if event.name == "TenderOpened":
            self._opened(event, chain_id)
        elif event.name == "CreditWithdrawn":
            withdrawn(self.credit, event, self.faults)
        elif event["tenderId"] in self.biddings:
            _OF_A_TENDER[event.name](self, self.biddings[event["tenderId"]], event, chain_id)
        else:
            self.faults.append(f"{event.name} in {event.log.place} is of a tender never opened")

    def _opened(self, event: Event, chain_id: int) -> None:
        name, terms = event["tenderId"], event["tender"]
        if tender_id(chain_id, event.log.address, terms) != name:
            self.faults.append(f"{shown(name)} is not of the terms in {event.log.place}")
        self.biddings[name] = Bidding(
            name, terms.currency, terms.reveal_end, terms.bond, terms.reserve
        )

    def _sealed(self, bidding: Bidding, event: Event, _: int) -> None:
        bidding.bids += 1
        if event["order"] != bidding.bids:
            said = f"seal {event['order']} of its tender in {event.log.place}"
            self.faults.append(f"{event['bidder']} leaves {said}, where {bidding.bids} is next")
        bidding.sealed[event["bidder"]] = SealedBid(event["seal"], event["order"])

    def _revealed(self, bidding: Bidding, event: Event, chain_id: int) -> None:
        bidder, price, place = event["bidder"], event["price"], event.log.place
        bid = bidding.sealed.pop(bidder, None)
        if bid is None:
            self.faults.append(f"{bidder} reveals in {place} what it never sealed")
        else:
            opened = bidding.id, bidder, price, event["salt"]
            if bid_seal(chain_id, event.log.address, *opened) != bid.seal:
                self.faults.append(f"{bidder} did not seal the price of {price} in {place}")
            leader = bidding.rank(bidder, price, bid.order)
            if event["leader"] != leader:
                self.faults.append(f"{event['leader']} leads in {place}, where {leader} does")
        bidding.prices[bidder] = price
        bidding.leader = event["leader"]
        self.credit[bidder, bidding.currency] += bidding.bond

    def _seized(self, bidding: Bidding, event: Event, _: int) -> None:
        left, said = bidding.unrevealed, (event["count"], event["amount"])
        if said != (left, left * bidding.bond):
            self.faults.append(
                f"{said[0]} bonds of {said[1]} in all are seized in {event.log.place}, where"
                f" {left} of {bidding.bond} each were left"
            )
        self.credit[event["to"], bidding.currency] += event["amount"]
        bidding.seized = True


_OF_A_TENDER: dict[str, Callable[[Tenders, Bidding, Event, int], None]] = {
    "BidSealed": Tenders._sealed,
    "BidRevealed": Tenders._revealed,
    "BondsSeized": Tenders._seized,
}
