"""Money that comes back: parties that pay each other in turn, over trades."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from marketplace.audit.history import History
from marketplace.audit.report import Finding, suspected
from marketplace.protocol.states import Purpose
from marketplace.protocol.units import BASIS_POINTS

RETURNED_BPS = 5_000
"""Of the largest payment of a circle, the part that the smallest must reach."""

EARNED = (Purpose.DATA, Purpose.EXPERT, Purpose.BROKER, Purpose.AUDIT)
"""What a buyer pays to whom it dealt with; committee and protocol are paid by rule."""

Flows = dict[tuple[str, str], int]
"""Wei by payer and payee, each a party."""


def self_dealing(history: History) -> Finding:
    """Look for payments in circles of one, two or three parties, by currency.

    A party is an account, or all accounts that were ever in one group. Flows are what a
    party's trades credited to another, over the whole log.
    """
    sentences = [
        f"{circle} of {currency}"
        for currency, flows in sorted(flows_of(history).items())
        for circle in _circles(flows)
    ]
    return suspected(sentences, "no party was paid by those whom it paid, in circles up to three")


def flows_of(history: History) -> dict[str, Flows]:
    """Sum what buyers paid to whom, by currency.

    A buyer may be its own broker, by the rules: that fee is no flow.
    """
    found: defaultdict[str, defaultdict[tuple[str, str], int]]
    found = defaultdict(lambda: defaultdict(int))
    party = history.affiliations.party_of
    for trade in history.trades.values():
        payer = party(trade.buyer)
        for credit in trade.credited(*EARNED):
            payee = party(credit.account)
            if payee != payer or credit.purpose is not Purpose.BROKER:
                found[credit.currency][payer, payee] += credit.amount
    return {currency: {k: v for k, v in flows.items() if v} for currency, flows in found.items()}


def _circles(flows: Flows) -> Iterator[str]:
    paid: defaultdict[str, list[str]] = defaultdict(list)
    for payer, payee in sorted(flows):
        paid[payer].append(payee)
    pairs: set[frozenset[str]] = set()
    for one in sorted(paid):
        for other in paid[one]:
            if one == other:
                yield f"{one} or its group paid itself {flows[one, one]}"
            elif one < other and _circles_back(flows, one, other):
                pairs.add(frozenset((one, other)))
                yield _told(flows, one, other)
    for one in sorted(paid):
        for other in paid[one]:
            for third in paid.get(other, []):
                # Told from its lowest party on, so that each circle is told once. One that the
                # second paid back, or that it paid itself, is a pair's.
                lowest = one < min(other, third)
                steps = _steps(one, other, third)
                known = any(frozenset(step) in pairs for step in steps)
                if lowest and not known and _circles_back(flows, one, other, third):
                    yield _told(flows, one, other, third)


def _steps(*parties: str) -> list[tuple[str, str]]:
    return list(zip(parties, (*parties[1:], parties[0]), strict=True))


def _circles_back(flows: Flows, *parties: str) -> bool:
    amounts = [flows.get(step, 0) for step in _steps(*parties)]
    return min(amounts) * BASIS_POINTS >= max(amounts) * RETURNED_BPS


def _told(flows: Flows, *parties: str) -> str:
    return ", ".join(f"{a} paid {flows[a, b]} to {b}" for a, b in _steps(*parties))
