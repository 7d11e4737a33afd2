"""Checks of the contracts' own storage: it says what the log says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marketplace.audit.affiliations import NO_MEMBERSHIP
from marketplace.audit.case import Case
from marketplace.audit.chain import Chain
from marketplace.audit.credits import Wallet
from marketplace.audit.dues import DATA_STAGE, faulty_seats
from marketplace.audit.history import History
from marketplace.audit.office import Office
from marketplace.audit.report import Finding, counted, judged, not_reached, shown, unchecked
from marketplace.audit.trade import Trade, bitmap_of

# ------------------------------------------------------------------- of one trade


def check_stored_status(case: Case) -> Finding:
    """Check that the contract's status of the trade is the one that the log gives."""
    word, expected = _view(case, "statusOf", case.trade.id), _status(case.trade)
    if not isinstance(word, int):
        return judged([f"the market does not answer statusOf({case.trade.name})"], "")
    faults = []
    for name, (bits, value) in expected.items():
        word, stored = word >> bits, word % (1 << bits)
        if stored != value:
            faults.append(f"{name} is {stored} in storage and {value} by the log")
    return judged(faults, f"all {len(expected)} stored fields follow from the log")


def check_stored_agreement(case: Case) -> Finding:
    """Check that the contract's digest commits to what was agreed, as the log tells it."""
    stored, expected = _view(case, "digestOf", case.trade.id), case.trade.digest
    faults = []
    if stored != expected:
        faults.append(f"the digest is {shown(stored)} in storage and {shown(expected)} by the log")
    return judged(faults, f"the stored digest is {shown(expected)}, as the log gives it")


def check_stored_seals(case: Case) -> Finding | None:
    """Check that the arbiter holds for settled the seals that the log says were opened or punished.

    The settlement itself opens those of the deciding attempt; which were faulty, the market keeps.
    """
    trade, arbiter = case.trade, case.chain.contracts.challenges
    if not trade.attempts:
        return not_reached(trade.ended, "attempt")
    if arbiter is None:
        return unchecked("the market's arbiter is not a contract of challenges")
    faults = []
    for attempt in trade.attempts:
        seats = trade.penalised_seals[attempt.number]
        if attempt is not trade.deciding:
            seats |= bitmap_of(trade.opened(attempt))
        stored = case.chain.view(arbiter, "settledSeals", trade.id, attempt.number)
        if stored != seats:
            faults.append(
                f"seals {shown(stored)} of attempt {attempt.number} are settled in storage"
                f" and {seats} by the log"
            )
    faulty = bitmap_of(faulty_seats(trade)) if trade.ended else 0
    if (stored := _view(case, "faultySeals", trade.id)) != faulty:
        faults.append(f"seals {shown(stored)} are faulty in storage and {faulty} by the log")
    return judged(
        faults, f"the seals of {counted(len(trade.attempts), 'attempt')} are as the log says"
    )


def check_stored_deliveries(case: Case) -> Finding | None:
    """Check that the contract remembers who put its work on record, and in which stage."""
    trade = case.trade
    if trade.acceptance is None:
        return not_reached(trade.ended, "accepted quote")
    parties = {supply.provider for supply in trade.supplies}
    parties |= set(trade.gate.experts) if trade.gate else set()
    expected = dict.fromkeys(parties, 0) | {d.account: d.stage for d in trade.deliveries}
    faults = [
        f"{account} has {stored} on record in storage and {stage} by the log"
        for account, stage in sorted(expected.items())
        if (stored := _view(case, "deliveryOf", trade.id, account)) != stage
    ]
    in_data = sum(stage == DATA_STAGE for stage in expected.values())
    in_training = sum(stage > DATA_STAGE for stage in expected.values())
    return judged(faults, f"{in_data} put data on record and {in_training} training")


