"""What must hold of a market after every transaction, not only at the end of the log.

A sum that was wrong for one block and right again at the end has been wrong: each fault names
the block and the log after which it showed first. What the node says that a contract holds is
asked for after each block in which its money moved.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from marketplace.audit.abi import Event
from marketplace.audit.blocks import Log
from marketplace.audit.chain import Chain
from marketplace.audit.dues import data_due
from marketplace.audit.history import History
from marketplace.audit.log import note
from marketplace.audit.office import Office
from marketplace.audit.trade import Trade, total
from marketplace.protocol.errors import NodeRefused
from marketplace.protocol.states import Purpose, State


@dataclass
class Watch:
    """Folds events into a history, and looks at it whenever a transaction is over.

    Attributes
    ----------
    faults
        Sentences about what did not hold, each at its first place.
    shortages
        Sentences about blocks after which the market held less than it owed, or another contract
        less than came into it and did not leave.
    transactions, weighed, unasked
        How many transactions were looked at; after how many blocks balances were compared, and
        after how many the node could not tell them.
    """

    history: History
    chain: Chain
    faults: list[str] = field(default_factory=list)
    shortages: list[str] = field(default_factory=list)
    transactions: int = 0
    weighed: int = 0
    unasked: int = 0
    _pending: list[Event] = field(default_factory=list)
    _held: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _owed: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _escrows: defaultdict[bytes, int] = field(default_factory=lambda: defaultdict(int))
    _moved: set[str] = field(default_factory=set)
    _said: set[str] = field(default_factory=set)

    def follow(self, events: Iterable[Event]) -> History:
        """Fold all events; returns the history."""
        for event in events:
            last = self._pending[-1].log if self._pending else event.log
            if (last.block, last.transaction) != (event.log.block, event.log.transaction):
                self._transaction_over()
            if last.block != event.log.block:
                self._block_over(last.block)
            self.history.take(event)
            self._book(event)
            self._pending.append(event)
        if self._pending:
            block = self._pending[-1].log.block
            self._transaction_over()
            self._block_over(block)
        return self.history

    # --------------------------------------------------------- after a transaction

    def _transaction_over(self) -> None:
        events, self._pending = self._pending, []
        self.transactions += 1
        last_of: dict[bytes, Log] = {}
        for event in events:
            if event.trade is not None:
                last_of[event.trade] = event.log
        for name, log in last_of.items():
            trade = self.history.trades.get(name)
            if trade is not None:
                self._weigh_escrow(trade)
                threshold = self.history.committee.of(trade.request.committee).threshold
                for fault in trade_faults(trade, threshold):
                    self._say(f"{fault} of trade {trade.name}", log)
        for event in events:
            for fault in self._negative(event):
                self._say(fault, event.log)
        # One by one the currencies that moved: of many worthless tokens each costs its own events.
        moved, self._moved = self._moved, set()
        for currency in sorted(moved):
            held, owed = self._held[currency], self._owed[currency]
            if held != owed:
                self._say(
                    f"locked less withdrawn is {held} of {currency}, and escrows and credits"
                    f" are {owed}",
                    events[-1].log,
                    once=f"conservation of {currency}",
                )

    def _say(self, fault: str, log: Log, once: str | None = None) -> None:
        """Note a fault at its first place: what stays wrong is said once."""
        key = once or fault
        if key not in self._said and len(self._said) < 10_000:
            self._said.add(key)
            note(self.faults, f"after {log.place}: {fault}")

    def _book(self, event: Event) -> None:
        """Keep what came in and what is owed by currency, apart from the trades' own books."""
        if event.log.address != self.history.contracts.market or event.name not in _MONEY:
            return
        currency = event["currency"]
        self._moved.add(currency)
        if event.name == "Locked":
            self._held[currency] += event["amount"]
        elif event.name == "Withdrawn":
            self._held[currency] -= event["amount"]
            self._owed[currency] -= event["amount"]
        elif event.name == "Refunded":
            self._owed[currency] += event["amount"]
        else:
            self._owed[currency] += sum(payment["amount"] for payment in event["payments"])

    def _weigh_escrow(self, trade: Trade) -> None:
        currency, escrow = trade.request.currency, trade.escrow
        self._moved.add(currency)
        self._owed[currency] += escrow - self._escrows[trade.id]
        self._escrows[trade.id] = escrow

    def _negative(self, event: Event) -> Iterator[str]:
        """Name what fell below zero by an event's transaction."""
        contracts, history = self.history.contracts, self.history
        if event.name == "Withdrawn" and event.log.address == contracts.market:
            wallet = event["account"], event["currency"]
            yield from _below_zero(history.credit[wallet], f"the credit of {wallet[0]}")
        if event.name == "CreditWithdrawn" and event.log.address == contracts.challenges:
            wallet = event["account"], event["currency"]
            yield from _below_zero(history.disputes.credit[wallet], f"the award of {wallet[0]}")
        if event.name in ("StakeUnlocked", "StakeWithdrawn") and "account" in event.values:
            account, deposits = event["account"], history.deposits
            yield from _below_zero(deposits.staked[account], f"the stake of participant {account}")
            yield from _below_zero(deposits.leaving[account], f"what {account} takes out")
        for office, address in (
            (history.committee, contracts.committee),
            (history.panel, contracts.panel),
        ):
            if event.log.address == address:
                yield from _stake_faults(office, event)

    # --------------------------------------------------------------- after a block

    def _block_over(self, block: int) -> None:
        """Compare what contracts owe after a block in which money moved with what they held."""
        books, contracts = self.history.books, self.history.contracts
        moved = books.moved()
        try:
            for contract, currency in moved:
                held = self.chain.balance(contract, currency, block)
                ours = contract == contracts.market
                owed = self._owed[currency] if ours else books.held[contract, currency]
                if held < owed:
                    title = contracts.title_of(contract)
                    what = f"{held} of {currency} and owes {owed}"
                    note(self.shortages, f"after block {block} the {title} holds {what}")
            self.weighed += bool(moved)
        except NodeRefused:
            self.unasked += 1


