"""Folds the log of one committee contract: who judges when, and what its members have at stake."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from marketplace.audit.abi import Event
from marketplace.audit.blocks import Log
from marketplace.audit.digests import NOTHING, committee_digest


@dataclass(frozen=True)
class Committee:
    """Members (ascending) of one version, and how many make a quorum."""

    version: int
    threshold: int
    members: tuple[str, ...]

    @cached_property
    def digest(self) -> bytes:
        """By which requests name it, 32 bytes."""
        return committee_digest(self.version, self.threshold, self.members)


NO_COMMITTEE = Committee(0, 0, ())


@dataclass(frozen=True)
class Slash:
    """Wei that were taken from a member's stake, for a receiver, what it held before, and where."""

    member: str
    receiver: str
    amount: int
    held: int
    log: Log


@dataclass
class Office:
    """What the log of one committee contract says.

    Attributes
    ----------
    title
        For people: ``committee`` or ``panel``.
    delay
        Seconds from the scheduling of a committee to its taking office.
    least
        Wei that a member needs at stake.
    committees
        By version, those that were cancelled too.
    bonded, unbonding
        Wei that each member has at stake, and on its way out.
    slashes
        In the order of the log.
    credit
        Wei of what was taken that each account may withdraw.
    faults
        Sentences about committees out of order.
    """

    title: str
    delay: int
    least: int
    committees: dict[int, Committee] = field(default_factory=dict)
    bonded: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    unbonding: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    slashes: list[Slash] = field(default_factory=list)
    credit: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    faults: list[str] = field(default_factory=list)
    _terms: list[tuple[int, int]] = field(default_factory=list)  # start in seconds, version

    def in_office(self, timestamp: int) -> bytes:
        """Return the digest of the committee in office at a time; zero before the first."""
        version = self.version_at(timestamp)
        return self.committees[version].digest if version in self.committees else NOTHING

    def backed_at(self, timestamp: int) -> bytes:
        """Return the digest that a request may name at a time, by what is at stake as things stand.

        Zero while fewer of those in office than a quorum needs have the least stake. What is
        unbonding counts: it can't be withdrawn in office.
        """
        seated = self.committees.get(self.version_at(timestamp), NO_COMMITTEE)
        stakes = (self.bonded[member] + self.unbonding[member] for member in seated.members)
        backed = sum(stake >= self.least for stake in stakes)
        return self.in_office(timestamp) if backed >= seated.threshold else NOTHING

    def of(self, digest: bytes) -> Committee:
        """Return the committee with a digest; an empty one if there was none."""
        return next((c for c in self.committees.values() if c.digest == digest), NO_COMMITTEE)

    @property
    def ever_seated(self) -> set[str]:
        """Members of any version."""
        return {member for c in self.committees.values() for member in c.members}

    def take(self, event: Event) -> None:
        """Take the next event of the contract."""
        if event.name in _EVENTS:
            _EVENTS[event.name](self, event)

    # ------------------------------------------------------------------ committees

    def version_at(self, timestamp: int) -> int:
        """Return the version in office at a time (seconds since 1970); 0 before the first.

        A committee takes office after the delay of its rotation, not when it is scheduled.
        """
        begun = [version for start, version in self._terms if start <= timestamp]
        return begun[-1] if begun else 0

    def _scheduled(self, event: Event) -> None:
        version, members, threshold = event["version"], event["members"], event["threshold"]
        latest, where = max(self.committees, default=0), event.log.place
        incumbent = self.version_at(event.timestamp)
        due = event.timestamp + (self.delay if incumbent else 0)
        if version != latest + 1:
            self.faults.append(f"version {version} follows version {latest} in {where}")
        starts = event["effectiveAt"]
        if starts != due:
            self.faults.append(f"version {version} takes office at {starts}, not at {due}")
        if not ascending(members):
            self.faults.append(f"the members of version {version} are not ascending")
        if not len(members) < 2 * threshold <= 2 * len(members):
            self.faults.append(
                f"{threshold} of {len(members)} make no majority in version {version}"
            )
        self.faults += [
            f"{member} of version {version} had {self.bonded[member]} at stake, not {self.least}"
            for member in members
            if self.bonded[member] < self.least
        ]
        self.committees[version] = Committee(version, threshold, members)
        self._drop_scheduled(event.timestamp)
        self._terms.append((starts, version))

    def _cancelled(self, event: Event) -> None:
        if event["version"] not in self._drop_scheduled(event.timestamp):
            self.faults.append(
                f"version {event['version']} was cancelled in {event.log.place}"
                " without being scheduled"
            )

    def _drop_scheduled(self, timestamp: int) -> list[int]:
        """Forget the terms that have not begun yet; returns whose they were."""
        dropped = [version for start, version in self._terms if start > timestamp]
        self._terms = [term for term in self._terms if term[0] <= timestamp]
        return dropped

    # ---------------------------------------------------------------------- stakes

    def _staked(self, event: Event) -> None:
        self.bonded[event["member"]] += event["amount"]

    def _unstake_requested(self, event: Event) -> None:
        self.bonded[event["member"]] -= event["amount"]
        self.unbonding[event["member"]] += event["amount"]

    def _stake_withdrawn(self, event: Event) -> None:
        self.unbonding[event["member"]] -= event["amount"]

    def _slashed(self, event: Event) -> None:
        member, receiver, amount = event["member"], event["to"], event["amount"]
        held = self.bonded[member] + self.unbonding[member]
        first = min(amount, self.unbonding[member])
        self.unbonding[member] -= first
        self.bonded[member] -= amount - first
        self.credit[receiver] += amount
        self.slashes.append(Slash(member, receiver, amount, held, event.log))

    def _credit_withdrawn(self, event: Event) -> None:
        self.credit[event["account"]] -= event["amount"]


_EVENTS: dict[str, Callable[[Office, Event], None]] = {
    "RotationScheduled": Office._scheduled,
    "RotationCancelled": Office._cancelled,
    "Staked": Office._staked,
    "UnstakeRequested": Office._unstake_requested,
    "StakeWithdrawn": Office._stake_withdrawn,
    "Slashed": Office._slashed,
    "CreditWithdrawn": Office._credit_withdrawn,
}


def ascending(accounts: Iterable[str]) -> bool:
    """Tell whether addresses are strictly ascending, which also makes them distinct."""
    numbers = [int(account, 16) for account in accounts]
    return all(one < other for one, other in pairwise(numbers))
