"""Checks of what is given out to many: who signed it, and whether the list bears it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from marketplace.audit.archive import Archive, Unavailable
from marketplace.audit.chain import Chain
from marketplace.audit.distributions import Proposal, roots_of
from marketplace.audit.history import History
from marketplace.audit.report import Finding, counted, judged, listed, shown
from marketplace.audit.signatures import quorum_faults
from marketplace.protocol.documents import PayeeList
from marketplace.protocol.earnings import Earning, decode_earnings
from marketplace.protocol.payouts import PayoutsDomain
from offchain.storage.store import Store


def check_distributions(history: History, chain: Chain, store: Store) -> Finding:
    """Check each distribution's signatures and time, and its trees by the list of payees.

    The list must sum to the total, its trees must have the roots that were signed, nobody may have
    earned less than in the last list in force, and whoever claimed must have claimed what the list
    in force says. A list that is not there is missing; that of a vetoed proposal isn't asked for.
    What waits and what is in force must be stored as the log says.
    """
    contract, told = str(chain.contracts.payouts), history.distributions
    domain = PayoutsDomain(history.domain.chain_id, contract)
    delay = chain.view(contract, "activationDelay")
    faults, payees = [*told.faults, *_stored_faults(history, chain, contract)], 0
    gaps: list[str] = []
    before: dict[str, dict[str, int]] = {}
    for proposal in told.proposals:
        committee = history.committee.of(proposal.distribution.committee)
        if proposal.distribution.committee != history.committee.in_office(proposal.timestamp):
            faults.append(f"the committee of {proposal.name} was not in office")
        faults += quorum_faults(committee, proposal.signed(domain))
        if proposal.active_at - proposal.timestamp != delay:
            waits = proposal.active_at - proposal.timestamp
            faults.append(f"{proposal.name} waits {waits} seconds, not {delay}")
        if proposal.vetoed:
            continue
        try:
            earnings = _earnings(proposal, Archive(store))
        except Unavailable as gap:
            said = gaps if gap.verdict == "missing" else faults
            said.append(f"the list of {proposal.name}: {gap.why}")
        else:
            payees = max(payees, len(earnings))
            earned = {earning.account: earning.cumulative for earning in earnings}
            currency = proposal.distribution.currency
            faults += _list_faults(proposal, earnings)
            faults += _losses(proposal, before.get(currency, {}), earned)
            faults += _claim_faults(proposal, earned)
            if proposal.activated:
                before[currency] = earned
    if gaps and not faults:
        return Finding("missing", listed(gaps))
    return judged(
        [*faults, *gaps],
        f"{counted(len(told.proposals), 'distribution')} to at most"
        f" {counted(payees, 'account')} signed by a quorum, and their lists have their roots",
    )


def _stored_faults(history: History, chain: Chain, contract: str) -> Iterator[str]:
    told = history.distributions
    for currency, epoch in sorted(told.epochs.items()):
        active, waiting = told.in_force.get(currency), told.waiting.get(currency)
        due: dict[str, tuple[object, ...]] = {
            "rootsOf": (epoch, active.distribution.roots if active else ()),
            "pendingOf": (waiting.distribution.total, waiting.active_at, waiting.distribution.roots)
            if waiting
            else (0, 0, ()),
        }
        for view, expected in due.items():
            stored = chain.view(contract, view, currency) or {}
            if tuple(stored.values()) != expected:
                yield f"{view} {currency} says {shown(stored)} and the log {expected}"


def _earnings(proposal: Proposal, archive: Archive) -> tuple[Earning, ...]:
    signed = proposal.distribution
    listing = archive.document(PayeeList, signed.document)
    if (listing.currency, listing.epoch) != (signed.currency, signed.epoch):
        raise Unavailable("failed", f"it is of epoch {listing.epoch} of {listing.currency}")
    return archive.file(listing.earnings, decode_earnings)


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


def _claim_faults(proposal: Proposal, earned: Mapping[str, int]) -> Iterator[str]:
    for claim in proposal.claims:
        due = earned.get(claim.account, 0)
        if claim.cumulative != due:
            yield (
                f"{claim.account} claimed {claim.cumulative} in {claim.place}, and by the list"
                f" of {proposal.name} it had earned {due}"
            )
