"""The market as a state machine over plain numbers: no chain, no signatures, no digests.

It says who may do what when, and where the money is afterwards. Each method is one
call at a second `now`; it raises `Refused` with the name of the contracts' error, or
changes `trades`, `credits` and `held`. For each currency, always::

    held = escrows of open trades + credits
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from reference.money import by_weight, evenly, fee_of, upper_median


class State(Enum):
    """Where a trade stands, with the number that the contracts give it."""

    REQUESTED = 1
    FUNDED = 2
    GATED = 3
    PASSED = 4
    REJECTED = 5
    DISPUTED = 6
    SETTLED = 7
    DECLINED = 8
    EXPIRED = 9
    REFUNDED = 10
    FAILED = 11


DECIDED = (State.PASSED, State.REJECTED)


class Refused(Exception):
    """A call that changes nothing."""


@dataclass(frozen=True)
class Offer:
    """What a trade was agreed on; amounts in wei, windows in seconds, accounts by name."""

    currency: str
    buyer: str
    broker: str
    auditor: str
    treasury: str
    judges: tuple[str, ...]
    quorum: int
    providers: tuple[str, ...]
    rows: tuple[int, ...]
    data: tuple[int, ...]
    pool: int
    broker_fee: int
    auditor_fee: int
    oracle_fee: int
    fee_bps: int
    budget: int
    threshold: int
    cap: int
    min_rows: int
    approval_required: bool
    windows: Mapping[str, int]

    @property
    def protocol_fee(self) -> int:
        fees = self.broker_fee + self.auditor_fee + self.oracle_fee
        return fee_of(sum(self.data) + self.pool + fees, self.fee_bps)

    @property
    def price(self) -> int:
        fees = self.broker_fee + self.auditor_fee + self.oracle_fee + self.protocol_fee
        return sum(self.data) + self.pool + fees


@dataclass
class Trade:
    """One trade; everything from `escrow` on is empty before its step."""

    offer: Offer
    state: State
    deadline: int
    escrow: int = 0
    experts: tuple[str, ...] = ()
    weights: tuple[int, ...] = ()
    attempts: int = 0
    models: set[str] = field(default_factory=set)
    signers: set[int] = field(default_factory=set)
    on_record: dict[str, tuple[State, int]] = field(default_factory=dict)
    scores: dict[int, int] = field(default_factory=dict)
    opened: set[int] = field(default_factory=set)
    amounts: tuple[int, ...] = ()
    decision: State | None = None
    audit: bool | None = None
    challenged: bool = False
    overturned: bool = False
    unjudged: bool = False

    @property
    def stage(self) -> tuple[State, int]:
        """What a delivery on record belongs to."""
        return self.state, self.attempts


class ReferenceMarket:
    """All trades and all credits; the panel's window for a ruling is in seconds."""

    def __init__(self, ruling_window: int) -> None:
        self.ruling_window = ruling_window
        self.trades: dict[str, Trade] = {}
        self.credits: Counter[tuple[str, str]] = Counter()
        self.held: Counter[str] = Counter()

    # -------------------------------------------------------- request and acceptance

    def request(self, now: int, name: str, offer: Offer) -> None:
        """The buyer asks."""
        if name in self.trades:
            raise Refused("TradeExists")
        self.trades[name] = Trade(offer, State.REQUESTED, now + offer.windows["quote"])

    def decline(self, now: int, name: str) -> None:
        """The buyer walks away."""
        self._end(now, self._in(name, State.REQUESTED), State.DECLINED)

    def accept(self, now: int, name: str, expected: int, sent: int) -> None:
        """The buyer pays; `sent` is native coin along with the call."""
        trade = self._in(name, State.REQUESTED)
        self._in_time(now, trade.deadline)
        offer = trade.offer
        if expected != offer.price:
            raise Refused("PriceChanged")
        if offer.price > offer.budget:
            raise Refused("OverBudget")
        if sent != (offer.price if offer.currency == "coin" else 0):
            raise Refused("WrongValue")
        self.held[offer.currency] += offer.price
        trade.escrow = offer.price
        self._enter(now, trade, State.FUNDED, "delivery", "judging")

    # ------------------------------------------------------------------- the reports

    def record_delivery(self, now: int, name: str, account: str) -> None:
        """Somebody says that it delivered."""
        trade = self._in(name, State.FUNDED, State.GATED)
        judging = "judging" if trade.state == State.FUNDED else "validation"
        self._in_time(now, trade.deadline - trade.offer.windows[judging])
        trade.on_record[account] = trade.stage

    def report_data(
        self,
        now: int,
        name: str,
        delivered: Collection[int],
        experts: Sequence[str],
        weights: Sequence[int],
        signers: Collection[int],
    ) -> None:
        """A quorum found these datasets delivered, and chose these experts."""
        trade = self._in(name, State.FUNDED)
        self._in_time(now, trade.deadline)
        offer = trade.offer
        self._quorum(trade, signers)
        trade.signers |= set(signers)
        if sum(offer.rows[i] for i in delivered) < offer.min_rows:
            self._pay_judges(trade)
            self._end(now, trade, State.REFUNDED)
            return
        for i in delivered:
            self._pay(trade, offer.providers[i], offer.data[i])
        trade.experts, trade.weights = tuple(experts), tuple(weights)
        self._enter(now, trade, State.GATED, "training", "validation")

    def report_attempt(
        self,
        now: int,
        name: str,
        model: str,
        verdicts: Mapping[int, bool],
        scores: Mapping[int, int],
        amounts: Sequence[int],
    ) -> None:
        """Each signer of a quorum found a pass or a fail, and sealed a score."""
        trade = self._in(name, State.GATED)
        self._in_time(now, trade.deadline)
        if model in trade.models:
            raise Refused("ModelAlreadyScored")
        offer = trade.offer
        passed = 2 * sum(verdicts.values()) > len(verdicts)
        self._quorum(trade, verdicts)
        if passed and sum(amounts) != offer.pool:
            raise Refused("AllocationMismatch")
        trade.signers |= set(verdicts)
        trade.attempts += 1
        trade.models.add(model)
        if passed or trade.attempts == offer.cap:
            trade.scores, trade.amounts = dict(scores), tuple(amounts) if passed else ()
            trade.verdicts = dict(verdicts)
            trade.decision = State.PASSED if passed else State.REJECTED
            self._enter(now, trade, trade.decision, "review")
        else:
            self._enter(now, trade, State.GATED, "training", "validation")

    # ---------------------------------------------------------------- the settlement

    def open_scores(self, now: int, name: str, seats: Collection[int]) -> None:
        """Some signers open the scores of the deciding attempt."""
        trade = self._in(name, *DECIDED)
        self._lapsed(now, trade.deadline)
        if not seats:
            raise Refused("NothingOpened")
        trade.opened |= set(seats)

    def attest(self, now: int, name: str, approved: bool) -> None:
        """The auditor reports."""
        trade = self._in(name, *DECIDED, State.DISPUTED)
        if trade.audit is not None:
            raise Refused("AlreadyAttested")
        trade.audit = approved

    def settle(self, now: int, name: str, opened: Collection[int], audit: bool | None) -> None:
        """Anyone ends a decided trade, with scores and perhaps the auditor's word."""
        trade = self._in(name, *DECIDED)
        self._lapsed(now, trade.deadline)
        if audit is not None and trade.audit is not None:
            raise Refused("AlreadyAttested")
        offer, seats = trade.offer, trade.opened | set(opened)
        closed = set(trade.scores) - seats
        if closed and now <= trade.deadline + offer.windows["settlement"]:
            raise Refused("SealsClosed")
        trade.opened = seats
        trade.audit = trade.audit if audit is None else audit
        fell = trade.overturned or self._contradicted(trade)
        end = State.REFUNDED if fell else self._undisputed_end(trade)
        if (
            trade.state == State.PASSED
            and (end == State.SETTLED or trade.audit is None)
            and not fell
        ):
            for expert, amount in zip(trade.experts, trade.amounts, strict=True):
                self._pay(trade, expert, amount)
        if end == State.SETTLED:
            self._pay(trade, offer.broker, offer.broker_fee)
            self._pay(trade, offer.treasury, offer.protocol_fee)
        if trade.audit is not None:
            self._pay(trade, offer.auditor, offer.auditor_fee)
        if not fell:
            self._pay_judges(trade, without=self._faulty(trade))
        self._end(now, trade, end)

    def _contradicted(self, trade: Trade) -> bool:
        passed = trade.state == State.PASSED
        agreeing = [
            (self._passes(trade, seat) if seat in trade.opened else verdict) == passed
            for seat, verdict in trade.verdicts.items()
        ]
        return not upper_median(agreeing)

    def _faulty(self, trade: Trade) -> set[int]:
        """Who kept its score sealed, or sealed one that speaks against its own verdict."""
        return {
            seat
            for seat, verdict in trade.verdicts.items()
            if seat not in trade.opened or self._passes(trade, seat) != verdict
        }

    def _passes(self, trade: Trade, seat: int) -> bool:
        return trade.scores[seat] >= trade.offer.threshold

    def _undisputed_end(self, trade: Trade) -> State:
        if trade.state == State.REJECTED:
            return State.FAILED
        wanting = trade.offer.approval_required and not trade.audit
        return State.REFUNDED if wanting else State.SETTLED

    # --------------------------------------------------------- when somebody is silent

    def expire(self, now: int, name: str) -> None:
        """No quote was accepted."""
        trade = self._in(name, State.REQUESTED)
        self._lapsed(now, trade.deadline)
        self._end(now, trade, State.EXPIRED)

    def time_out_delivery(self, now: int, name: str) -> None:
        """Nobody reported on the data; who put its delivery on record is paid."""
        trade = self._in(name, State.FUNDED)
        self._lapsed(now, trade.deadline)
        self._pay_unjudged(trade, trade.offer.providers, trade.offer.data)
        self._end(now, trade, State.REFUNDED)

    def time_out_training(self, now: int, name: str) -> None:
        """Nobody reported an attempt; who put its delivery on record is paid by the gate.

        Where that is no expert, the judges are paid for their reports so far.
        """
        trade = self._in(name, State.GATED)
        self._lapsed(now, trade.deadline)
        self._pay_unjudged(trade, trade.experts, by_weight(trade.offer.pool, trade.weights))
        if not any(trade.on_record.get(expert) == trade.stage for expert in trade.experts):
            self._pay_judges(trade)
        self._end(now, trade, State.REFUNDED)

    def _pay_unjudged(self, trade: Trade, workers: Sequence[str], dues: Sequence[int]) -> None:
        due = [
            (worker, amount)
            for worker, amount in zip(workers, dues, strict=True)
            if trade.on_record.get(worker) == trade.stage
        ]
        # Whose share is nothing has nothing that could be paid unjudged.
        trade.unjudged = any(amount for _, amount in due)
        for worker, amount in due:
            self._pay(trade, worker, amount)

    # ------------------------------------------------------------------------ disputes

    def dispute(self, now: int, name: str) -> None:
        """The arbiter freezes the settlement, once."""
        trade = self._in(name, *DECIDED)
        self._in_time(now, trade.deadline)
        if trade.challenged:
            raise Refused("AlreadyChallenged")
        trade.challenged = True
        trade.state, trade.deadline = State.DISPUTED, trade.deadline + self.ruling_window

    def rule(self, now: int, name: str, overturned: bool) -> None:
        """The arbiter lets the verdict stand, or fall."""
        self._end_dispute(now, self._in(name, State.DISPUTED), overturned)

    def resume(self, now: int, name: str) -> None:
        """Nobody ruled."""
        trade = self._in(name, State.DISPUTED)
        self._lapsed(now, trade.deadline)
        self._end_dispute(now, trade, overturned=False)

    def _end_dispute(self, now: int, trade: Trade, overturned: bool) -> None:
        assert trade.decision is not None
        trade.overturned = overturned
        review = trade.deadline - self.ruling_window
        trade.state, trade.deadline = trade.decision, max(now, review)

    # ------------------------------------------------------------------------- credits

    def withdraw(self, account: str, currency: str) -> int:
        """An account takes all that it is owed in a currency."""
        amount = self.credits.pop((account, currency), 0)
        if not amount:
            raise Refused("NothingToWithdraw")
        self.held[currency] -= amount
        return amount

    def _pay(self, trade: Trade, account: str, amount: int) -> None:
        trade.escrow -= amount
        assert trade.escrow >= 0
        if amount:
            self.credits[account, trade.offer.currency] += amount

    def _pay_judges(self, trade: Trade, without: Collection[int] = ()) -> None:
        seats = sorted(trade.signers)
        for seat, share in zip(seats, evenly(trade.offer.oracle_fee, len(seats)), strict=True):
            if seat not in without:
                self._pay(trade, trade.offer.judges[seat], share)

    # --------------------------------------------------------------- states and clocks

    def _in(self, name: str, *states: State) -> Trade:
        trade = self.trades.get(name)
        if trade is None or trade.state not in states:
            raise Refused("WrongState")
        return trade

    def _quorum(self, trade: Trade, signers: Collection[int]) -> None:
        if len(signers) < trade.offer.quorum:
            raise Refused("QuorumNotReached")

    def _in_time(self, now: int, deadline: int) -> None:
        if now > deadline:
            raise Refused("DeadlinePassed")

    def _lapsed(self, now: int, deadline: int) -> None:
        if now <= deadline:
            raise Refused("DeadlineNotReached")

    def _enter(self, now: int, trade: Trade, state: State, *windows: str) -> None:
        trade.state = state
        trade.deadline = now + sum(trade.offer.windows[window] for window in windows)

    def _end(self, now: int, trade: Trade, state: State) -> None:
        """What is left goes back to the buyer."""
        self._pay(trade, trade.offer.buyer, trade.escrow)
        self._enter(now, trade, state, "settlement")
