"""Checks of what was agreed: the request, the parties, the quotes and the price."""

from __future__ import annotations

from itertools import combinations

from marketplace.audit.case import Case
from marketplace.audit.office import ascending
from marketplace.audit.report import Finding, counted, judged, not_reached, shown, unchecked
from marketplace.audit.signatures import objection_to
from marketplace.protocol.ids import trade_id
from marketplace.protocol.terms import LEAST_SETTLEMENT, NOBODY, DataQuote, ModelQuote


def check_trade_id(case: Case) -> Finding:
    """Check that the id is the hash of chain id, contract and request."""
    trade, domain = case.trade, case.history.domain
    faults = []
    recomputed = trade_id(domain.chain_id, domain.market, trade.request)
    if recomputed != trade.id:
        faults.append(f"the request hashes to 0x{recomputed.hex()}, not to {trade.name}")
    for role, logged, requested in (
        ("buyer", trade.buyer, trade.request.buyer),
        ("broker", trade.broker, trade.request.broker),
    ):
        if logged != requested:
            faults.append(f"the event names {logged} as {role}, the request {requested}")
    return judged(faults, "the request hashes to the trade's id")


def check_terms(case: Case) -> Finding:
    """Check that the request named the committee, panel, fee and treasury then in force.

    The review window must be as long as the rules then asked for, and the settlement window as they
    always do; requests allowed. A committee or panel was in force while stakes backed a quorum.
    """
    request, in_force = case.trade.request, case.trade.in_force
    faults = [
        f"{name} is {shown(named)} where {shown(valid)} was in force"
        for name, named, valid in (
            ("the committee", request.committee, in_force.committee),
            ("the panel", request.panel, in_force.panel),
            ("the fee in basis points", request.fee_bps, in_force.fee_bps),
            ("the treasury", request.treasury, in_force.treasury),
        )
        if named != valid
    ]
    least = in_force.review_of(request.currency, request.budget)
    if request.windows.review < least:
        faults.append(f"the review takes {request.windows.review} s where {least} s are the least")
    if (settlement := request.windows.settlement) < LEAST_SETTLEMENT:
        faults.append(f"{settlement} s to open scores, where {LEAST_SETTLEMENT} s are the least")
    if in_force.paused:
        faults.append("requests were paused")
    return judged(
        faults,
        f"committee {case.committee.version}, panel {case.panel.version} and a fee of"
        f" {request.fee_bps} basis points to {request.treasury} were in force at the request",
    )


def check_roles(case: Case) -> Finding:
    """Check that nobody is two of buyer, provider, expert, auditor and judge.

    Nor may broker or treasury be auditor or judge.
    """
    trade = case.trade
    auditors = [attested.auditor for attested in trade.attestations]
    parties = {role: set(who) for role, who in trade.roles.items() if role != "broker"}
    parties["auditor"] |= set(auditors) - {NOBODY}
    faults = [
        f"{both} is {one} and {other}"
        for one, other in combinations(parties, 2)
        for both in sorted(parties[one] & parties[other])
    ]
    request = trade.request
    faults += [
        f"{account} is {other} and {role}"
        for other, account in (("broker", request.broker), ("treasury", request.treasury))
        for role in ("auditor", "judge")
        if account in parties[role]
    ]
    faults += [
        f"{auditor} attested where {trade.request.auditor} is the auditor"
        for auditor in auditors
        if auditor != trade.request.auditor
    ]
    count = len(set().union(*parties.values()))
    return judged(faults, f"{counted(count, 'account')} with one role each")


def check_conflicts(case: Case) -> Finding | None:
    """Check that no two conflicting roles were one party by the registry's affiliations.

    Buyer, broker, auditor, providers and judges count as of the acceptance, experts as of the
    data report, each with the memberships in effect then. One account in two roles is `roles`.
    """
    trade, affiliations = case.trade, case.history.affiliations
    if trade.acceptance is None:
        return not_reached(trade.ended, "accepted quote")
    if case.chain.contracts.registry is None:
        return unchecked("the market's registry is not a contract that this audit can read")
    declared = affiliations.declared.get(trade.id, [])
    gated = " and at the data report" if trade.data else ""
    return judged(
        affiliations.conflicts.get(trade.id, []),
        f"at the acceptance{gated} no two conflicting roles were in one group"
        f" ({', '.join(declared) or 'nobody was in any'})",
    )


def check_quote_signatures(case: Case) -> Finding | None:
    """Check that broker and providers signed their quotes, each for this trade."""
    trade, acceptance = case.trade, case.trade.acceptance
    if acceptance is None:
        return not_reached(trade.ended, "accepted quote")
    quote, signatures = acceptance.quote, acceptance.signatures
    offers = quote.data_quotes
    faults = []
    if len(signatures) != len(offers) + 1:
        faults.append(f"{len(signatures)} signatures stand under {len(offers) + 1} quotes")
    if not ascending(offer.provider for offer in offers):
        faults.append("the providers are not ascending")
    quotes: list[tuple[str, ModelQuote | DataQuote]] = [
        (trade.request.broker, quote),
        *((offer.provider, offer) for offer in offers),
    ]
    for (party, message), signature in zip(quotes, signatures, strict=False):
        if message.trade_id != trade.id:
            faults.append(f"the quote of {party} is for trade 0x{message.trade_id.hex()}")
        why = objection_to(
            case.chain.rpc, case.history.domain, party, message, signature, acceptance.block
        )
        if why is not None:
            faults.append(f"the signature under the quote of {party}: {why}")
    return judged(faults, f"the broker and {counted(len(offers), 'provider')} signed their quotes")


def check_price(case: Case) -> Finding | None:
    """Check that the price is the sum of its parts and the fee, and is what was locked."""
    trade, acceptance = case.trade, case.trade.acceptance
    if acceptance is None:
        return not_reached(trade.ended, "accepted quote")
    fee, request = trade.protocol_fee, trade.request
    price = acceptance.components + fee
    faults = []
    if price > request.budget:
        faults.append(f"the price {price} is over the budget {request.budget}")
    locked = [(lock.account, lock.currency, lock.amount) for lock in trade.locked]
    due = [(request.buyer, request.currency, price)]
    if locked != due:
        faults.append(f"locked was {locked} where {due} was due")
    return judged(faults, f"the parts and a fee of {fee} sum to {price}, which the buyer locked")
