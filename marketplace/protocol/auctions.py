"""What a sealed-bid tender must come to: the reverse auction, from the whole list of bids.

The contract keeps a running best and second best; this computes the same award by
sorting, and the tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.protocol.tenders import PricingRule


@dataclass(frozen=True)
class Bid:
    """One seal, in the order of commitment, and its price if it was opened.

    Attributes
    ----------
    bidder
        Whoever sealed it.
    price
        In the currency's smallest unit; None while the seal is closed.
    """

    bidder: str
    price: int | None


@dataclass(frozen=True)
class Award:
    """The winner and what it is to be paid; None and 0 if nobody won."""

    winner: str | None
    price: int


def award(bids: Sequence[Bid], reserve: int, rule: PricingRule) -> Award:
    """Return the award of a tender.

    The lowest revealed price at or below the reserve wins, the earlier seal among
    equal ones. Under `PricingRule.SECOND_PRICE` the winner is paid the lowest price of
    the others, the reserve if that is lower or there is none (Vickrey 1961, for
    buying): then to bid one's own cost is a dominant strategy.

    Parameters
    ----------
    bids
        In the order of commitment, whatever the order of the reveals was.
    reserve
        Highest price that can win.
    rule
        How the price is found.
    """
    standing = [bid for bid in bids if bid.price is not None and bid.price <= reserve]
    ranked = sorted(standing, key=_price)  # stable, so the earlier seal comes first
    if not ranked:
        return Award(None, 0)
    winner, others = ranked[0], ranked[1:]
    if rule == PricingRule.FIRST_PRICE:
        return Award(winner.bidder, _price(winner))
    return Award(winner.bidder, min([reserve, *map(_price, others)]))


def seized_bonds(bids: Sequence[Bid], bond: int) -> int:
    """Return the bonds that are lost because their seals stayed closed."""
    return bond * sum(bid.price is None for bid in bids)


def _price(bid: Bid) -> int:
    if bid.price is None:
        raise ValueError("a closed seal has no price")
    return bid.price
