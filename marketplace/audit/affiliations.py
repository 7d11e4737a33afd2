"""Folds the registry's log: who declared to be one party with whom, and where that conflicts.

What is declared takes effect after a delay, so each question names a time. A trade is looked at
when its roles are filled, with what the log says up to there, as the contract did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from marketplace.audit.abi import Event
from marketplace.audit.digests import NOTHING
from marketplace.audit.trade import Trade, bitmap_of, seats_in

AT_ACCEPTANCE = (
    ("buyer", "auditor"),
    ("broker", "auditor"),
    ("treasury", "auditor"),
    ("buyer", "provider"),
    ("auditor", "provider"),
    ("buyer", "judge"),
    ("broker", "judge"),
    ("auditor", "judge"),
    ("treasury", "judge"),
    ("provider", "judge"),
)
AT_THE_GATE = (
    ("buyer", "expert"),
    ("auditor", "expert"),
    ("provider", "expert"),
    ("judge", "expert"),
)
"""Roles that conflict, by the step that fills the second (`Conflicts.sol`)."""


class Membership(NamedTuple):
    """An account's group, 32 bytes: from a time on, or until just before it if `leaving`."""

    group: bytes
    leaving: bool
    effective_at: int


NO_MEMBERSHIP = Membership(NOTHING, leaving=False, effective_at=0)


class Change(NamedTuple):
    """What an account did about a group, and how many seconds later it is to count.

    It founded, joined or left it; who leaves before it counts as a member took its joining back.
    """

    account: str
    what: str
    wait: int
    place: str


