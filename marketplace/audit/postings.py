"""What each event moves: from whom to whom, and whether a contract's own holdings change by it.

Every movement of money in the contracts around a market is an event of one of them, and none is
told by two: ledger, pictures and balances all come from here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Literal, NamedTuple, cast

from marketplace.audit.abi import Event
from marketplace.audit.chain import Contracts
from marketplace.audit.reporting.records import Reason
from marketplace.protocol.states import Purpose

Party = tuple[str, str]
"""A role and an account."""

Flow = Literal["in", "out", "within"]
"""Money comes into the event's contract, leaves it, or only belongs to somebody else there."""

BESIDE_TRADES = frozenset(
    {
        *("Withdrawn", "CreditWithdrawn"),
        *("Staked", "UnstakeRequested", "StakeWithdrawn", "Slashed"),
        *("StakeDeposited", "StakeUnlocked"),
        *("TenderOpened", "BidSealed", "BidRevealed", "BondsSeized"),
        *("Funded", "Claimed"),
    }
)
"""Events that name no trade, and move money or say how much a later one moves."""

_PAYEES = {
    Purpose.DATA: "provider",
    Purpose.EXPERT: "expert",
    Purpose.BROKER: "broker",
    Purpose.AUDIT: "auditor",
    Purpose.ORACLE: "oracle signer",
    Purpose.PROTOCOL: "treasury",
}


class Posting(NamedTuple):
    """One amount, in the currency's smallest unit."""

    payer: Party
    payee: Party
    reason: Reason
    currency: str
    amount: int
    flow: Flow


class Postings:
    """Says what events move, if it is given all of `BESIDE_TRADES` in the order of the log.

    Parameters
    ----------
    contracts
        Whose events they are.
    stakes
        Currency of the stakes in each contract that takes some, by its address.
    """

    def __init__(self, contracts: Contracts, stakes: Mapping[str, str]) -> None:
        self._contracts = contracts
        self._stakes = stakes
        self._bonds: dict[bytes, tuple[str, int]] = {}  # of each tender: currency, and wei
        self._claimed: defaultdict[Party, int] = defaultdict(int)  # by account and currency

    def of(self, event: Event) -> list[Posting]:
        """Return what the next event moves."""
        rule = _RULES.get((self._contracts.title_of(event.log.address), event.name))
        return [] if rule is None else [p for p in rule(self, event) if p.amount]

    def _receiver(self, event: Event) -> Party:
        """Name who is paid out: another one of the contracts by what it is."""
        return self._contracts.title_of(event["to"]) or "receiver", event["to"]

    # ------------------------------------------------------------------ of trades

    def _locked(self, event: Event) -> Iterator[Posting]:
        escrow = "escrow", event.log.address
        payer = "buyer", event["from"]
        yield Posting(payer, escrow, "escrow", event["currency"], event["amount"], "in")

    def _credited(self, event: Event) -> Iterator[Posting]:
        escrow, currency = ("escrow", event.log.address), event["currency"]
        for payment in event["payments"]:
            purpose: Purpose = payment["purpose"]
            reason = cast("Reason", purpose.name.lower())
            payee = _PAYEES[purpose], payment["account"]
            yield Posting(escrow, payee, reason, currency, payment["amount"], "within")

    def _refunded(self, event: Event) -> Iterator[Posting]:
        escrow, buyer = ("escrow", event.log.address), ("buyer", event["buyer"])
        yield Posting(escrow, buyer, "refund", event["currency"], event["amount"], "within")

    def _challenged(self, event: Event) -> Iterator[Posting]:
        payer, payee = ("challenger", event["challenger"]), ("challenges", event.log.address)
        yield Posting(payer, payee, "bond", event["currency"], event["bond"], "in")

    def _awarded(self, event: Event) -> Iterator[Posting]:
        payer, payee = ("challenges", event.log.address), ("awarded", event["account"])
        yield Posting(payer, payee, "award", event["currency"], event["amount"], "within")

    def _withdrawn(self, event: Event) -> Iterator[Posting]:
        payer, payee = ("credit of", event["account"]), self._receiver(event)
        yield Posting(payer, payee, "withdrawal", event["currency"], event["amount"], "out")

    # ------------------------------------------------------------------ of stakes

    def _staked(self, event: Event) -> Iterator[Posting]:
        values = event.values
        owner = values["member"] if "member" in values else values["account"]
        payer, payee = ("staker", values.get("from", owner)), ("stake of", owner)
        yield Posting(payer, payee, "stake", self._currency(event), event["amount"], "in")

    def _unbonding(self, event: Event) -> Iterator[Posting]:
        owner = event.values.get("member") or event["account"]
        payer, payee = ("stake of", owner), ("leaving stake of", owner)
        yield Posting(payer, payee, "unbonding", self._currency(event), event["amount"], "within")

    def _unstaked(self, event: Event) -> Iterator[Posting]:
        owner = event.values.get("member") or event["account"]
        payer, payee = ("leaving stake of", owner), self._receiver(event)
        yield Posting(payer, payee, "unstake", self._currency(event), event["amount"], "out")

    def _slashed(self, event: Event) -> Iterator[Posting]:
        payee = self._contracts.title_of(event["to"]) or "credit of", event["to"]
        payer = "stake of", event["member"]
        yield Posting(payer, payee, "slash", self._currency(event), event["amount"], "within")

    def _currency(self, event: Event) -> str:
        return self._stakes[event.log.address]

    # ----------------------------------------------------------------- of tenders

    def _opened(self, event: Event) -> Iterator[Posting]:
        self._bonds[event["tenderId"]] = event["tender"].currency, event["tender"].bond
        return iter(())

    def _sealed(self, event: Event) -> Iterator[Posting]:
        if event["tenderId"] in self._bonds:
            currency, bond = self._bonds[event["tenderId"]]
            payer, payee = ("bidder", event["bidder"]), ("tenders", event.log.address)
            yield Posting(payer, payee, "bid-bond", currency, bond, "in")

    def _revealed(self, event: Event) -> Iterator[Posting]:
        if event["tenderId"] in self._bonds:
            currency, bond = self._bonds[event["tenderId"]]
            payer, payee = ("tenders", event.log.address), ("bidder", event["bidder"])
            yield Posting(payer, payee, "bond-return", currency, bond, "within")

    def _seized(self, event: Event) -> Iterator[Posting]:
        if event["tenderId"] in self._bonds:
            currency, _ = self._bonds[event["tenderId"]]
            payer, payee = ("tenders", event.log.address), ("forfeited to", event["to"])
            yield Posting(payer, payee, "forfeit", currency, event["amount"], "within")

    # ----------------------------------------------------------------- of payouts

    def _funded(self, event: Event) -> Iterator[Posting]:
        """Tell what came from elsewhere: what came out of a contract here is its withdrawal."""
        if self._contracts.title_of(event["from"]) is None:
            payer, payee = ("funder", event["from"]), ("payouts", event.log.address)
            yield Posting(payer, payee, "funding", event["currency"], event["amount"], "in")

    def _claimed_(self, event: Event) -> Iterator[Posting]:
        account, currency = event["account"], event["currency"]
        amount = event["cumulative"] - self._claimed[account, currency]
        self._claimed[account, currency] = event["cumulative"]
        payer, payee = ("payouts", event.log.address), ("payee", account)
        yield Posting(payer, payee, "claim", currency, amount, "within")


