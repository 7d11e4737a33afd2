"""Bids that move together: the same bidders keep their distances, or take turns at winning."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import reduce
from math import gcd

from marketplace.audit.history import History
from marketplace.audit.report import Finding, counted, suspected
from marketplace.audit.tenders import Bidding

MOVED_TENDERS = 3
"""How many tenders with different prices, but the same differences or ratios, are a pattern."""

TURNS = 6
"""How many tenders in a row must be won in turn; two whole rounds at least."""


def moving_bids(history: History, now: int) -> Finding:
    """Look for bidders whose prices move together, or who win in turn.

    Tenders of one currency with the same set of revealing bidders, two at least, are held
    against each other, in the order of opening. Those that still take prices are left out:
    `now`, in seconds since 1970, is the time of the block at which the chain is looked at.
    """
    groups: defaultdict[tuple[str, tuple[str, ...]], list[Bidding]] = defaultdict(list)
    for bidding in history.tenders.biddings.values():
        if len(bidding.prices) > 1 and bidding.reveal_end < now:
            groups[bidding.currency, tuple(sorted(bidding.prices))].append(bidding)
    sentences = [
        f"{', '.join(bidders)} {told}"
        for (_, bidders), biddings in sorted(groups.items())
        for told in _patterns(bidders, biddings)
    ]
    count = counted(len(history.tenders.biddings), "tender")
    return suspected(sentences, f"no bids moved together, and none won in turn, in {count}")


def _patterns(bidders: Sequence[str], biddings: Sequence[Bidding]) -> Iterator[str]:
    vectors = [tuple(bidding.prices[bidder] for bidder in bidders) for bidding in biddings]
    for kept, key in (("differences", _differences), ("ratios", _ratios)):
        # Who asks the same price for the same work each time is honest: only different count.
        alike: defaultdict[tuple[int, ...], set[tuple[int, ...]]] = defaultdict(set)
        for vector in vectors:
            alike[key(vector)].add(vector)
        most = max(len(same) for same in alike.values())
        if most >= MOVED_TENDERS:
            yield f"kept the same {kept} over {most} different sets of prices"
    run = _turns([bidding.leader for bidding in biddings], len(bidders))
    if run >= max(TURNS, 2 * len(bidders)):
        yield f"won in turn in {run} tenders in a row"


def _differences(prices: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(price - prices[0] for price in prices)


def _ratios(prices: tuple[int, ...]) -> tuple[int, ...]:
    """Return the prices in lowest terms: two sets have one ratio just when these are equal."""
    common = reduce(gcd, prices) or 1
    return tuple(price // common for price in prices)


def _turns(winners: Sequence[str], bidders: int) -> int:
    """Return the longest run in which each of the bidders won, over and over in one order."""
    longest = 0
    for start in range(len(winners) - bidders + 1):
        order = winners[start : start + bidders]
        if len(set(order)) < bidders:
            continue
        end = start + bidders
        while end < len(winners) and winners[end] == winners[end - bidders]:
            end += 1
        longest = max(longest, end - start)
    return longest
