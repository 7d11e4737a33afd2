"""An index says the same however it came to a block: at once, in steps, back, or from the log."""

from __future__ import annotations

import os
import signal
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from audit_chain import QuickChain, deployed
from cast_of_trade import cast
from databases import Databases
from played_chain import Played, follow, mine, revert, snapshot
from sqlalchemy import event, select
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.chain.client import Node
from marketplace.chain.headers import REORGANISED_BLOCKS
from marketplace.chain.market import Market
from marketplace.index import tables
from marketplace.index.database import open_database, reading
from marketplace.index.digest import digest, dump
from marketplace.index.follow import Follower
from marketplace.index.store import Index
from marketplace.protocol.errors import (
    ChainError,
    ConfigurationError,
    NoContract,
    ReorganisedTooDeep,
)
from marketplace.protocol.terms import NATIVE


def test_what_readers_ask(played: Played, node: Node, databases: Databases) -> None:
    engine = open_database(databases.new())
    Follower(node, played.market, Index(engine)).look()
    with reading(engine) as connection:
        trades = connection.execute(select(tables.trades).order_by(tables.trades.c.requested))
        assert [trade.state for trade in trades] == [
            *("REFUNDED", "SETTLED", "DECLINED", "REFUNDED", "PASSED")
        ]
        movements = tables.movements.c
        moved = connection.execute(select(tables.movements)).all()
        assert {line.kind for line in moved} == {
            *("locked", "credited", "refunded", "withdrawn"),
            *("bonded", "awarded", "staked", "unstaking", "slashed"),
        }
        broker = played.parties.broker.address
        earned = select(movements.kind, movements.amount).where(
            movements.account == broker, movements.ledger == "market"
        )
        lines = connection.execute(earned.order_by(movements.block)).all()
        assert [line.kind for line in lines] == ["credited", "withdrawn"]
        assert len({line.amount for line in lines}) == 1
        balances = tables.balances.c
        held = connection.execute(
            select(balances.amount).where(balances.ledger == "market", balances.currency == NATIVE)
        )
        owed = sum(line.amount for line in held)
        escrows = connection.execute(select(tables.trades.c.escrow)).scalars()
        assert owed + sum(escrows) == node.balance(played.market)
        taken = connection.execute(select(tables.reputations.c.slashed)).scalars()
        penalties = connection.execute(select(tables.penalties)).all()
        assert sum(taken) == sum(penalty.slashed for penalty in penalties) > 0
        assert {penalty.kind for penalty in penalties} == {"verdict", "closed-seals", "silence"}
        rulings = connection.execute(select(tables.disputes.c.ruling)).scalars()
        assert sorted(rulings) == ["lapsed", "overturned", "upheld"]
    engine.dispose()


def test_every_table_says_something(played: Played, node: Node, databases: Databases) -> None:
    engine = open_database(databases.new())
    Follower(node, played.market, Index(engine)).look()
    said = {line.split(b'"')[1].decode() for line in dump(engine)}
    assert said == {"cursor", *(table.name for table in tables.CONTENT)}
    engine.dispose()


def test_in_steps_or_at_once(played: Played, node: Node, databases: Databases) -> None:
    """Deep blocks are read in ranges, the newest one by one: the bytes are the same."""
    stepwise = databases.new()
    for blocks in (1, 3, REORGANISED_BLOCKS, 2):
        mine(node, blocks)
        last = follow(node, played.market, stepwise)
    assert follow(node, played.market, databases.new()) == last
    assert follow(node, played.market, stepwise) == last


def test_both_databases_say_the_same(
    played: Played, node: Node, databases: Databases, tmp_path: Path
) -> None:
    one = follow(node, played.market, databases.new())
    assert follow(node, played.market, f"sqlite:///{tmp_path}/other.sqlite") == one


def test_rebuilt_to_the_same_bytes(played: Played, node: Node, databases: Databases) -> None:
    engine = open_database(databases.new())
    index = Index(engine)
    Follower(node, played.market, index).look()
    before = digest(engine)
    index.clear()
    assert index.cursor() is None
    Follower(node, played.market, index).look()
    assert digest(engine) == before
    engine.dispose()


@pytest.mark.parametrize("depth", [1, 5, REORGANISED_BLOCKS])
def test_goes_back_with_the_chain(
    played: Played, node: Node, databases: Databases, depth: int
) -> None:
    """The branches differ in trades, too: one withdraws what the other leaves."""
    mine(node, 2 * REORGANISED_BLOCKS)
    fork, url = snapshot(node), databases.new()
    at_the_fork = follow(node, played.market, databases.new())
    withdraw(node, played, 0)
    mine(node, depth - 1)
    left = follow(node, played.market, url)
    revert(node, fork)
    mine(node, depth)
    withdraw(node, played, 1)
    arrived = follow(node, played.market, url)
    assert arrived == follow(node, played.market, databases.new())
    assert len({at_the_fork, left, arrived}) == 3


def test_goes_back_to_a_shorter_chain(played: Played, node: Node, databases: Databases) -> None:
    fork, url = snapshot(node), databases.new()
    at_the_fork = follow(node, played.market, databases.new())
    withdraw(node, played, 0)
    mine(node, REORGANISED_BLOCKS - 1)
    follow(node, played.market, url)
    revert(node, fork)
    assert follow(node, played.market, url) == at_the_fork


