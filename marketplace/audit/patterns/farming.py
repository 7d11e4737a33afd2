"""Reputation out of many tiny trades with the same few accounts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from marketplace.audit.history import History
from marketplace.audit.patterns.dealing import EARNED
from marketplace.audit.report import Finding, suspected
from marketplace.audit.trade import Trade
from marketplace.protocol.units import BASIS_POINTS

FARMED_TRADES = 5
"""How many tiny trades make a pattern."""

TINY_PART = 20
"""A trade is tiny if this many of its prices are no more than the usual price."""

FEW_BUYERS = 2
"""How many buyers are few."""

FARMED_BPS = 8_000
"""Part of all paid trades of a party that the tiny ones with few buyers must make."""


def farming(history: History) -> Finding:
    """Look for parties most of whose paid trades are tiny ones with the same few buyers.

    A party is an account, or all accounts that were ever in one group. The usual price of a
    currency is the lower median, over its buyers, of the largest price each accepted: so many
    tiny trades don't move it.
    """
    party = history.affiliations.party_of
    by_currency: defaultdict[str, list[Trade]] = defaultdict(list)
    for trade in history.trades.values():
        if trade.acceptance is not None:
            by_currency[trade.request.currency].append(trade)
    sentences: list[str] = []
    for currency, trades in sorted(by_currency.items()):
        usual = _usual_price(trades, [party(trade.buyer) for trade in trades])
        earned: defaultdict[str, list[Trade]] = defaultdict(list)
        for trade in trades:
            for payee in sorted({party(paid.account) for paid in trade.credited(*EARNED)}):
                if payee != party(trade.buyer):
                    earned[payee].append(trade)
        for payee, paid in sorted(earned.items()):
            buyers = [party(trade.buyer) for trade in paid if _is_tiny(trade, usual)]
            sentences += [f"{payee} {told} of {currency}" for told in _farmed(buyers, paid, usual)]
    return suspected(
        sentences, f"nobody owes its name to {FARMED_TRADES} tiny trades with the same few buyers"
    )


def _usual_price(trades: Sequence[Trade], buyers: Sequence[str]) -> int:
    largest: dict[str, int] = {}
    for trade, buyer in zip(trades, buyers, strict=True):
        largest[buyer] = max(largest.get(buyer, 0), _price(trade))
    prices = sorted(largest.values())
    return prices[(len(prices) - 1) // 2]


def _price(trade: Trade) -> int:
    return trade.acceptance.components if trade.acceptance else 0


def _is_tiny(trade: Trade, usual: int) -> bool:
    return TINY_PART * _price(trade) <= usual


def _farmed(buyers: Sequence[str], paid: Sequence[Trade], usual: int) -> Iterator[str]:
    """Tell of a payee's tiny trades, by their buyers, if they make most of its name."""
    ranked = sorted(Counter(buyers).items(), key=lambda entry: (-entry[1], entry[0]))
    few = ranked[:FEW_BUYERS]
    count = sum(number for _, number in few)
    if count >= FARMED_TRADES and count * BASIS_POINTS >= len(paid) * FARMED_BPS:
        yield (
            f"was paid in {len(paid)} trades, {count} of them tiny and by"
            f" {' and '.join(buyer for buyer, _ in few)}, where the usual price is {usual}"
        )