def _status(trade: Trade) -> dict[str, tuple[int, int]]:
    """Return width and value of each field, lowest first (`contracts/src/types/Status.sol`)."""
    was_rejected = trade.disputed is not None and trade.disputed.was_rejected
    windows = trade.request.windows.as_message()
    return {
        "state": (8, trade.state),
        "attempts": (8, len(trade.attempts)),
        "maxAttempts": (8, trade.request.max_attempts),
        "signers": (16, trade.signers),
        "deadline": (40, trade.deadline),
        "audited": (1, trade.attested),
        "approved": (1, trade.approved),
        "challenged": (1, trade.disputed is not None),
        "overturned": (1, trade.overturned),
        "unjudged": (1, trade.unjudged),
        "was rejected before the dispute": (1, was_rejected),
        "unused flags": (2, 0),
        **{f"{name} window": (24, seconds) for name, seconds in windows.items()},
    }


def _view(case: Case, function: str, *arguments: Any) -> Any:
    return case.chain.view(case.chain.contracts.market, function, *arguments)


# ---------------------------------------------------------------- of the whole market

_LARGEST = 2**128 - 1  # of budgets, in wei: its review tells each shift from any other


def check_committees(history: History, chain: Chain) -> Finding:
    """Check that committees followed each other by the rules, and are stored as the log says."""
    return _check_office(history.committee, chain.contracts.committee, chain)


def check_panels(history: History, chain: Chain) -> Finding:
    """Check the same of the panels that decide challenges."""
    return _check_office(history.panel, chain.contracts.panel, chain)


def check_stakes(history: History, chain: Chain) -> Finding:
    """Check that both contracts store and hold what was bonded, and what was taken of it."""
    faults, count = [], 0
    for office, address in _offices(history, chain):
        members = office.bonded.keys() | office.unbonding.keys() | office.ever_seated
        count += len(members)
        for member in sorted(members):
            stored = chain.view(address, "stakeOf", member)
            held = stored or {}
            expected = (office.bonded[member], office.unbonding[member])
            if (held.get("bonded"), held.get("unbonding")) != expected:
                faults.append(
                    f"{member} of the {office.title} has {held.get('bonded')} and"
                    f" {held.get('unbonding')} at stake in storage and {expected} by the log"
                )
        faults += _coverage_faults(office, address, chain)
    return judged(faults, f"{counted(count, 'stake')} in storage follow from the log")


def check_rules(history: History, chain: Chain) -> Finding:
    """Check that the rules for the next request are stored as the log says."""
    contract, rules = chain.contracts.rules, history.rules
    stored = chain.view(contract, "inForce") or {}
    expected = {
        "paused": rules.paused,
        "feeBps": rules.fee_bps,
        "treasury": rules.treasury,
        "baseReview": rules.base_review,
        "reviewShift": rules.review_shift,
    }
    faults = [
        f"{name} is {stored.get(name)} in storage and {value} by the log"
        for name, value in expected.items()
        if stored.get(name) != value
    ]
    currencies = rules.own_shifts.keys() | {t.request.currency for t in history.trades.values()}
    for currency in sorted(currencies):
        review = chain.view(contract, "reviewOf", currency, _LARGEST)
        if review != (due := rules.review_of(currency, _LARGEST)):
            faults.append(
                f"the largest budget in {currency} asks for a review of {review} s in storage and"
                f" of {due} s by the log"
            )
    return judged(faults, f"fee, treasury, pause and {counted(len(currencies), 'review')} agree")


def check_memberships(history: History, chain: Chain) -> Finding:
    """Check that the registry stores each account's group, and that each change counts in time.

    Whoever had a role in a trade or a seat is asked for, too, though the log says nothing of it.
    """
    registry, told = chain.contracts.registry, history.affiliations
    if registry is None:
        return unchecked("the market's registry is not one that this audit can read")
    accounts = history.committee.ever_seated | history.panel.ever_seated
    accounts |= {one for t in history.trades.values() for role in t.roles.values() for one in role}
    accounts |= told.memberships.keys()
    faults = []
    for account in sorted(accounts):
        stored = tuple((chain.view(registry, "membershipOf", account) or {}).values())
        if stored != (expected := told.memberships.get(account, NO_MEMBERSHIP)):
            faults.append(
                f"the group of {account} is {_membership(stored)} in storage and"
                f" {_membership(expected)} by the log"
            )
    delays = _group_delays(chain, registry)
    for account, what, wait, place in told.changes:
        if wait != (due := delays.get(what, 0)):
            faults.append(
                f"{account} {what} a group in {place}, which counts {wait} s later, not {due} s"
            )
    count = counted(len(accounts), "account")
    return judged(faults, f"the groups of {count} in storage follow from the log")


