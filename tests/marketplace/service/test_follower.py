"""One seat at work: cut off anywhere and started anew, it sends each transaction once.

The chain, the trade, the other seats and the experts are real, in this process; being killed
is an exception that nothing catches. `tests/end_to_end/test_committee.py` kills processes.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from small_trade import SMALL, StageAt

from marketplace.audit import audit
from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.scripted.script import Script
from marketplace.scripted.trade import TradeRun
from marketplace.service import follower as followers
from marketplace.service import sending
from marketplace.service.bodies import Delivered
from marketplace.service.follower import Follower
from marketplace.service.journal import Journal, read_journal
from marketplace.service.messages import Message
from marketplace.service.metrics import Metrics
from marketplace.service.questions import Inbox, Parties
from marketplace.service.sending import JournaledNode
from marketplace.service.settings import Settings
from offchain.exchange import Exchange
from offchain.oracle.signer import OracleSigner

HOPELESS = replace(SMALL, name="hopeless", threshold=1_000_000, ends=State.FAILED)
AT_ONCE = Settings(poll_seconds=0.01, take_over_seconds=1e-6)
PATIENCE_SECONDS = 600


class Killed(BaseException):
    """Ends everything, as SIGKILL does."""


class Colleague(OracleSigner):
    """Another seat, which no provider delivered to."""

    def deliveries(self, trade_id: bytes) -> list[Message]:
        return []


class Seat:
    """One seat that can be cut off and started anew; only its folder stays."""

    def __init__(self, run: TradeRun, folder: Path) -> None:
        self.run = run
        self.folder = folder
        self.node = JournaledNode(run.world.market.node.web3.provider)
        market = Market(self.node, run.world.market.address)
        own, *others = run.world.signers
        account = own.account
        self.journal = Journal(folder, f"{self.node.chain_id}/{market.address}/{account.address}")
        self.node.journal = self.journal
        exchange = Exchange(run.world.store, account, market.encryption_key_of)
        self.signer = OracleSigner(market, exchange)
        remember(own, self.signer)
        colleagues = [Colleague(each.market, each.exchange) for each in others]
        for each, colleague in zip(others, colleagues, strict=True):
            remember(each, colleague)
        parties = Parties(market)
        self.inbox = Inbox(market, self.journal, parties)
        self.metrics = Metrics(3_600)
        self.follower = Follower(
            self.signer,
            self.node,
            self.journal,
            self.inbox,
            parties,
            colleagues,
            run.world.experts,
            AT_ONCE,
            self.metrics,
            threading.Event(),
        )

    def take_deliveries(self) -> None:
        domain, to = self.run.world.market.domain, self.signer.address
        for provider in self.run.world.providers:
            body = Delivered.of(provider.deliver(self.run.trade_id)).content()
            self.inbox.take(
                Message.signed(domain, provider.account, "deliver", self.run.trade_id, to, body)
            )


def remember(known: OracleSigner, new: OracleSigner) -> None:
    """Spare a seat the computing; what it sends is what is tested here."""
    for name, computed in vars(known.book).items():
        if isinstance(computed, dict):
            vars(new.book)[name].update(computed)


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Kill at each place once; lists the places."""
    died: list[str] = []

    def reach(place: str) -> None:
        if place not in died:
            died.append(place)
            raise Killed

    monkeypatch.setattr(followers, "reach", reach)
    monkeypatch.setattr(sending, "reach", reach)
    return died


@pytest.mark.parametrize(
    ("script", "steps"),
    [
        (SMALL, ["reportData", "reportAttempt 1", "settle"]),
        (
            HOPELESS,
            ["reportData", "reportAttempt 1", "reportAttempt 2", "settle", "openScores 1"],
        ),
    ],
    ids=["settled", "failed"],
)
def test_cut_off_at_every_border(
    stage: StageAt, tmp_path: Path, places: list[str], script: Script, steps: list[str]
) -> None:
    run = stage(State.FUNDED, script)
    folder = tmp_path / "seat"
    seat = Seat(run, folder)
    account = seat.signer.address
    count = run.world.market.node.web3.eth.get_transaction_count
    before, moved = count(account), False
    seat.take_deliveries()
    end = time.monotonic() + PATIENCE_SECONDS
    while not moved or seat.journal.running():
        assert time.monotonic() < end, read_journal(folder)
        try:
            seat.follower.look()
        except Killed:
            seat.journal.close()
            seat = Seat(run, folder)
        if not moved and run.state() in (State.PASSED, State.REJECTED):
            moved = True
            review = run.world.market.status(run.trade_id).windows.review
            run.world.market.node.advance_time(review + 1)
    assert run.state() == script.ends
    for step in steps:
        assert {f"{step}:signed", f"{step}:sent"} <= set(places)
        name = step if step.startswith("reportAttempt") else step.split()[0]
        assert f"{name}:begun" in places  # what a restart finds mined is not done again
    assert {"publish:begun", "publish:done"} <= set(places)
    assert count(account) - before == len(steps)
    sent = read_journal(folder).sent
    assert [each.step for each in sent if each.outcome == "mined"] == steps
    assert {each.outcome for each in sent} <= {"mined", "dropped"}
    report = audit(seat.node.web3.provider, run.world.market.address, run.world.store)
    assert report.ok, report.objections
    seat.journal.close()


def test_a_node_that_is_gone_is_asked_again(stage: StageAt, tmp_path: Path) -> None:
    run = stage(State.PASSED)
    seat = Seat(run, tmp_path / "seat")
    real, calls = seat.node.head, []

    def head() -> sending.Head:
        calls.append(1)
        if len(calls) < 3:
            raise sending.NodeUnreachable("no node answers", "start one")
        seat.follower._stopping.set()
        return real()

    vars(seat.node)["head"] = head
    seat.follower.run()
    assert len(calls) == 3
    text = seat.metrics.text().decode()
    assert 'moemarket_errors_total{kind="NodeUnreachable"} 2.0' in text
    seat.journal.close()
