"""Transactions in doubt: whatever moment the process died at, none is on the chain twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from marketplace.chain.devnet import DevnetProvider, DevnetRpc, open_devnet
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.service import sending
from marketplace.service.journal import Journal, Sent
from marketplace.service.sending import JournaledNode

SENDER, RECEIVER = well_known_accounts()[:2]
TRADE = "0x" + "07" * 32


class Killed(BaseException):
    """Stands for SIGKILL within one process: nothing after it runs."""


@pytest.fixture
def chain() -> DevnetRpc:
    return open_devnet()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    kept = Journal(tmp_path, "owner")
    yield kept
    kept.close()


def node_with(chain: DevnetRpc, journal: Journal) -> JournaledNode:
    node = JournaledNode(DevnetProvider(chain))
    node.journal = journal
    return node


def send(node: JournaledNode, wei: int = 7) -> None:
    with node.working_on(TRADE):
        node.transfer(SENDER, RECEIVER.address, wei)


def die_at(place: str, node: JournaledNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def reach(reached: str) -> None:
        if reached == place:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sending, "reach", reach)
        with pytest.raises(Killed):
            send(node)


def received(node: JournaledNode) -> int:
    return node.balance(RECEIVER.address) - 10_000 * 10**18


def outcome(journal: Journal, name: str) -> str:
    (row,) = journal._read("SELECT outcome FROM sent WHERE hash = ?", name)
    return str(row[0])


def test_what_went_well_is_noted(chain: DevnetRpc, journal: Journal) -> None:
    node = node_with(chain, journal)
    send(node)
    assert journal.in_doubt() == []
    start = received(node)
    send(node)
    assert received(node) == start + 7


@pytest.mark.parametrize(("due", "what"), [(True, "mined"), (False, "dropped")])
def test_signed_and_never_sent(
    chain: DevnetRpc,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    due: bool,
    what: str,
) -> None:
    node = node_with(chain, journal)
    before = received(node)
    die_at("transfer:signed", node, monkeypatch)
    (doubtful,) = journal.in_doubt()
    assert (doubtful.trade, doubtful.step) == (TRADE, "transfer")
    asked: list[Sent] = []

    def still_due(sent: Sent) -> bool:
        asked.append(sent)
        return due

    again = node_with(chain, journal)
    again.resume(SENDER.address, still_due)
    assert asked == [doubtful]
    assert outcome(journal, doubtful.hash) == what
    assert received(again) - before == (7 if due else 0)
    again.resume(SENDER.address, still_due)
    assert received(again) - before == (7 if due else 0)


def test_mined_and_not_noted(
    chain: DevnetRpc, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = node_with(chain, journal)
    before = received(node)
    die_at("transfer:sent", node, monkeypatch)
    (doubtful,) = journal.in_doubt()
    again = node_with(chain, journal)
    again.resume(SENDER.address, lambda sent: pytest.fail("the chain has it"))
    assert outcome(journal, doubtful.hash) == "mined"
    assert received(again) - before == 7


def test_its_nonce_was_used_by_another(
    chain: DevnetRpc, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = node_with(chain, journal)
    die_at("transfer:signed", node, monkeypatch)
    (doubtful,) = journal.in_doubt()
    send(node, 8)
    before = received(node)
    node.resume(SENDER.address, lambda sent: True)
    assert outcome(journal, doubtful.hash) == "replaced"
    assert received(node) == before


def test_nothing_is_sent_without_a_journal(chain: DevnetRpc) -> None:
    node = JournaledNode(DevnetProvider(chain))
    before = received(node)
    with pytest.raises(sending.ChainError, match="without a journal"):
        send(node)
    assert received(node) == before