def _membership(words: tuple[object, ...]) -> str:
    """Return a stored membership for people, or what a node says instead of one."""
    if len(words) != len(NO_MEMBERSHIP):
        return "not told"
    group, leaving, at = words
    return f"{shown(group)} {'until' if leaving else 'from'} {at}"


def _group_delays(chain: Chain, registry: str) -> dict[str, int | None]:
    """Return after how many seconds joining and leaving count, out of the code if it is known."""
    if written := chain.written(registry):
        names = {"joined": "_joiningDelay", "left": "_leavingDelay"}
        return {what: int.from_bytes(written[name], "big") for what, name in names.items()}
    told = chain.view(registry, "delays") or {}
    return {"joined": told.get("joining"), "left": told.get("leaving")}


def check_credits(history: History, chain: Chain) -> Finding:
    """Check that the market owes every account what the log says."""
    faults = credit_faults(chain, chain.contracts.market, history.credit)
    return judged(
        faults, f"{counted(len(history.credit), 'credit')} in storage follow from the log"
    )


def check_ledger(history: History, chain: Chain) -> Finding:
    """Check that withdrawals were covered, and that the contract holds all that it owes."""
    faults = list(history.overdrafts)
    owed = history.escrows()
    for (_, currency), amount in history.credit.items():
        owed[currency] = owed.get(currency, 0) + amount
    for currency, amount in owed.items():
        held = chain.balance(chain.contracts.market, currency)
        if held < amount:
            faults.append(f"the market holds {held} of {currency} and owes {amount}")
    return judged(faults, "withdrawals were covered, and the market holds all that it owes")


def credit_faults(chain: Chain, contract: str, credit: Mapping[Wallet, int]) -> list[str]:
    """Name the accounts to which a contract owes other than the log says."""
    return [
        f"{account} has {stored} of {currency} in storage and {owed} by the log"
        for (account, currency), owed in credit.items()
        if (stored := chain.view(contract, "creditOf", account, currency)) != owed
    ]


def _check_office(office: Office, address: str, chain: Chain) -> Finding:
    faults = list(office.faults)
    for version, committee in office.committees.items():
        stored = chain.view(address, "digestOf", version)
        if stored != committee.digest:
            faults.append(
                f"version {version} of the {office.title} is {shown(stored)} in storage"
                f" and {shown(committee.digest)} by the log"
            )
    now = chain.block.timestamp
    for what, view, expected in (
        ("in office", "currentDigest", office.in_office(now)),
        ("that may be named", "backedDigest", office.backed_at(now)),
    ):
        if (stored := chain.view(address, view)) != expected:
            faults.append(
                f"the {office.title} {what} is {shown(stored)} in storage and {shown(expected)}"
                " by the log"
            )
    count = counted(len(office.committees), f"{office.title} version")
    return judged(faults, f"{count} with a majority as quorum")


def _coverage_faults(office: Office, address: str, chain: Chain) -> list[str]:
    """Name what a committee contract owes or holds wrongly."""
    currency = chain.view(address, "stakeCurrency")
    if currency is None:
        return [f"the {office.title} does not tell what its stakes are in"]
    faults = credit_faults(
        chain, address, {(account, currency): owed for account, owed in office.credit.items()}
    )
    owed = sum(map(sum, (d.values() for d in (office.bonded, office.unbonding, office.credit))))
    held = chain.balance(address, currency)
    if held < owed:
        faults.append(f"the {office.title} holds {held} of {currency} and owes {owed}")
    return faults


def _offices(history: History, chain: Chain) -> list[tuple[Office, str]]:
    return [
        (history.committee, chain.contracts.committee),
        (history.panel, chain.contracts.panel),
    ]
