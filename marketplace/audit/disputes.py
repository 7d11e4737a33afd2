"""Folds the log of the challenges: who disputed what, how it was ruled, and who was awarded what.

Which of it is as it should be, `marketplace.audit.checks.disputes` says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from marketplace.audit.abi import Event

_RULINGS = ("VerdictUpheld", "VerdictOverturned", "ChallengeLapsed")
_PENALTIES = ("ClosedSealsPenalised", "SilencePenalised")


@dataclass(frozen=True)
class Award:
    """Wei that a ruling or a penalty gave to an account."""

    account: str
    currency: str
    amount: int
    transaction: bytes


@dataclass
class Dispute:
    """What the challenges' contract says of one trade.

    Attributes
    ----------
    challenges, rulings, penalties
        The events, in the order of the log; a trade has one of each of the first two at most.
    awards
        What was given to whom.
    disorder
        Sentences about events that came out of order.
    """

    challenges: list[Event] = field(default_factory=list)
    rulings: list[Event] = field(default_factory=list)
    penalties: list[Event] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    disorder: list[str] = field(default_factory=list)

    @property
    def bond(self) -> tuple[str, int] | None:
        """Currency and wei of a challenge that nobody has ruled on yet."""
        if not self.challenges or self.rulings:
            return None
        return self.challenges[0]["currency"], self.challenges[0]["bond"]


@dataclass
class Disputes:
    """What the log of the challenges' contract says.

    Attributes
    ----------
    by_trade
        Of trades that were disputed or penalised.
    credit
        Wei that each account may withdraw, by account and currency.
    overdrafts
        Sentences about withdrawals that don't match the credit of that moment.
    """

    by_trade: defaultdict[bytes, Dispute] = field(default_factory=lambda: defaultdict(Dispute))
    credit: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    overdrafts: list[str] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take the next event of the contract."""
        if event.name in _EVENTS:
            _EVENTS[event.name](self, event)

    def _challenged(self, event: Event) -> None:
        dispute = self.by_trade[event["tradeId"]]
        if dispute.challenges:
            dispute.disorder.append(f"a second challenge came in {event.log.place}")
        dispute.challenges.append(event)

    def _ruled(self, event: Event) -> None:
        dispute = self.by_trade[event["tradeId"]]
        if not dispute.challenges or dispute.rulings:
            dispute.disorder.append(f"{event.name} in {event.log.place} ended no challenge")
        dispute.rulings.append(event)

    def _penalised(self, event: Event) -> None:
        self.by_trade[event["tradeId"]].penalties.append(event)

    def _awarded(self, event: Event) -> None:
        account, currency, amount = event["account"], event["currency"], event["amount"]
        self.by_trade[event["tradeId"]].awards.append(
            Award(account, currency, amount, event.log.transaction)
        )
        self.credit[account, currency] += amount

    def _withdrawn(self, event: Event) -> None:
        wallet = event["account"], event["currency"]
        if event["amount"] != self.credit[wallet]:
            self.overdrafts.append(
                f"{wallet[0]} withdrew {event['amount']} of {wallet[1]} from the challenges in"
                f" {event.log.place} where its credit was {self.credit[wallet]}"
            )
        self.credit[wallet] -= event["amount"]


_EVENTS: dict[str, Callable[[Disputes, Event], None]] = {
    "Challenged": Disputes._challenged,
    **dict.fromkeys(_RULINGS, Disputes._ruled),
    **dict.fromkeys(_PENALTIES, Disputes._penalised),
    "Awarded": Disputes._awarded,
    "CreditWithdrawn": Disputes._withdrawn,
}
