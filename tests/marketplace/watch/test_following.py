"""What a look costs: each block is read once, and nothing is found that a fresh audit would not."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest
from forging import header_hash
from receiver import Receiver
from settling import Scene, Switched, mine
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.audit import Report, audit
from marketplace.audit.auditor import Audit
from marketplace.audit.folding import Follower
from marketplace.chain.client import Node
from marketplace.chain.market import Market
from marketplace.protocol.errors import AuditFailed
from marketplace.watch.state import StateFile
from marketplace.watch.watcher import REPLACED, Watcher
from marketplace.watch.webhook import Webhook

READ = ("eth_getBlockByNumber", "eth_getBlockReceipts")
A_LOOK = 30
"""Questions of a look at one empty block, at most: contracts, head, the block, what was kept."""


class Watched(BaseProvider):
    """Counts what a chain is asked, and may lie for once about one block."""

    def __init__(self, chain: Switched) -> None:
        super().__init__()
        self.chain = chain
        self.asked: Counter[tuple[str, str]] = Counter()
        self.lies: list[str] = []

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        self.asked[method, str(params[0]) if params else ""] += 1
        answer = self.chain.make_request(method, params)
        if method == "eth_getBlockByNumber" and params[0] in self.lies:
            self.lies.remove(params[0])
            answer = copy.deepcopy(answer)
            answer["result"]["gasUsed"] = "0x7"
        return answer


class Chain:
    """One node, a follower of it, and the market on it."""

    def __init__(self, scene: Scene, stage: str) -> None:
        self.scene = scene
        self.node = Watched(Switched(scene.folder, stage))
        self.market = Market(Node(self.node), scene.address)
        self.follower = Follower(self.node, scene.address)

    def look(self) -> Report:
        """Audit what the follower has, which must be what an audit from the start finds."""
        found = Audit(self.follower.to_head(), self.scene.store).report()
        assert found == audit(self.node.chain, self.scene.address, self.scene.store)
        return found


def test_many_looks_read_each_block_once(scene: Scene) -> None:
    chain = Chain(scene, "begun")
    chain.follower.to_head()
    for stage in ("one ended", "two ended"):
        chain.node.chain.switch(stage)
        chain.follower.to_head()
    costs = []
    for _ in range(12):
        mine(chain.market, 1)
        before = chain.node.asked.total()
        chain.follower.to_head()
        costs.append(chain.node.asked.total() - before)
    assert max(costs) <= A_LOOK
    assert len(set(costs)) == 1
    head = int(chain.node.chain.make_request(RPCEndpoint("eth_blockNumber"), [])["result"], 16)
    receipts = [n for (method, _), n in chain.node.asked.items() if method == READ[1]]
    assert set(receipts) == {1}
    asked = {n: chain.node.asked[READ[0], hex(n)] for n in range(head + 1)}
    # A block with logs is asked for in full too, and the last one of a look again at the next.
    opened = len(receipts)
    assert sum(asked.values()) <= head + 1 + opened + len(costs) + 2
    assert max(asked.values()) <= 3
    assert min(asked.values()) == 1


def test_each_look_finds_what_an_audit_from_the_start_finds(scene: Scene) -> None:
    chain = Chain(scene, "begun")
    assert chain.look().trades[0].state == "PASSED"
    chain.node.chain.switch("one ended")
    assert chain.look().trades[0].state == "SETTLED"
    mine(chain.market, 2)
    assert chain.look().ok
    chain.node.chain.switch("two ended")
    assert {check.name for check in chain.look().objections} >= {"allocation"}


@pytest.mark.parametrize("blocks", [1, 40])
def test_after_a_reorganisation_too(scene: Scene, blocks: int) -> None:
    """The settlement is taken back, by a shorter chain or a longer one, and made again."""
    chain = Chain(scene, "begun")
    chain.look()
    chain.node.chain.switch("one ended")
    before = chain.look()
    chain.node.chain.switch("begun")
    mine(chain.market, blocks, later=50)
    after = chain.look()
    assert (after.trades[0].state, before.trades[0].state) == ("PASSED", "SETTLED")
    assert (after.block < before.block) == (blocks == 1)
    mine(chain.market, 1)
    chain.look()
    chain.node.chain.switch("two ended")
    assert [trade.state for trade in chain.look().trades] == ["SETTLED", "SETTLED"]


def test_a_slip_of_the_node_is_looked_at_again_and_not_remembered(scene: Scene) -> None:
    chain = Chain(scene, "begun")
    height = chain.look().block
    mine(chain.market, 2)
    chain.node.lies = [hex(height + 1)]
    assert chain.look().ok
    assert chain.node.lies == []
    mine(chain.market, 1)
    chain.node.lies = [hex(height + 3)] * 10
    lasting = Audit(chain.follower.to_head(), scene.store).report()
    assert "headers" in {check.name for check in lasting.objections}
    chain.node.lies = []
    assert chain.look().ok


def test_a_look_that_broke_off_leaves_nothing_half_done(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = Chain(scene, "begun")
    chain.look()
    chain.node.chain.switch("two ended")
    honest = chain.node.chain.make_request

    def gone(method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_getBlockReceipts":
            raise ConnectionError
        return honest(method, params)

    monkeypatch.setattr(chain.node.chain, "make_request", gone)
    with pytest.raises(Exception, match="no node answers"):
        chain.follower.to_head()
    monkeypatch.undo()
    chain.look()


def test_a_watch_tells_of_a_forged_block_without_events(scene: Scene, receiver: Receiver) -> None:
    chain = Chain(scene, "one ended")
    watch = Watcher(
        chain.market, scene.store, StateFile(None), webhook=Webhook(receiver.url, pause=0)
    )
    report = watch.look()
    assert report is not None
    assert report.ok
    mine(chain.market, 2)
    height = report.block + 1
    chain.node.lies = [hex(height)] * 10
    with pytest.raises(AuditFailed, match="check 'headers' of the market failed"):
        watch.look()
    assert len(receiver.posts) == 1
    chain.node.lies = []
    assert watch.look() is None
    assert watch.state.checkpoints[-1].block == height + 1


class TellingAnother(Watched):
    """Tells of another newest block than the one of its height, as long as it lies."""

    lying = True

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        answer = super().make_request(method, params)
        if self.lying and method == "eth_getBlockByNumber" and params[0] == "latest":
            answer = copy.deepcopy(answer)
            answer["result"]["extraData"] = "0x1234"
            answer["result"]["hash"] = header_hash(answer["result"])
        return answer


def test_a_node_that_tells_of_another_newest_block_at_each_look_is_not_believed(
    scene: Scene, receiver: Receiver
) -> None:
    said: list[str] = []
    node = TellingAnother(Switched(scene.folder, "one ended"))
    hook = Webhook(receiver.url, pause=0)
    market = Market(Node(node), scene.address)
    watch = Watcher(market, scene.store, StateFile(None), webhook=hook, progress=said.append)
    for looks in range(1, REPLACED):
        assert watch.look() is None
        assert len(said) == looks
    assert receiver.posts == []
    with pytest.raises(AuditFailed, match="check 'anchor' of the market failed"):
        watch.look()
    assert len(receiver.posts) == 1
    node.lying = False
    report = watch.look()
    assert report is not None
    assert report.ok
    node.lying = True
    mine(market, 1)
    assert watch.look() is None  # it counts from one again


def test_looks_of_a_watch_cost_the_same_however_old_the_market_is(scene: Scene) -> None:
    chain = Chain(scene, "one ended")
    watch = Watcher(chain.market, scene.store, StateFile(None))
    watch.look()
    costs = []
    for _ in range(8):
        mine(chain.market, 1)
        before = chain.node.asked.total()
        assert watch.look() is None
        costs.append(chain.node.asked.total() - before)
    assert max(costs) <= A_LOOK
    assert len(set(costs)) == 1
