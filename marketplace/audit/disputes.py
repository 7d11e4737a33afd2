"""Folds the log of the challenges: who disputed what, how it was ruled, and who was awarded what.

Which of it is as it should be, `marketplace.audit.checks.disputes` says.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from marketplace.audit.abi import Event
from marketplace.audit.credits import Wallet, withdrawn
from marketplace.audit.digests import hashed
from marketplace.audit.office import Slash

CHALLENGE = "Challenged"
RULINGS = ("VerdictUpheld", "VerdictOverturned", "ChallengeLapsed")
PENALTIES = ("ClosedSealsPenalised", "SilencePenalised")


class Award(NamedTuple):
    """Wei that a ruling or a penalty gave to an account."""

    account: str
    currency: str
    amount: int


@dataclass
class Act:
    """A challenge, a ruling or a penalty: what was taken for it, and what it gave.

    `announced` says of a challenge when its seal was announced, in seconds since 1970.
    """

    event: Event
    slashes: tuple[Slash, ...]
    announced: int | None = None
    awards: list[Award] = field(default_factory=list)


@dataclass
class Disputes:
    """What the log of the challenges' contract says.

    Attributes
    ----------
    acts
        By trade, in the order of the log.
    announced
        When each seal that no challenge has used was announced, in seconds since 1970.
    credit
        Wei that each account may withdraw, by account and currency.
    unclaimed
        What was taken from stakes and belongs to no act: none followed in its transaction.
    faults
        Sentences about withdrawals that don't match the credit of that moment, and about
        awards that belong to nothing.
    """

    acts: defaultdict[bytes, list[Act]] = field(default_factory=lambda: defaultdict(list))
    announced: dict[bytes, int] = field(default_factory=dict)
    credit: defaultdict[Wallet, int] = field(default_factory=lambda: defaultdict(int))
    unclaimed: list[Slash] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def open_bonds(self) -> dict[str, int]:
        """Return the bonds of challenges that nobody has ruled on yet, in wei by currency."""
        total: defaultdict[str, int] = defaultdict(int)
        for acts in self.acts.values():
            for act in acts:
                if act.event.name == CHALLENGE:
                    total[act.event["currency"]] += act.event["bond"]
                elif act.event.name in RULINGS and acts[0].event.name == CHALLENGE:
                    total[acts[0].event["currency"]] -= acts[0].event["bond"]
        return dict(total)

    def pending(self, trade: bytes) -> Event | None:
        """Return the challenge of a trade that nobody has ruled on yet."""
        steps = [act.event for act in self.acts.get(trade, ()) if act.event.name not in PENALTIES]
        return steps[-1] if steps and steps[-1].name == CHALLENGE else None

    def slashed(self, slash: Slash) -> None:
        """Take what a stake lost: to the next act of the same transaction, if there is one."""
        self.unclaimed.append(slash)

    def take(self, event: Event, chain_id: int) -> None:
        """Take the next event of the contract."""
        if event.name in (CHALLENGE, *RULINGS, *PENALTIES):
            self._act(event, chain_id)
        elif event.name == "ChallengeAnnounced":
            self.announced.setdefault(event["seal"], event.timestamp)
        elif event.name == "Awarded":
            self._awarded(event)
        elif event.name == "CreditWithdrawn":
            withdrawn(self.credit, event, self.faults)

    def _act(self, event: Event, chain_id: int) -> None:
        transaction = event.log.transaction
        taken = tuple(s for s in self.unclaimed if s.log.transaction == transaction)
        self.unclaimed = [s for s in self.unclaimed if s.log.transaction != transaction]
        announced = None
        if event.name == CHALLENGE:
            announced = self.announced.pop(seal_of(event, chain_id), None)
        self.acts[event["tradeId"]].append(Act(event, taken, announced))

    def _awarded(self, event: Event) -> None:
        award = Award(event["account"], event["currency"], event["amount"])
        self.credit[award.account, award.currency] += award.amount
        acts = self.acts.get(event["tradeId"])
        if acts and acts[-1].event.log.transaction == event.log.transaction:
            acts[-1].awards.append(award)
        else:
            self.faults.append(f"the award in {event.log.place} follows no ruling and no penalty")


def seal_of(challenge: Event, chain_id: int) -> bytes:
    """Return by which 32 bytes a challenge was to be announced (`Challenges.sealOf`)."""
    told = (challenge[name] for name in ("tradeId", "challenger", "claim", "salt"))
    return hashed(chain_id, challenge.log.address, *told)
