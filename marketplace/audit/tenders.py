"""Folds the log of sealed bids: who revealed which price in which tender, and bonds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from marketplace.audit.abi import Event
from marketplace.audit.credits import Wallet, withdrawn
from marketplace.protocol.terms import NOBODY


@dataclass
class Bidding:
    """One tender: its terms as the log tells them, prices by bidder, and who leads.

    Prices and the bond of each bid are in the currency's smallest unit; `reveal_end` is the last
    second for a price. `sealed` are the bids that nobody has revealed, by bidder.
    """

    id: bytes
    currency: str
    reveal_end: int
    bond: int
    sealed: dict[str, bytes] = field(default_factory=dict)
    prices: dict[str, int] = field(default_factory=dict)
    leader: str = NOBODY
    seized: bool = False

    @property
    def unrevealed(self) -> int:
        """How many bonds are held: of bids that nobody has revealed, unless they were seized."""
        return 0 if self.seized else len(self.sealed)


@dataclass
class Tenders:
    """What the log of the tenders' contract says: by id, in the order of opening.

    Attributes
    ----------
    credit
        Wei that each account may withdraw, by account and currency.
    faults
        Sentences about bonds that come back or are seized though nobody left one, and about
        withdrawals that don't match the credit of that moment.
    """

    biddings: dict[bytes, Bidding] = field(default_factory=dict)
    credit: defaultdict[Wallet, int] = field(default_factory=lambda: defaultdict(int))
    faults: list[str] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take the next event of the contract."""
        if event.name == "TenderOpened":
            terms = event["tender"]
            self.biddings[event["tenderId"]] = Bidding(
                event["tenderId"], terms["currency"], terms["revealEnd"], terms["bond"]
            )
        elif event.name == "CreditWithdrawn":
            withdrawn(self.credit, event, self.faults)
        elif event["tenderId"] in self.biddings:
            _OF_A_TENDER[event.name](self, self.biddings[event["tenderId"]], event)
        else:
            self.faults.append(f"{event.name} in {event.log.place} is of a tender never opened")

    def _sealed(self, bidding: Bidding, event: Event) -> None:
        bidding.sealed[event["bidder"]] = event["seal"]

    def _revealed(self, bidding: Bidding, event: Event) -> None:
        bidder = event["bidder"]
        if bidding.sealed.pop(bidder, None) is None:
            self.faults.append(f"{bidder} reveals in {event.log.place} what it never sealed")
        bidding.prices[bidder] = event["price"]
        bidding.leader = event["leader"]
        self.credit[bidder, bidding.currency] += bidding.bond

    def _seized(self, bidding: Bidding, event: Event) -> None:
        left, said = bidding.unrevealed, (event["count"], event["amount"])
        if said != (left, left * bidding.bond):
            self.faults.append(
                f"{said[0]} bonds of {said[1]} in all are seized in {event.log.place}, where"
                f" {left} of {bidding.bond} each were left"
            )
        self.credit[event["to"], bidding.currency] += event["amount"]
        bidding.seized = True


_OF_A_TENDER: dict[str, Callable[[Tenders, Bidding, Event], None]] = {
    "BidSealed": Tenders._sealed,
    "BidRevealed": Tenders._revealed,
    "BondsSeized": Tenders._seized,
}
