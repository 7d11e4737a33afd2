"""What the lists of payees say of their distributions, each of them read once.

A list's bytes follow from the digest that was signed, and its trees from its bytes: what was found
of one stays true. What is kept of the old ones is what was found, and amounts only of the list in
force and of the one that waits, by currency.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from marketplace.audit.archive import Archive, Unavailable
from marketplace.audit.distributions import Proposal, roots_of
from marketplace.audit.log import note
from marketplace.audit.report import shown
from marketplace.protocol.documents import PayeeList
from marketplace.protocol.earnings import MAX_LIST_BYTES, Earning, decode_earnings
from offchain.storage.store import Store


@dataclass
class Findings:
    """What the lists were found to say.

    Attributes
    ----------
    faults, gaps
        Sentences: what is wrong, at most twenty of each list, and which lists could not be had.
    payees
        How many the longest list has.
    """

    faults: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    payees: int = 0


@dataclass
class _Read:
    """One list: its length, its faults, how many claims were held against it.

    `earned` is what it says of each account, in wei; nothing once another list is in force.
    """

    payees: int
    earned: Mapping[str, int]
    faults: list[str] = field(default_factory=list)
    claims: int = 0

    def compare(self, proposal: Proposal) -> None:
        """Hold the claims since the last time against the list."""
        for claim in proposal.claims[self.claims :]:
            due = self.earned.get(claim.account, 0)
            if claim.cumulative != due:
                note(
                    self.faults,
                    f"{claim.account} claimed {claim.cumulative} in {claim.place}, and by the list"
                    f" of {proposal.name} it had earned {due}",
                )
        self.claims = len(proposal.claims)


_NO_LIST = _Read(0, {})


class PayeeLists:
    """Remembers the lists of one contract's distributions, as long as the log goes on.

    A list that could not be had is asked for again, and so are those of its currency after it:
    whether somebody lost by them can't be told before.
    """

    def __init__(self) -> None:
        self._read: dict[int, _Read] = {}

    def findings(self, proposals: Sequence[Proposal], store: Store) -> Findings:
        """Return what all lists say; those that are new come from the store, always the same.

        Parameters
        ----------
        proposals
            All of the log so far, in its order.

        Raises
        ------
        StoreUnreachable
            If the store does not answer.
        """
        found = Findings()
        last: dict[str, _Read] = {}
        unsettled: set[str] = set()
        for number, proposal in enumerate(proposals):
            currency = proposal.distribution.currency
            if proposal.vetoed:
                self._read.pop(number, None)
                continue
            read = self._read.get(number)
            if read is None:
                before = last.get(currency, _NO_LIST)
                try:
                    read = _look(proposal, before.earned, Archive(store))
                except Unavailable as gap:
                    said = found.gaps if gap.verdict == "missing" else found.faults
                    said.append(f"the list of {proposal.name}: {gap.why}")
                    unsettled.add(currency)
                    continue
                if currency not in unsettled:
                    self._read[number] = read
            read.compare(proposal)
            found.faults += read.faults
            found.payees = max(found.payees, read.payees)
            if proposal.activated:
                if currency in last and currency not in unsettled:
                    last[currency].earned = {}
                last[currency] = read
        return found


def _look(proposal: Proposal, before: Mapping[str, int], archive: Archive) -> _Read:
    earnings = _earnings(proposal, archive)
    earned = {earning.account: earning.cumulative for earning in earnings}
    read = _Read(len(earnings), earned)
    for faults in (_list_faults(proposal, earnings), _losses(proposal, before, earned)):
        for fault in faults:
            note(read.faults, fault)
    return read


def _earnings(proposal: Proposal, archive: Archive) -> tuple[Earning, ...]:
    signed = proposal.distribution
    listing = archive.document(PayeeList, signed.document)
    if (listing.currency, listing.epoch) != (signed.currency, signed.epoch):
        raise Unavailable("failed", f"it is of epoch {listing.epoch} of {listing.currency}")
    return archive.file(listing.earnings, decode_earnings, MAX_LIST_BYTES)


def _list_faults(proposal: Proposal, earnings: tuple[Earning, ...]) -> Iterator[str]:
    signed = proposal.distribution
    total = sum(earning.cumulative for earning in earnings)
    if total != signed.total:
        yield f"the list of {proposal.name} sums to {total} and not to {signed.total}"
    if not signed.roots:
        yield f"{proposal.name} has no tree"
        return
    roots = roots_of(earnings, len(signed.roots))
    for place, (own, told) in enumerate(zip(roots, signed.roots, strict=True)):
        if own != told:
            yield f"tree {place} of {proposal.name} has the root {shown(own)}, not {shown(told)}"


def _losses(
    proposal: Proposal, before: Mapping[str, int], earned: Mapping[str, int]
) -> Iterator[str]:
    """Name who would have earned less than the last list in force said."""
    for account, amount in before.items():
        if earned.get(account, 0) < amount:
            yield (
                f"{account} had earned {amount}, and by the list of {proposal.name} it has"
                f" {earned.get(account, 0)}"
            )
