"""Folds the whole log of a market: its trades, its committees, and who may withdraw what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from marketplace.audit.abi import Event
from marketplace.audit.replay import replay, requested
from marketplace.audit.trade import Terms, Trade
from marketplace.protocol.typed_data import Domain

Wallet = tuple[str, str]
"""An account and a currency, both checksummed addresses."""

NOBODY = "0x" + "00" * 20
"""The zero address: no auditor, no treasury."""


@dataclass(frozen=True)
class Committee:
    """Members (ascending) of one version, and how many make a quorum."""

    members: tuple[str, ...]
    threshold: int


@dataclass
class History:
    """What the log of one market says.

    Attributes
    ----------
    domain
        Where signatures count: chain id and market.
    trades
        By id, oldest first.
    committees
        By version.
    credit
        Wei that each account may withdraw, at the end of the log.
    strays, overdrafts, misrotations
        Sentences about events of unknown trades, about withdrawals that don't match the
        credit of that moment, and about committees out of order.
    """

    domain: Domain
    trades: dict[bytes, Trade] = field(default_factory=dict)
    committees: dict[int, Committee] = field(default_factory=dict)
    credit: defaultdict[Wallet, int] = field(default_factory=lambda: defaultdict(int))
    strays: list[str] = field(default_factory=list)
    overdrafts: list[str] = field(default_factory=list)
    misrotations: list[str] = field(default_factory=list)
    _fee: tuple[int, str] = (0, NOBODY)

    def escrows(self) -> dict[str, int]:
        """Return the open escrows of all trades, in wei by currency."""
        total: defaultdict[str, int] = defaultdict(int)
        for trade in self.trades.values():
            total[trade.request.currency] += max(trade.escrow, 0)
        return dict(total)

    # ------------------------------------------------------------------ folding

    def take(self, event: Event) -> None:
        """Take the next event of the log."""
        if event.trade is not None:
            self._take_of_trade(event.trade, event)
        elif event.name in _MARKET_EVENTS:
            _MARKET_EVENTS[event.name](self, event)

    def _take_of_trade(self, trade_id: bytes, event: Event) -> None:
        if event.name == "Credited":
            self.credit[event["account"], event["currency"]] += event["amount"]
        if event.name == "Refunded":
            self.credit[event["buyer"], event["currency"]] += event["amount"]
        if trade_id in self.trades:
            replay(self.trades[trade_id], event)
        elif event.name == "ModelRequested":
            self.trades[trade_id] = requested(event, Terms(len(self.committees), *self._fee))
        else:
            self.strays.append(
                f"{event.name} in {event.log.place} is of trade 0x{trade_id.hex()},"
                " which was never requested"
            )

    def _withdrawn(self, event: Event) -> None:
        wallet = event["account"], event["currency"]
        if event["amount"] != self.credit[wallet]:
            self.overdrafts.append(
                f"{wallet[0]} withdrew {event['amount']} of {wallet[1]} in {event.log.place}"
                f" where its credit was {self.credit[wallet]}"
            )
        self.credit[wallet] -= event["amount"]

    def _fee_changed(self, event: Event) -> None:
        self._fee = event["feeBps"], event["treasury"]

    def _committee_rotated(self, event: Event) -> None:
        version, members, threshold = event["version"], event["members"], event["threshold"]
        if version != len(self.committees) + 1:
            self.misrotations.append(
                f"version {version} follows version {len(self.committees)} in {event.log.place}"
            )
        if not ascending(members):
            self.misrotations.append(f"the members of version {version} are not ascending")
        if not len(members) < 2 * threshold <= 2 * len(members):
            self.misrotations.append(
                f"{threshold} of {len(members)} make no majority in version {version}"
            )
        self.committees[version] = Committee(members, threshold)


_MARKET_EVENTS: dict[str, Callable[[History, Event], None]] = {
    "Withdrawn": History._withdrawn,
    "FeeChanged": History._fee_changed,
    "CommitteeRotated": History._committee_rotated,
}


def fold(domain: Domain, events: Iterable[Event]) -> History:
    """Replay a market's log."""
    history = History(domain)
    for event in events:
        history.take(event)
    return history


def ascending(accounts: Iterable[str]) -> bool:
    """Tell whether addresses are strictly ascending, which also makes them distinct."""
    numbers = [int(account, 16) for account in accounts]
    return all(one < other for one, other in pairwise(numbers))
