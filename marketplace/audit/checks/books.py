"""Checks of money that is of no trade: each contract keeps and holds what the log says."""

from __future__ import annotations

from collections.abc import Iterator

from marketplace.audit.chain import Chain
from marketplace.audit.checks.storage import credit_faults
from marketplace.audit.history import History
from marketplace.audit.report import Finding, counted, judged, shown, suspected, unchecked
from marketplace.audit.tenders import Bidding


def check_deposits(history: History, chain: Chain) -> Finding:
    """Check that the registry keeps the stakes that the log says, and those on their way out."""
    registry, deposits = chain.contracts.registry, history.deposits
    if registry is None:
        return unchecked("the market's registry is not one that this audit can read")
    accounts = sorted(deposits.staked.keys() | deposits.leaving.keys())
    faults = []
    for account in accounts:
        stored = chain.view(registry, "participantOf", account) or {}
        told = stored.get("stake"), stored.get("leavingStake")
        expected = deposits.staked[account], deposits.leaving[account]
        if told != expected:
            faults.append(f"{account} has {told} at stake in storage and {expected} by the log")
    return judged(faults, f"{counted(len(accounts), 'participant')} have at stake what they put")


def check_tenders(history: History, chain: Chain) -> Finding:
    """Check that each tender holds a bond for each sealed bid, and owes what came back.

    And that what was revealed is what was sealed, and who leads has the best price of it.
    """
    contract, tenders = chain.contracts.bids, history.tenders
    if contract is None:
        return unchecked("no contract of tenders was named")
    faults = [*tenders.faults, *credit_faults(chain, contract, tenders.credit)]
    for bidding in tenders.biddings.values():
        faults += _bond_faults(bidding, contract, chain)
    return judged(
        faults,
        f"bonds of {counted(len(tenders.biddings), 'tender')} and"
        f" {counted(len(tenders.credit), 'credit')} in storage follow from the log",
    )


def _bond_faults(bidding: Bidding, contract: str, chain: Chain) -> Iterator[str]:
    name = shown(bidding.id)
    standing = chain.view(contract, "standingOf", bidding.id) or {}
    if standing.get("unrevealed") != bidding.unrevealed:
        yield (
            f"tender {name} holds {standing.get('unrevealed')} bonds in storage and"
            f" {bidding.unrevealed} by the log"
        )
    for bidder, bid in sorted(bidding.sealed.items()):
        stored = chain.view(contract, "bidOf", bidding.id, bidder) or {}
        told = shown(stored.get("seal")), stored.get("order")
        expected = shown(bid.seal), bid.order
        if told != expected:
            said, due = (f"{seal} as seal {order}" for seal, order in (told, expected))
            yield f"{bidder} sealed {said} in tender {name} in storage, not {due}"


def check_payouts(history: History, chain: Chain) -> Finding:
    """Check that what arrived, was given out, claimed and withdrawn is stored as the log says."""
    contract, payouts = chain.contracts.payouts, history.payouts
    if contract is None:
        return unchecked("no contract of payouts was named")
    faults = [*payouts.faults, *credit_faults(chain, contract, payouts.credit)]
    currencies = sorted(payouts.funded.keys() | payouts.total.keys())
    for currency in currencies:
        stored = chain.view(contract, "fundsOf", currency) or {}
        told = tuple(stored.values())
        expected = payouts.funded[currency], payouts.total[currency], payouts.unclaimed(currency)
        if told != expected:
            faults.append(
                f"funded, given out and unclaimed of {currency} are {told} in storage and"
                f" {expected} by the log"
            )
    for (account, currency), claimed in sorted(payouts.claimed.items()):
        stored = chain.view(contract, "claimedOf", account, currency)
        if stored != claimed:
            faults.append(f"{account} claimed {stored} of {currency} in storage, not {claimed}")
    return judged(
        faults,
        f"funds in {counted(len(currencies), 'currency')} and what"
        f" {counted(len(payouts.claimed), 'account')} claimed follow from the log",
    )


def check_balances(history: History, chain: Chain) -> Finding:
    """Check that each contract holds what came into it and did not leave; more is a warning.

    Nobody can be kept from sending coin to an address, so more than that breaks no rule. But a
    deposit that was left out of the log looks like it.
    """
    short: list[str] = []
    over: list[str] = []
    for (contract, currency), booked in sorted(history.books.held.items()):
        held = chain.balance(contract, currency)
        if held != booked:
            said = (
                f"the {chain.contracts.title_of(contract)} at {contract} holds {held} of"
                f" {currency} where the log leaves {booked}"
            )
            (short if held < booked else over).append(said)
    count = counted(len(history.books.held), "balance")
    if short:
        return judged([*short, *over], "")
    return suspected(over, f"{count} of contracts are what the log leaves, to the last unit")
