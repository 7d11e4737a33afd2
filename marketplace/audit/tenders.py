"""Folds the log of sealed bids: who revealed which price in which tender."""

from __future__ import annotations

from dataclasses import dataclass, field

from marketplace.audit.abi import Event


@dataclass
class Bidding:
    """One tender: its terms as the log tells them, prices by bidder, and who leads.

    Prices are in the currency's smallest unit; `reveal_end` is the last second for a price.
    """

    id: bytes
    currency: str
    reveal_end: int
    prices: dict[str, int] = field(default_factory=dict)
    leader: str | None = None


@dataclass
class Tenders:
    """What the log of the tenders' contract says: by id, in the order of opening."""

    biddings: dict[bytes, Bidding] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Take the next event of the contract."""
        if event.name == "TenderOpened":
            terms = event["tender"]
            self.biddings[event["tenderId"]] = Bidding(
                event["tenderId"], terms["currency"], terms["revealEnd"]
            )
        elif event.name == "BidRevealed" and event["tenderId"] in self.biddings:
            bidding = self.biddings[event["tenderId"]]
            bidding.prices[event["bidder"]] = event["price"]
            bidding.leader = event["leader"]
