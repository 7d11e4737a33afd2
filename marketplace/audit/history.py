"""Folds the whole log around a market: trades, committees, rules, and who may withdraw what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from marketplace.audit.abi import Event
from marketplace.audit.affiliations import Affiliations
from marketplace.audit.books import Books, Deposits, Payouts
from marketplace.audit.chain import Contracts
from marketplace.audit.credits import Wallet, withdrawn
from marketplace.audit.disputes import CHALLENGE, Disputes
from marketplace.audit.distributions import Distributions
from marketplace.audit.office import Office
from marketplace.audit.records import InForce
from marketplace.audit.replay import (
    closed_seals_penalised,
    failed_scores_opened,
    replay,
    requested,
)
from marketplace.audit.tenders import Tenders
from marketplace.audit.trade import Trade
from marketplace.protocol.typed_data import Domain


@dataclass
class History:
    """What the log around one market says.

    Attributes
    ----------
    domain
        Where signatures count: chain id and market.
    contracts
        Whose log it is.
    committee, panel
        The two committee contracts.
    disputes
        The challenges' contract.
    books
        What each of the contracts should hold.
    affiliations, deposits, tenders, payouts, distributions
        The registry of participants, groups and stakes; the tenders' contract; and the one that
        pays many.
    trades
        By id, oldest first.
    credit
        Wei that each account may withdraw, at the end of the log.
    rules
        What a request must name at the end of the log, but for who is in office.
    strays, overdrafts
        Sentences about events of unknown trades, and about withdrawals that don't match the
        credit of that moment.
    """

    domain: Domain
    contracts: Contracts
    committee: Office
    panel: Office
    books: Books
    disputes: Disputes = field(default_factory=Disputes)
    affiliations: Affiliations = field(default_factory=Affiliations)
    deposits: Deposits = field(default_factory=Deposits)
    tenders: Tenders = field(default_factory=Tenders)
    payouts: Payouts = field(default_factory=Payouts)
    distributions: Distributions = field(default_factory=Distributions)
    trades: dict[bytes, Trade] = field(default_factory=dict)
    credit: defaultdict[Wallet, int] = field(default_factory=lambda: defaultdict(int))
    rules: InForce = field(default_factory=InForce)
    strays: list[str] = field(default_factory=list)
    overdrafts: list[str] = field(default_factory=list)

    def escrows(self) -> dict[str, int]:
        """Return the open escrows of all trades, in wei by currency."""
        total: defaultdict[str, int] = defaultdict(int)
        for trade in self.trades.values():
            total[trade.request.currency] += max(trade.escrow, 0)
        return dict(total)

    # ------------------------------------------------------------------ folding

    def take(self, event: Event) -> None:
        """Take the next event of the log."""
        by, contracts = event.log.address, self.contracts
        if by == contracts.market:
            self._take_of_market(event)
        elif by == contracts.rules and event.name in _RULES:
            _RULES[event.name](self, event)
        elif by == contracts.challenges:
            self._take_of_challenges(event)
        else:
            self._take_of_no_trade(event)
        self.books.take(event)

    def _take_of_no_trade(self, event: Event) -> None:
        by, contracts = event.log.address, self.contracts
        if by == contracts.registry:
            self.affiliations.take(event)
            self.deposits.take(event)
        elif by == contracts.bids:
            self.tenders.take(event, self.domain.chain_id)
        elif by == contracts.payouts:
            self.payouts.take(event)
            self.distributions.take(event)
        for office, address in (
            (self.committee, contracts.committee),
            (self.panel, contracts.panel),
        ):
            if by == address:
                office.take(event)
                if event.name == "Slashed":
                    self.disputes.slashed(office.slashes[-1])

    def _take_of_market(self, event: Event) -> None:
        if event.name == "Withdrawn":
            withdrawn(self.credit, event, self.overdrafts)
        if event.name == "Credited":
            for payment in event["payments"]:
                self.credit[payment["account"], event["currency"]] += payment["amount"]
        if event.name == "Refunded":
            self.credit[event["buyer"], event["currency"]] += event["amount"]
        if event.trade is None:
            return
        trade = self.trades.get(event.trade)
        if trade is not None:
            replay(trade, event)
            self.affiliations.look(trade, event)
        elif event.name == "ModelRequested":
            self.trades[event.trade] = self._requested(event)
        else:
            self._stray(event, event.trade)

    def _requested(self, event: Event) -> Trade:
        in_force = replace(
            self.rules,
            committee=self.committee.backed_at(event.timestamp),
            panel=self.panel.backed_at(event.timestamp),
        )
        return requested(event, in_force, self.committee.of(event["request"].committee).members)

    def _take_of_challenges(self, event: Event) -> None:
        self.disputes.take(event, self.domain.chain_id)
        if event.trade is None:
            return
        trade = self.trades.get(event.trade)
        if trade is None:
            self._stray(event, event.trade)
        elif event.name in _AFTERWARDS:
            _AFTERWARDS[event.name](trade, event)
        elif event.name == CHALLENGE:
            jury = self.panel.of(trade.request.panel).members
            self.affiliations.challenged(trade, event, jury)
        elif "signers" in event.values:  # a ruling
            panel = self.panel.of(trade.request.panel)
            self.affiliations.judged(trade, event, panel.members)

    def _stray(self, event: Event, trade: bytes) -> None:
        self.strays.append(
            f"{event.name} in {event.log.place} is of trade 0x{trade.hex()},"
            " which was never requested"
        )

    # -------------------------------------------------------------------- rules

    def _fee_changed(self, event: Event) -> None:
        self.rules = replace(self.rules, fee_bps=event["feeBps"], treasury=event["treasury"])

    def _review_changed(self, event: Event) -> None:
        self.rules = replace(
            self.rules, base_review=event["baseReview"], review_shift=event["reviewShift"]
        )

    def _review_shift_changed(self, event: Event) -> None:
        shifts = {**self.rules.own_shifts, event["currency"]: event["reviewShift"]}
        own = {currency: shift for currency, shift in shifts.items() if shift}
        self.rules = replace(self.rules, own_shifts=own)

    def _requests_paused(self, event: Event) -> None:
        self.rules = replace(self.rules, paused=event["paused"])


_RULES: dict[str, Callable[[History, Event], None]] = {
    "FeeChanged": History._fee_changed,
    "ReviewChanged": History._review_changed,
    "ReviewShiftChanged": History._review_shift_changed,
    "RequestsPaused": History._requests_paused,
}


_AFTERWARDS: dict[str, Callable[[Trade, Event], None]] = {
    "ScoresOpened": failed_scores_opened,
    "ClosedSealsPenalised": closed_seals_penalised,
}
