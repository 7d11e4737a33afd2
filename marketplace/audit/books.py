"""What each contract should hold, and what it keeps for accounts of no trade, by the log.

Stakes of committees are folded in `marketplace.audit.office`, awards in `…disputes`, credits of
the market in `…history`; here are those of the registry, of tenders and of payouts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from marketplace.audit.abi import Event
from marketplace.audit.chain import Contracts
from marketplace.audit.credits import Wallet, withdrawn
from marketplace.audit.postings import Postings

Holding = tuple[str, str]
"""A contract and a currency, both checksummed addresses."""


class Books:
    """Adds up what came into each contract and what left it.

    Parameters
    ----------
    contracts, stakes
        As `Postings` takes them.

    Attributes
    ----------
    stakes
        Currency of the stakes in each contract that takes some, by its address.
    held
        Wei that came into a contract less what left it, by contract and currency.
    """

    def __init__(self, contracts: Contracts, stakes: Mapping[str, str]) -> None:
        self.stakes = stakes
        self.held: defaultdict[Holding, int] = defaultdict(int)
        self._contracts = contracts
        self._postings = Postings(contracts, stakes)
        self._moved: set[Holding] = set()

    def take(self, event: Event) -> None:
        """Take the next event of any contract."""
        for posting in self._postings.of(event):
            here = event.log.address, posting.currency
            self._moved.add(here)
            if posting.flow == "in":
                self.held[here] += posting.amount
            elif posting.flow == "out":
                self.held[here] -= posting.amount
                there = posting.payee[1], posting.currency
                if self._contracts.title_of(there[0]) is not None:  # what one pays the other
                    self.held[there] += posting.amount
                    self._moved.add(there)

    def moved(self) -> list[Holding]:
        """Return where something moved since this was last asked, in a fixed order."""
        moved = sorted(self._moved)
        self._moved.clear()
        return moved


@dataclass
class Deposits:
    """Stakes in the registry of participants, in wei by account.

    Attributes
    ----------
    staked, leaving
        What is at stake, and what is on its way out.
    """

    staked: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    leaving: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def take(self, event: Event) -> None:
        """Take the next event of the registry."""
        if event.name == "StakeDeposited":
            self.staked[event["account"]] += event["amount"]
        elif event.name == "StakeUnlocked":
            self.staked[event["account"]] -= event["amount"]
            self.leaving[event["account"]] += event["amount"]
        elif event.name == "StakeWithdrawn":
            self.leaving[event["account"]] -= event["amount"]


@dataclass
class Payouts:
    """What the log of the contract that pays many says.

    Attributes
    ----------
    funded, total
        Wei by currency: what ever arrived, and what the active distribution gives out in all.
    claimed, credit
        Wei by account and currency: what was ever claimed, and what may be withdrawn.
    faults
        Sentences about sums that the events themselves get wrong.
    """

    funded: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    total: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    claimed: defaultdict[Wallet, int] = field(default_factory=lambda: defaultdict(int))
    credit: defaultdict[Wallet, int] = field(default_factory=lambda: defaultdict(int))
    faults: list[str] = field(default_factory=list)
    _taken: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def unclaimed(self, currency: str) -> int:
        """Return what of the active distribution nobody has claimed yet, in wei."""
        return self.total[currency] - self._taken[currency]

    def take(self, event: Event) -> None:
        """Take the next event of the contract."""
        place = event.log.place
        if event.name == "Funded":
            currency = event["currency"]
            self.funded[currency] += event["amount"]
            if event["funded"] != self.funded[currency]:
                self.faults.append(
                    f"{event['funded']} of {currency} are said to have arrived by {place},"
                    f" and {self.funded[currency]} did"
                )
        elif event.name == "DistributionActivated":
            currency, total = event["currency"], event["total"]
            if not self.total[currency] < total <= self.funded[currency]:
                self.faults.append(
                    f"{total} of {currency} are given out in {place}, after {self.total[currency]}"
                    f" and of {self.funded[currency]} that arrived"
                )
            self.total[currency] = total
        elif event.name == "Claimed":
            wallet = event["account"], event["currency"]
            amount = event["cumulative"] - self.claimed[wallet]
            if amount <= 0:
                self.faults.append(f"{wallet[0]} claims {amount} of {wallet[1]} in {place}")
            self.claimed[wallet] += amount
            self.credit[wallet] += amount
            self._taken[wallet[1]] += amount
            if self.unclaimed(wallet[1]) < 0:
                self.faults.append(f"more of {wallet[1]} is claimed in {place} than is given out")
        elif event.name == "Withdrawn":
            withdrawn(self.credit, event, self.faults)