_STAKES = {
    "Staked": Postings._staked,
    "UnstakeRequested": Postings._unbonding,
    "StakeWithdrawn": Postings._unstaked,
    "Slashed": Postings._slashed,
    "CreditWithdrawn": Postings._withdrawn,
}
_RULES: dict[tuple[str | None, str], Callable[[Postings, Event], Iterator[Posting]]] = {
    ("market", "Locked"): Postings._locked,
    ("market", "Credited"): Postings._credited,
    ("market", "Refunded"): Postings._refunded,
    ("market", "Withdrawn"): Postings._withdrawn,
    ("challenges", "Challenged"): Postings._challenged,
    ("challenges", "Awarded"): Postings._awarded,
    ("challenges", "CreditWithdrawn"): Postings._withdrawn,
    **{(title, name): rule for title in ("committee", "panel") for name, rule in _STAKES.items()},
    ("registry", "StakeDeposited"): Postings._staked,
    ("registry", "StakeUnlocked"): Postings._unbonding,
    ("registry", "StakeWithdrawn"): Postings._unstaked,
    ("tenders", "TenderOpened"): Postings._opened,
    ("tenders", "BidSealed"): Postings._sealed,
    ("tenders", "BidRevealed"): Postings._revealed,
    ("tenders", "BondsSeized"): Postings._seized,
    ("tenders", "CreditWithdrawn"): Postings._withdrawn,
    ("payouts", "Funded"): Postings._funded,
    ("payouts", "Claimed"): Postings._claimed_,
    ("payouts", "Withdrawn"): Postings._withdrawn,
}
"""By the contract's title and the event's name."""
