"""The watch audits what is new, raises the alarm once, and goes on where it stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
from audited_trade import LICENCE
from cast_of_trade import cast
from giving_out import GivingOut
from receiver import Receiver, receiving
from settling import Scene, mine, switch
from test_tampered_chain import WithoutMethod

from marketplace.chain.client import Node
from marketplace.chain.market import Market
from marketplace.protocol.errors import AuditFailed, ConfigurationError
from marketplace.watch.state import CHECKPOINTS, StateFile, WatchState
from marketplace.watch.watcher import Watcher
from marketplace.watch.webhook import Alert, Webhook
from offchain.storage.cid import cid_of
from offchain.storage.disk import DiskStore


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def watcher(market: Market, scene: Scene, **options: object) -> Watcher:
    usual = {"store": scene.store, "file": StateFile(None)}
    return Watcher(market, **(usual | options))  # type: ignore[arg-type]  # of many types


def test_each_trade_as_it_ends(scene: Scene) -> None:
    market, said = scene.market("begun"), []
    watch = watcher(market, scene, progress=said.append)
    first = watch.look()
    assert first is not None
    assert (first.ok, first.trades) == (True, ())
    assert {check.trade for check in first.checks} == {None}
    assert watch.look() is None
    switch(market, "one ended")
    second = watch.look()
    assert second is not None
    assert [(trade.id, trade.state) for trade in second.trades] == [(scene.honest, "SETTLED")]
    mine(market, 3)
    assert watch.look() is None
    assert len(said) == 2


def test_tenders_and_payouts_are_watched_if_they_are_named(scene: Scene) -> None:
    named = {"bids": scene.bids, "payouts": scene.payouts}
    report = watcher(scene.market("begun"), scene, **named).look()
    assert report is not None
    assert {"tenders", "payouts"} <= {check.name for check in report.checks}


def test_the_first_fault_ends_the_watch(scene: Scene, receiver: Receiver, tmp_path: Path) -> None:
    file, hook = StateFile(tmp_path / "state"), Webhook(receiver.url, b"a secret")
    market = scene.market("one ended")
    watch = watcher(market, scene, file=file, webhook=hook)
    watch.look()
    before = watch.state
    switch(market, "two ended")
    with pytest.raises(AuditFailed, match=rf"check 'allocation' of trade {scene.dishonest} failed"):
        watch.look()
    assert watch.state.checkpoints == before.checkpoints
    [(headers, body)] = receiver.posts
    said = json.loads(body)
    assert said["document"] == "audit-alert"
    assert said["check"]["trade"] == scene.dishonest
    assert (said["chainId"], said["market"]) == (31337, scene.address)
    assert headers["X-Moemarket-Signature"].startswith("sha256=")
    again = watcher(market, scene, file=file, webhook=hook)
    with pytest.raises(AuditFailed, match="'allocation'"):
        again.look()
    assert len(receiver.posts) == 1


def test_going_on_after_a_fault(scene: Scene, receiver: Receiver) -> None:
    market = scene.market("two ended")
    watch = watcher(market, scene, webhook=Webhook(receiver.url), keep_going=True)
    report = watch.look()
    assert report is not None
    assert len(report.objections) == len(watch.faults) == len(receiver.posts) > 0
    assert watch.look() is None
    mine(market, 1)
    assert watch.look() is None
    assert len(receiver.posts) == len(watch.faults)


@pytest.mark.parametrize("proven", [False, True])
def test_what_is_not_proven_is_a_fault_for_a_watch_that_asks_for_it(
    scene: Scene, proven: bool
) -> None:
    told = scene.market("begun").node.web3.provider
    market = Market(Node(WithoutMethod(told, "eth_getProof")), scene.address)
    watch = watcher(market, scene, proven=proven, keep_going=True)
    report = watch.look()
    assert report is not None
    assert report.ok
    found = {fault.check.name for fault in watch.faults}
    assert found == ({"contracts", "state-proofs"} if proven else set())


def test_evidence_may_come_later(scene: Scene, tmp_path: Path) -> None:
    clock, store = Clock(), DiskStore(tmp_path / "store")
    file = StateFile(tmp_path / "state")
    options = {"now": clock, "store": store, "file": file, "patience": 100}
    watch = watcher(scene.market("one ended"), scene, **options)
    watch.look()
    assert [waiting.trade for waiting in watch.state.waiting] == [scene.honest]
    assert watch.look() is None
    clock.seconds += 99
    report = watch.look()
    assert report is not None
    assert not report.ok
    late = watcher(scene.market("one ended"), scene, **options)
    clock.seconds += 1
    with pytest.raises(AuditFailed, match=rf"trade {scene.honest} missing"):
        late.look()
    in_time = watcher(scene.market("one ended"), scene, **(options | {"store": scene.store}))
    report = in_time.look()
    assert report is not None
    assert report.ok
    assert in_time.state.waiting == ()


def test_a_list_of_payees_may_come_later_too(
    scene: Scene, receiver: Receiver, tmp_path: Path
) -> None:
    """Without end is nobody waited for it: it is told once, and again if it goes once more."""
    market, clock, parties = scene.market("begun"), Clock(), cast()
    lists = DiskStore(tmp_path / "lists")
    deployment = SimpleNamespace(payouts=scene.payouts)
    giving = GivingOut(market.node, deployment, parties, lists)  # type: ignore[arg-type]
    giving.deposit(5)
    giving.propose({parties.buyer.address: 5})
    options = {"now": clock, "patience": 100, "payouts": scene.payouts, "keep_going": True}
    options |= {"file": StateFile(tmp_path / "state"), "webhook": Webhook(receiver.url)}
    watch = watcher(market, scene, **options)

    def told_after(seconds: int) -> int:
        clock.seconds += seconds
        watch.look()
        return len(receiver.posts)

    assert told_after(0) == 0
    assert [waiting.trade for waiting in watch.state.waiting] == [None]
    assert told_after(95) == 0
    assert told_after(5) == 1
    assert [fault.check.name for fault in watch.faults] == ["distributions"]
    assert watch.faults[0].check.verdict == "missing"
    assert watch.look() is None
    giving.deposit(1)
    assert told_after(1_000) == 1  # it was looked at again, and found what it had found
    watch = watcher(market, scene, **(options | {"keep_going": False}))
    with pytest.raises(AuditFailed, match="check 'distributions' of the market missing"):
        watch.look()
    assert len(receiver.posts) == 1

    found = watcher(market, scene, **(options | {"store": both(scene.store, lists, tmp_path)}))
    report = found.look()
    assert report is not None
    assert report.ok
    assert (found.state.waiting, found.state.alerted) == ((), ())
    giving.deposit(1)
    watch = watcher(market, scene, **options)
    assert [told_after(seconds) for seconds in (0, 95, 5)] == [1, 1, 2]


def both(one: DiskStore, other: DiskStore, tmp_path: Path) -> DiskStore:
    store = DiskStore(shutil.copytree(one.path, tmp_path / "both"))
    for file in other.block_files():
        shutil.copy(file, store.path / "blocks")
    return store


def test_what_is_found_anew_is_told_anew(scene: Scene, receiver: Receiver, tmp_path: Path) -> None:
    """One fault stays, another takes its place, it passes, and the first comes back."""
    market, file = scene.market("one ended"), StateFile(tmp_path / "state")
    empty = DiskStore(tmp_path / "empty")
    partly = DiskStore(shutil.copytree(scene.store.path, tmp_path / "partly"))
    (partly.path / "blocks" / cid_of(LICENCE)).unlink()

    def told_of(store: DiskStore) -> list[str]:
        """Audit everything again, as after a reorganisation; return the details told of."""
        before = len(receiver.posts)
        state = file.read(31337, scene.address)
        file.write(state.model_copy(update={"checkpoints": ()}))
        options = {"file": file, "webhook": Webhook(receiver.url), "patience": 0}
        watcher(market, scene, store=store, keep_going=True, **options).look()
        alerts = [Alert.from_bytes(body).check for _, body in receiver.posts[before:]]
        return [check.detail for check in alerts if check.name == "documents"]

    assert len(told_of(empty)) == 1
    known = file.read(31337, scene.address).alerted
    assert told_of(empty) == []
    assert file.read(31337, scene.address).alerted == known
    (other,) = told_of(partly)
    assert other.startswith("licence: ")
    assert told_of(partly) == []
    assert told_of(scene.store) == []
    assert file.read(31337, scene.address).alerted == ()
    assert told_of(partly) == [other]


def test_goes_on_where_it_was_killed(scene: Scene, tmp_path: Path) -> None:
    """A process is killed while it audits the second trade; the next one audits that alone."""
    path, market = tmp_path / "state", scene.market("one ended")
    watcher(market, scene, file=StateFile(path)).look()
    before = path.read_bytes()
    switch(market, "two ended")
    child = os.fork()
    if child == 0:
        try:
            watch = watcher(market, scene, file=StateFile(path), keep_going=True)
            watch.progress = lambda message: os.kill(os.getpid(), signal.SIGKILL)
            watch.look()
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert path.read_bytes() == before
    with receiving() as receiver:
        hook = Webhook(receiver.url)
        watch = watcher(market, scene, file=StateFile(path), keep_going=True, webhook=hook)
        report = watch.look()
    assert report is not None
    assert [trade.id for trade in report.trades] == [scene.dishonest]
    assert len(receiver.posts) == len(watch.faults) > 0


def test_a_reorganised_chain_is_audited_again(scene: Scene, tmp_path: Path) -> None:
    path, market, said = tmp_path / "state", scene.market("begun"), []
    watch = watcher(market, scene, file=StateFile(path), progress=said.append)
    watch.look()
    ended = watch.state.checkpoints[-1].block
    for _ in range(2):
        mine(market, 1, later=50)
        watch.look()
    switch(market, "one ended")
    again = watcher(market, scene, file=StateFile(path), progress=said.append)
    report = again.look()
    assert f"what came after block {ended} is audited again" in said[-2]
    assert report is not None
    assert [trade.id for trade in report.trades] == [scene.honest]
    state = StateFile(path).read(31337, scene.address)
    head = market.node.block("latest")
    assert head is not None
    assert state.checkpoints[-1].block == head["number"]


def test_state_files(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "state"
    state = WatchState(chain_id=1, market="0xab")
    for block in (*range(200), 150):
        state = state.at(block, f"0x{block}")
    assert [known.block for known in state.checkpoints][-2:] == [149, 150]
    assert len(state.checkpoints) == CHECKPOINTS - 49
    file = StateFile(path)
    file.write(state)
    assert file.read(1, "0xab") == state
    for other in ((2, "0xab"), (1, "0xac")):
        with pytest.raises(ConfigurationError, match="the state file is of market 0xab on chain 1"):
            file.read(*other)
    path.write_bytes(b'{"document":"watch-state"')
    with pytest.raises(ConfigurationError, match="is no state file of a watch"):
        file.read(1, "0xab")
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigurationError, match="can't be read"):
        file.read(1, "0xab")