_MONEY = ("Locked", "Credited", "Refunded", "Withdrawn")


def trade_faults(trade: Trade, threshold: int) -> Iterator[str]:
    """Name what must hold of a trade at any time, and does not.

    Parameters
    ----------
    threshold
        How many signers make a quorum of the committee that the request names.
    """
    locked, escrow = total(trade.locked), trade.escrow
    price = 0
    if trade.acceptance is not None:
        price = trade.acceptance.components + trade.protocol_fee
    if locked != price:
        yield f"{locked} are locked where the price is {price}, in the escrow"
    due = 0 if trade.ended else price - sum(payment.amount for payment in data_due(trade))
    if escrow != due:
        yield f"{escrow} are held where {due} must be, in the escrow"
    yield from _attempt_faults(trade)
    if trade.data is not None and trade.data.signers.bit_count() < threshold:
        yield "too few signed the data report"
    if trade.state is State.SETTLED and trade.acceptance is not None:
        paid = total(trade.credited(Purpose.EXPERT))
        pool = trade.acceptance.quote.expert_pool
        if paid != pool:
            yield f"the experts got {paid} of a pool of {pool}, at the end"
    for attempt in trade.attempts:
        if attempt.signers.bit_count() < threshold:
            yield f"too few signed attempt {attempt.number}"


def _attempt_faults(trade: Trade) -> Iterator[str]:
    count, cap = len(trade.attempts), trade.request.max_attempts
    if count > cap:
        yield f"there are {count} attempts where {cap} are allowed"
    if count and trade.attempts[-1].number != count:
        yield f"attempt {trade.attempts[-1].number} comes as number {count}"
    if any(attempt.passed for attempt in trade.attempts[:-1]):
        yield f"attempt {count} comes after one that passed"
    last = trade.passed
    if last is not None and trade.acceptance is not None:
        divided, pool = sum(last.finding.amounts), trade.acceptance.quote.expert_pool
        if divided != pool:
            yield f"attempt {last.number} divides {divided} of a pool of {pool}"


def _stake_faults(office: Office, event: Event) -> Iterator[str]:
    account = event.values.get("member") or event.values.get("account")
    if account is not None:
        whose = f"of {account} at the {office.title}"
        yield from _below_zero(office.bonded[account], f"the bond {whose}")
        yield from _below_zero(office.unbonding[account], f"the unbonding stake {whose}")
        yield from _below_zero(office.credit[account], f"the credit {whose}")


def _below_zero(amount: int, what: str) -> Iterator[str]:
    if amount < 0:
        yield f"{what} is {amount}"