def test_further_back_needs_a_rebuild(played: Played, node: Node, databases: Databases) -> None:
    fork, url = snapshot(node), databases.new()
    mine(node, REORGANISED_BLOCKS + 1)
    before = follow(node, played.market, url)
    revert(node, fork)
    mine(node, REORGANISED_BLOCKS + 9)
    with pytest.raises(ReorganisedTooDeep, match=r"64 blocks.*`moemarket index rebuild`"):
        follow(node, played.market, url)
    engine = open_database(url)
    assert digest(engine) == before
    Index(engine).clear()
    engine.dispose()
    assert follow(node, played.market, url) == follow(node, played.market, databases.new())


def withdraw(node: Node, played: Played, provider: int) -> None:
    account = played.parties.providers[provider]
    Market(node, played.market).send(account, "withdraw", NATIVE, account.address)


KILLED_AT = (1, 2, 61, 407, 95, 233, 790)
KILLED_GOING_BACK_AT = (3, 6, 9, 14, 30)
"""The statement of each process, or the commit between two, before which it is killed."""


@pytest.mark.slow
def test_killed_anywhere(played: Played, node: Node, databases: Databases) -> None:
    """Each process goes on where the one before was killed; the last one comes to the head."""
    mine(node, REORGANISED_BLOCKS + 20)
    fork, url = snapshot(node), databases.new()
    follow_and_die(KILLED_AT, node, played, url)
    mine(node, 3)
    follow(node, played.market, url)
    revert(node, fork)
    mine(node, 4)
    follow_and_die(KILLED_GOING_BACK_AT, node, played, url)
    assert follow(node, played.market, url) == follow(node, played.market, databases.new())


def follow_and_die(places: tuple[int, ...], node: Node, played: Played, url: str) -> None:
    """Let processes be killed with SIGKILL until one comes to the head."""
    killed = 0
    for statement in cycle(places):
        child = os.fork()
        if child == 0:
            follow_until(statement, node, played, url)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        killed += 1
    assert killed > 0


def follow_until(statement: int, node: Node, played: Played, url: str) -> None:
    left = statement

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    status = 1
    try:
        engine = open_database(url)
        event.listen(engine, "before_cursor_execute", count)
        event.listen(engine, "commit", count)
        Follower(node, played.market, Index(engine)).look()
        status = 0
    finally:
        os._exit(status)


def test_one_index_is_of_one_market(played: Played, node: Node, databases: Databases) -> None:
    engine = open_database(databases.new())
    index = Index(engine)
    follower = Follower(node, played.market, index)
    with pytest.raises(ConfigurationError, match="this index is of market"):
        index.begin(node.chain_id, played.parties.buyer.address)
    with pytest.raises(NoContract):
        Follower(node, played.parties.buyer.address, index)
    other = Follower(node, played.market, index)
    other.look()
    with pytest.raises(ConfigurationError, match="another process writes it, too"):
        follower.look()
    engine.dispose()


class Narrow(BaseProvider):
    """A node that answers for so many blocks at once, as public ones do."""

    def __init__(self, node: Node, blocks: int) -> None:
        super().__init__()
        self._provider = node.web3.provider
        self._blocks = blocks
        self.refused = 0

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_getLogs" and "fromBlock" in params[0]:
            first, last = (int(params[0][end], 16) for end in ("fromBlock", "toBlock"))
            if last - first >= self._blocks:
                self.refused += 1
                error = {"code": -32005, "message": "query exceeds max block range"}
                return {"jsonrpc": "2.0", "id": 1, "error": error}  # type: ignore[typeddict-item]  # web3 wants more
        return self._provider.make_request(method, params)


def test_a_node_that_limits_its_answers(played: Played, node: Node, databases: Databases) -> None:
    mine(node, REORGANISED_BLOCKS)
    narrow = Narrow(node, 10)
    one = follow(Node(narrow), played.market, databases.new())
    assert narrow.refused > 0
    assert one == follow(node, played.market, databases.new())
    with pytest.raises(ChainError, match="max block range"):
        follow(Node(Narrow(node, 0)), played.market, databases.new())


class Forgetful(BaseProvider):
    """Notes from where on logs are asked for, and may have forgotten the states of old blocks."""

    def __init__(self, node: Node, *, forgets: bool) -> None:
        super().__init__()
        self._provider = node.web3.provider
        self._forgets = forgets
        self.asked: list[int] = []

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_getLogs" and "fromBlock" in params[0]:
            self.asked.append(int(params[0]["fromBlock"], 16))
        if method == "eth_getCode" and self._forgets and params[1] != "latest":
            error = {"code": -32000, "message": "missing trie node"}
            return {"jsonrpc": "2.0", "id": 1, "error": error}  # type: ignore[typeddict-item]  # web3 wants more
        return self._provider.make_request(method, params)


def test_blocks_before_the_contracts_are_skipped(databases: Databases) -> None:
    chain, parties = QuickChain(), cast()
    early = Node(chain)
    mine(early, 50)
    node, deployment = deployed(chain, parties)
    mine(node, REORGANISED_BLOCKS + 10)
    knowing, forgetful = Forgetful(node, forgets=False), Forgetful(node, forgets=True)
    one = follow(Node(knowing), deployment.market, databases.new())
    assert min(knowing.asked) > 50
    assert follow(Node(forgetful), deployment.market, databases.new()) == one
    assert min(forgetful.asked) == 0
