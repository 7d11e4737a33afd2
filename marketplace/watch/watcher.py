"""Looks at a chain again and again, and has the audit check what is new."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from marketplace.audit import Check, Report
from marketplace.audit.auditor import Audit
from marketplace.audit.folding import Follower
from marketplace.chain.headers import NOWHERE, Header, header
from marketplace.chain.market import Market
from marketplace.protocol.errors import AuditFailed
from marketplace.watch.state import StateFile, Waiting, WatchState
from marketplace.watch.webhook import Alert, Webhook, check_id
from offchain.storage.store import Store

ASKED = 20
"""So often is missing evidence looked for again, while patience lasts and nothing else comes."""

REPLACED = 3
"""So many looks in a row may find their block replaced before what they found counts after all.

No chain replaces its newest block at every look; a node that tells of two blocks does.
"""


@dataclass
class Watcher:
    """The watch over one market.

    Attributes
    ----------
    market, store
        What is audited, and where its evidence lies.
    file
        Remembers how far the watch has come.
    webhook
        Told of each fault once, and again if its check passed meanwhile or finds something else.
    patience
        Seconds for which the evidence of a trade that has ended may be missing: it is
        published when the last verdict is there, which may be the end itself. So long may a list
        of payees be missing, too, and whatever else belongs to the market as a whole.
    keep_going
        Whether the watch goes on after a fault.
    proven
        Whether what the audit can't prove is a fault, too.
    progress
        Told what was audited, and with what result.
    now
        Wall clock, in seconds since 1970.
    bids, payouts
        Addresses of the contracts of tenders and of payouts, if they are watched, too.
    """

    market: Market
    store: Store
    file: StateFile
    webhook: Webhook | None = None
    patience: int = 600
    keep_going: bool = False
    proven: bool = False
    progress: Callable[[str], None] = lambda message: None
    now: Callable[[], float] = time.time
    bids: str | None = None
    payouts: str | None = None
    faults: list[Alert] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._node = self.market.node
        self._state = self.file.read(self._node.chain_id, self.market.address)
        self._follower = Follower(
            self._node.web3.provider, self.market.address, self.bids, self.payouts
        )
        self._asked = 0.0
        self._replaced = 0  # looks in a row

    @property
    def state(self) -> WatchState:
        """How far the watch has come."""
        return self._state

    def look(self) -> Report | None:
        """Audit what came since the last look; return the report, None if nothing came.

        Raises
        ------
        AuditFailed
            At the first fault, unless the watch keeps going. The state stays before it: the
            next watch looks at it again, and tells nobody twice.
        ChainError, NodeUnreachable, StoreUnreachable
            If the node or the store does not answer.
        """
        before, fold = self._last_seen(), self._follower.to_head()
        head, news = fold.chain.block, fold.last_event > before.number or not fold.sound
        at_head = head.number, "0x" + head.recomputed.hex()
        chosen = fold.ended_since(before.number)
        awaited = self._awaited() if news or self._is_time() else set()
        named = {bytes.fromhex(trade[2:]) for trade in awaited if trade is not None}
        chosen |= named & fold.history.trades.keys()
        if not news and not chosen and None not in awaited:
            self._replaced = 0
            self._remember(self._state.at(*at_head))
            return None
        report = Audit(fold, self.store, trade=chosen).report()
        seen = header(self._node, report.block)
        if seen is None or seen.hash != at_head[1]:
            self._follower.forget()
            self.progress(f"block {report.block} was replaced while it was audited")
            self._replaced += 1
            if self._replaced >= REPLACED:
                faults = [check for check in report.objections if check.verdict == "failed"]
                self._raise_alarm(report, faults)
            return None
        self._replaced = 0
        self._asked = self.now()
        state, held_up = self._waiting_for(report)
        faults = [
            check
            for check in report.objections
            if not (check.verdict == "missing" and check.trade in held_up)
        ]
        faults += report.unproven if self.proven else ()
        self.progress(
            f"block {report.block}: {len(report.checks)} checks, {len(report.trades)} ended trades,"
            f" {len(faults)} faults, evidence of {len(held_up)} awaited"
        )
        self._take_back(report)
        self._raise_alarm(report, faults)
        self._remember(state.model_copy(update={"alerted": self._state.alerted}).at(*at_head))
        return report

    # ------------------------------------------------------------------ what is new

    def _last_seen(self) -> Header:
        """Return the newest checkpoint that is still in the chain, and forget those after it."""
        checkpoints, found = list(self._state.checkpoints), NOWHERE
        while checkpoints:
            known = checkpoints[-1]
            there = header(self._node, known.block)
            if there is not None and there.hash == known.hash:
                found = there
                break
            checkpoints.pop()
        if len(checkpoints) < len(self._state.checkpoints):
            since = f"block {found.number}" if checkpoints else "the start"
            self.progress(f"the chain was reorganised: what came after {since} is audited again")
            self._remember(self._state.model_copy(update={"checkpoints": tuple(checkpoints)}))
        return found

    def _is_time(self) -> bool:
        """Whether what is missing is to be looked for again though nothing came."""
        return self.now() >= self._asked + self.patience / ASKED

    def _awaited(self) -> set[str | None]:
        """Return of which trades, or None for the market, evidence was awaited at the last look.

        So patience that ended since then is noticed once, whether something comes or not.
        """
        return {
            waiting.trade
            for waiting in self._state.waiting
            if self._asked < waiting.since + self.patience
        }

    # ---------------------------------------------------------------- what was found

    def _waiting_for(self, report: Report) -> tuple[WatchState, set[str | None]]:
        """Note what misses evidence, and since when; return for which of it patience lasts."""
        missing = {check.trade for check in report.objections if check.verdict == "missing"}
        since = {waiting.trade: waiting.since for waiting in self._state.waiting}
        now = int(self.now())
        began = {trade: since.get(trade, now) for trade in missing}
        held_up = {trade for trade, start in began.items() if now < start + self.patience}
        waiting = tuple(
            Waiting(trade=trade, since=began[trade])
            for trade in sorted(missing, key=str)
            if trade in held_up or trade is None
        )
        return self._state.model_copy(update={"waiting": waiting}), held_up

    def _take_back(self, report: Report) -> None:
        """Forget the alerts of checks that pass: whatever they find later is told again."""
        sound = {
            check_id(report.chain_id, report.market, check)
            for check in report.checks
            if check.verdict == "passed"
        }
        standing = (known for known in self._state.alerted if known.split("-")[0] not in sound)
        self._remember(self._state.model_copy(update={"alerted": tuple(standing)}))

    def _raise_alarm(self, report: Report, faults: list[Check]) -> None:
        for check in faults:
            alert = Alert.of(report, check)
            if alert.id not in {fault.id for fault in self.faults}:
                self.faults.append(alert)
            self._tell(alert)
            if not self.keep_going:
                raise failed(alert)

    def _tell(self, alert: Alert) -> None:
        if self.webhook is None or alert.id in self._state.alerted:
            return
        why = self.webhook.send(alert)
        if why is not None:
            self.progress(f"the alert could not be delivered: {why}")
            return
        alerted = (*self._state.alerted, alert.id)
        self._remember(self._state.model_copy(update={"alerted": alerted}))

    def _remember(self, state: WatchState) -> None:
        if state != self._state:
            self.file.write(state)
            self._state = state


def failed(alert: Alert) -> AuditFailed:
    """Return the error that a fault amounts to."""
    check = alert.check
    whose = "the market" if check.trade is None else f"trade {check.trade}"
    return AuditFailed(
        f"check {check.name!r} of {whose} {check.verdict} at block {alert.block}: {check.detail}",
        "run `moemarket audit`, and read the checks that did not pass",
    )
