"""Follows the chain for one seat, and does what is due when it is this seat's turn.

Nothing is remembered that could contradict the chain: each look derives what is due anew, so
a process that was killed anywhere goes on where the chain stands.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from marketplace.chain.headers import BLOCKS_AT_ONCE, REORGANISED_BLOCKS
from marketplace.protocol.errors import ConfigurationError, MarketError, NodeUnreachable
from marketplace.protocol.states import State
from marketplace.service.duties import (
    OPEN_FAILED,
    OPEN_OWN,
    PUBLISH,
    REPORT_ATTEMPT,
    REPORT_DATA,
    SETTLE,
    Duty,
    duties_of,
    earlier_signers,
    own_earlier_seals_closed,
    own_seal_closed,
    place_in_turn,
    still_due,
)
from marketplace.service.failpoint import reach
from marketplace.service.journal import Journal, Sent
from marketplace.service.logs import crashed, say, warn
from marketplace.service.metrics import Metrics
from marketplace.service.peers import Peer
from marketplace.service.questions import Inbox, Parties
from marketplace.service.sending import JournaledNode
from marketplace.service.settings import Settings
from offchain.exchange import party_key
from offchain.oracle.experts import ExpertOwner
from offchain.oracle.leader import OracleLeader
from offchain.oracle.settling import OracleSettler
from offchain.oracle.signer import OracleSigner

LONGEST_PAUSE_SECONDS = 60.0
GATHER_SECONDS = 5.0
PUBLISH_KEY = "publishEncryptionKey"


@dataclass
class _Pause:
    """How long to leave a step alone that failed."""

    seconds: float = 0.5
    until: float = 0.0

    def longer(self) -> None:
        self.seconds = min(2 * self.seconds, LONGEST_PAUSE_SECONDS)
        self.until = time.monotonic() + self.seconds


class Follower:
    """One seat at work.

    Parameters
    ----------
    signer
        The seat.
    node
        What it sees and sends through; its journal is `journal`.
    seats
        The other seats that can be asked.
    owners
        Of the experts on offer.
    stopping
        Set when the process is to end.
    """

    def __init__(
        self,
        signer: OracleSigner,
        node: JournaledNode,
        journal: Journal,
        inbox: Inbox,
        parties: Parties,
        seats: Sequence[Peer],
        owners: Sequence[ExpertOwner],
        settings: Settings,
        metrics: Metrics,
        stopping: threading.Event,
    ) -> None:
        self._signer = signer
        self._market = signer.market
        self._node = node
        self._journal = journal
        self._inbox = inbox
        self._parties = parties
        self._seats = seats
        self._owners = owners
        self._settings = settings
        self._metrics = metrics
        self._stopping = stopping
        self._pauses: dict[tuple[str, str], _Pause] = {}
        self._gathered: dict[str, float] = {}

    def run(self) -> None:
        """Look and work until this process is to end; failures make the pauses longer."""
        pause = self._settings.poll_seconds
        while not self._stopping.is_set():
            try:
                self.look()
                pause = self._settings.poll_seconds
            except MarketError as error:
                self._metrics.errors.labels(type(error).__name__).inc()
                warn("the look at the chain failed", cause=error.cause, again_in=round(pause, 1))
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            except Exception as error:  # noqa: BLE001  # a seat that ends here judges no other trade either
                self._metrics.errors.labels("crash").inc()
                crashed("the look at the chain crashed", error)
                pause = LONGEST_PAUSE_SECONDS
            self._stopping.wait(pause)

    def look(self) -> None:
        """Look at the chain once, and do what is due."""
        head = self._node.head()
        self._metrics.saw(head.number, head.timestamp)
        self._node.resume(self._signer.address, self._still_due)
        self._publish_key()
        self._discover(head.number)
        running = self._journal.running()
        self._metrics.trades.set(len(running))
        self._metrics.balance.set(self._node.balance(self._signer.address))
        for trade in running:
            if self._stopping.is_set():
                return
            try:
                self._attend(trade)
            except NodeUnreachable:
                raise
            except MarketError as error:  # the other trades go on
                self._metrics.errors.labels(type(error).__name__).inc()
                warn("a trade can't be looked at", trade=trade, cause=error.cause)

    # ------------------------------------------------------------------ looking

    def _discover(self, head: int) -> None:
        """Note the trades that were requested since the last look."""
        seen = min(int(self._journal.fact("block") or 0), head)
        first = max(0, seen - REORGANISED_BLOCKS)
        while first <= head:
            last = min(first + BLOCKS_AT_ONCE - 1, head)
            for trade_id in self._market.trades(first, last):
                ours = self._signer.address in self._parties.members(trade_id)
                self._journal.add_trade("0x" + trade_id.hex(), ours=ours)
            self._journal.remember("block", str(last))
            first = last + 1

    def _duties(self, trade: str) -> list[Duty]:
        trade_id, address = bytes.fromhex(trade[2:]), self._signer.address
        status, committee = self._market.status(trade_id), self._parties.committee(trade_id)
        decided = status.state in (State.PASSED, State.REJECTED)
        duties = duties_of(
            status,
            self._node.now(),
            delivered=status.state == State.FUNDED and not self._missing(trade_id),
            unopened=decided and own_seal_closed(self._market, committee, trade_id, address),
            sealed=status.state.final
            and status.attempts > 0
            and own_earlier_seals_closed(self._market, committee, trade_id, address),
        )
        published = self._journal.done(trade, PUBLISH)
        duties = [duty for duty in duties if duty.name != PUBLISH or not published]
        finished = status.state.final and not duties
        self._journal.note_state(trade, status.state.name, finished=finished)
        if finished:
            self._signer.book.forget(trade_id)
            self._gathered.pop(trade_id.hex(), None)
            self._pauses = {key: pause for key, pause in self._pauses.items() if key[0] != trade}
            say("nothing is left to do", trade=trade, state=status.state.name)
        return duties

    def _missing(self, trade_id: bytes) -> set[str]:
        """Return the providers whose delivery no seat in reach has."""
        missing, name = self._inbox.missing(trade_id), trade_id.hex()
        if missing and time.monotonic() > self._gathered.get(name, 0.0) + GATHER_SECONDS:
            self._gathered[name] = time.monotonic()
            for seat in self._within(trade_id):
                try:
                    for message in seat.deliveries(trade_id):
                        if message.trade_id == trade_id:
                            self._inbox.take(message)
                except MarketError as error:
                    self._metrics.errors.labels(type(error).__name__).inc()
            missing = self._inbox.missing(trade_id)
        return missing

    def _still_due(self, sent: Sent) -> bool:
        due = sent.step == PUBLISH_KEY or still_due(sent.step, self._duties(sent.trade))
        say("a transaction is in doubt", hash=sent.hash, step=sent.step, still_due=due)
        return due

    # ------------------------------------------------------------------ working

    def _attend(self, trade: str) -> None:
        """Do what is due in one trade, one step after the other."""
        for duty in self._duties(trade):
            if self._stopping.is_set() or not self._my_turn(trade, duty):
                continue
            pause = self._pauses.setdefault((trade, duty.name), _Pause())
            if time.monotonic() < pause.until:
                continue
            if not self._done(trade, duty):
                pause.longer()
                return

    def _my_turn(self, trade: str, duty: Duty) -> bool:
        since = self._journal.due_since(trade, duty.name)
        if not duty.by_turn:
            return True
        trade_id = bytes.fromhex(trade[2:])
        committee = self._parties.committee(trade_id)
        members: Sequence[str] = committee.members
        if duty.name == OPEN_FAILED:
            members = earlier_signers(self._market, committee, trade_id)
        place = place_in_turn(members, self._signer.address, trade_id, duty.name)
        return time.time() >= since + place * self._settings.take_over_seconds

    def _done(self, trade: str, duty: Duty) -> bool:
        name, label = duty.name, duty.name.partition(" ")[0]
        self._journal.begin(trade, name)
        say("step begins", trade=trade, step=name)
        start = time.monotonic()
        reach(f"{name}:begun")
        try:
            with self._metrics.timing(label), self._node.working_on(trade):
                self._work(trade, label)
        except MarketError as error:
            self._failed(trade, name, error.cause, type(error).__name__)
            return False
        except Exception as error:  # noqa: BLE001  # one trade that crashes must not stop the others
            crashed("step crashed", error, trade=trade, step=name)
            self._failed(trade, name, type(error).__name__, "crash")
            return False
        self._journal.end(trade, name, "done")
        say("step done", trade=trade, step=name, seconds=round(time.monotonic() - start, 3))
        reach(f"{name}:done")
        return True

    def _failed(self, trade: str, name: str, cause: str, kind: str) -> None:
        self._metrics.errors.labels(kind).inc()
        self._journal.end(trade, name, "failed", cause)
        warn("step failed", trade=trade, step=name, cause=cause, error=kind)

    def _work(self, trade: str, label: str) -> None:
        trade_id = bytes.fromhex(trade[2:])

        def progress(message: str) -> None:
            say("progress", trade=trade, message=message)

        leader = OracleLeader(self._signer, self._within(trade_id), progress)
        alone = OracleSettler(self._signer, (), progress)
        work: dict[str, Callable[[], object]] = {
            REPORT_DATA: lambda: leader.report_data(
                trade_id, self._inbox.sealed(trade_id), self._owners
            ),
            REPORT_ATTEMPT: lambda: leader.report_attempt(trade_id, self._owners),
            PUBLISH: lambda: leader.publish(trade_id),
            SETTLE: lambda: leader.settle(trade_id),
            OPEN_OWN: lambda: alone.open_deciding_scores(trade_id),
            OPEN_FAILED: lambda: leader.open_failed_scores(trade_id),
        }
        work[label]()

    def _within(self, trade_id: bytes) -> list[Peer]:
        """Return the peers that have a seat in a trade's committee."""
        members = self._parties.members(trade_id)
        return [seat for seat in self._seats if seat.address in members]

    def _publish_key(self) -> None:
        """Publish the seat's encryption key once; providers seal their data for it."""
        if self._journal.fact("key") == "published":
            return
        key = party_key(self._signer.account).public
        registry = self._market.registry.functions
        known = bytes(self._node.call(registry.encryptionKeyOf(self._signer.address)))
        if not any(known):
            say("publishing the encryption key")
            self._market.publish_encryption_key(self._signer.account, key)
        elif known != key:
            raise ConfigurationError(
                f"{self._signer.address} has published another encryption key",
                "publish the one that belongs to this account, before the next trade",
            )
        self._journal.remember("key", "published")
