"""Checks of what is given out to many: who signed it, and whether the list bears it out."""

from __future__ import annotations

from collections.abc import Iterator

from marketplace.audit.chain import Chain
from marketplace.audit.history import History
from marketplace.audit.payee_lists import PayeeLists
from marketplace.audit.report import Finding, counted, judged, listed, shown
from marketplace.audit.signatures import quorum_faults
from marketplace.protocol.payouts import PayoutsDomain
from offchain.storage.store import Store


def check_distributions(history: History, chain: Chain, lists: PayeeLists, store: Store) -> Finding:
    """Check each distribution's signatures and time, and its trees by the list of payees.

    The list must sum to the total, its trees must have the roots that were signed, nobody may have
    earned less than in the last list in force, and whoever claimed must have claimed what the list
    in force says. A list that is not there is missing; that of a vetoed proposal isn't asked for.
    What waits and what is in force must be stored as the log says. `lists` remembers what lists
    were found to say when an earlier part of the same log was looked at.
    """
    contract, told = str(chain.contracts.payouts), history.distributions
    domain = PayoutsDomain(history.domain.chain_id, contract)
    delay = chain.view(contract, "activationDelay")
    faults = [*told.faults, *_stored_faults(history, chain, contract)]
    for proposal in told.proposals:
        committee = history.committee.of(proposal.distribution.committee)
        if proposal.distribution.committee != history.committee.in_office(proposal.timestamp):
            faults.append(f"the committee of {proposal.name} was not in office")
        faults += quorum_faults(committee, proposal.signed(domain))
        if proposal.active_at - proposal.timestamp != delay:
            waits = proposal.active_at - proposal.timestamp
            faults.append(f"{proposal.name} waits {waits} seconds, not {delay}")
    said = lists.findings(told.proposals, store)
    faults += said.faults
    if said.gaps and not faults:
        return Finding("missing", listed(said.gaps))
    return judged(
        [*faults, *said.gaps],
        f"{counted(len(told.proposals), 'distribution')} to at most"
        f" {counted(said.payees, 'account')} signed by a quorum, and their lists have their roots",
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