@dataclass
class Affiliations:
    """What the registry's log says about groups, and what follows for the trades.

    Attributes
    ----------
    conflicts, declared
        Sentences by trade: conflicting roles in one group, and who was in a group at all.
    judges
        Sentences about members of a committee that judged their own party's trade.
    barred
        By challenged trade: seats of the panel, as bitmaps, that had an interest in upholding
        and in overturning the verdict when it was challenged.
    challengers
        By challenged trade: seats of the panel, as a bitmap, that were of one party with the
        challenger.
    memberships
        By account, the last group that it joined or left.
    changes
        Every step into or out of a group, in the order of the log.
    """

    conflicts: defaultdict[bytes, list[str]] = field(default_factory=lambda: defaultdict(list))
    declared: defaultdict[bytes, list[str]] = field(default_factory=lambda: defaultdict(list))
    judges: list[str] = field(default_factory=list)
    barred: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    challengers: dict[bytes, int] = field(default_factory=dict)
    memberships: dict[str, Membership] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    _founders: dict[bytes, str] = field(default_factory=dict)
    _met: dict[str, str] = field(default_factory=dict)  # towards an account of the same party
    _first: dict[bytes, str] = field(default_factory=dict)  # of each group's members

    def take(self, event: Event) -> None:
        """Take the next event of the registry."""
        if event.name == "GroupFounded":
            self._founders[event["group"]] = event["founder"]
        if event.name not in ("GroupJoined", "GroupLeft"):
            return
        account, group = event["account"], event["group"]
        self._changed(event)
        leaving = event.name == "GroupLeft"
        self.memberships[account] = Membership(group, leaving, event["effectiveAt"])
        one, other = self.party_of(self._first.setdefault(group, account)), self.party_of(account)
        if one != other:
            self._met[max(one, other)] = min(one, other)

    def _changed(self, event: Event) -> None:
        account, what = event["account"], "joined"
        if event.name == "GroupLeft":
            before = self.memberships.get(account)
            early = before is not None and event.timestamp < before.effective_at
            what = "took back" if early else "left"
        elif self._founders.get(event["group"]) == account:
            what = "founded"
        wait = event["effectiveAt"] - event.timestamp
        self.changes.append(Change(account, what, wait, event.log.place))

    def group_of(self, account: str, timestamp: int) -> bytes | None:
        """Return the group that an account counts as a member of, by what the log said so far.

        `timestamp` is in seconds since 1970.
        """
        found = self.memberships.get(account)
        if found is None or found.group == NOTHING:
            return None
        before = timestamp < found.effective_at
        return found.group if found.leaving == before else None

    def party_of(self, account: str) -> str:
        """Return one account for all that were ever in one group with this one, by any chain."""
        while account in self._met:
            account = self._met[account]
        return account

    # ------------------------------------------------------------------ of the trades

    def look(self, trade: Trade, event: Event) -> None:
        """Look at a trade after an event of its own."""
        now = event.timestamp
        if event.name == "QuoteAccepted":
            self._fill(
                trade, AT_ACCEPTANCE, ("buyer", "broker", "auditor", "provider", "judge"), now
            )
        elif event.name == "DataReported":
            self._fill(trade, AT_THE_GATE, ("expert",), now)
        if event.name in ("DataReported", "AttemptReported"):
            self.judged(trade, event, trade.members)

    def judged(self, trade: Trade, event: Event, members: tuple[str, ...]) -> None:
        """Look at who of a committee signed a report or a ruling."""
        for seat in seats_in(event["signers"]):
            judge = members[seat] if seat < len(members) else None
            if judge is not None:
                self.judges += [
                    f"{event.name} of trade {trade.name}: {why}"
                    for why in self._stakes_of(judge, trade, event.timestamp)
                ]

    def challenged(self, trade: Trade, event: Event, jury: tuple[str, ...]) -> None:
        """Find who of the panel has an interest in the verdict, as the contract must have found.

        Judges lose by a verdict that falls, and the treasury gets a bond where it stands. A
        rejection pays the experts nothing, whether it stands or falls, and gives the buyer too
        little back for its group to count.
        """
        roles, passed, now = trade.roles, trade.passed is not None, event.timestamp
        parties = {*roles["buyer"], *roles["broker"], *roles["auditor"], trade.request.treasury}
        winning = {*parties, *trade.members, *(roles["expert"] if passed else ())}
        alone = bitmap_of(seat for seat, juror in enumerate(jury) if juror in roles["buyer"])
        self.barred[trade.id] = (
            self._seats_of(jury, winning, now),
            self._seats_of(jury, {*roles["buyer"]}, now) if passed else alone,
        )
        self.challengers[trade.id] = self._seats_of(jury, {event["challenger"]}, now)

    def _seats_of(self, jury: tuple[str, ...], parties: set[str], timestamp: int) -> int:
        groups = {self.group_of(party, timestamp) for party in parties} - {None}
        return bitmap_of(
            seat
            for seat, juror in enumerate(jury)
            if juror in parties or self.group_of(juror, timestamp) in groups
        )

    def _fill(
        self,
        trade: Trade,
        conflicting: tuple[tuple[str, str], ...],
        filled: tuple[str, ...],
        timestamp: int,
    ) -> None:
        roles = trade.roles | {"treasury": (trade.request.treasury,)}
        for role in filled:
            for account in roles[role]:
                group = self.group_of(account, timestamp)
                if group is not None:
                    self.declared[trade.id].append(f"{role} {account} in 0x{group.hex()}")
        for one, other in conflicting:
            for first in roles[one]:
                group = self.group_of(first, timestamp)
                self.conflicts[trade.id] += [
                    f"the {one} {first} and the {other} {second} were both in group 0x{group.hex()}"
                    for second in roles[other]
                    if group is not None and self.group_of(second, timestamp) == group
                ]

    def _stakes_of(self, judge: str, trade: Trade, timestamp: int) -> Iterator[str]:
        group = self.group_of(judge, timestamp)
        for role, accounts in trade.roles.items():
            for account in accounts if role != "judge" else ():
                if account == judge:
                    yield f"the signer {judge} is its {role}"
                elif group is not None and group == self.group_of(account, timestamp):
                    yield f"the signer {judge} was in one group with its {role} {account}"
