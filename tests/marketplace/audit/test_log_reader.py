"""What the reader of the log says about a node that contradicts itself, in its own words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from audit_chain import QuickChain
from audited_trade import Settled
from eth_utils.crypto import keccak
from tampering import LyingNode, dropping, on_event
from web3.providers import BaseProvider

from marketplace.audit.chain import open_chain
from marketplace.audit.log import MAX_FAULTS, LogReader, Reading, note, transaction_faults
from marketplace.audit.report import shown
from marketplace.audit.rpc import Rpc

Json = dict[str, Any]

STRANGE = "0x" + "5a" * 32
BLOCK = 4
"""One of those in which the contracts were deployed."""


def read(settled: Settled, source: BaseProvider, last: int | None = None) -> Reading:
    """Read a node's log of the contracts that stand on the honest chain."""
    honest = open_chain(Rpc(settled.chain), settled.market)
    upto = honest.block.number if last is None else last
    reader = LogReader(Rpc(source), honest.interfaces, 0, upto)
    for _ in reader.events():
        pass
    return reader.reading


def blocks(chain: QuickChain, alter: Callable[[Json], Json | None]) -> LyingNode:
    """Return a node whose blocks are altered, and nothing else."""
    return LyingNode(chain, answers={"eth_getBlockByNumber": alter})


def test_an_honest_node_contradicts_nothing(settled: Settled) -> None:
    reading = read(settled, settled.chain)
    faults = reading.header_faults + reading.receipt_faults + reading.transaction_faults
    assert faults + reading.served_faults + reading.unreadable == []
    assert reading.events > 10


# --------------------------------------------------------------------------- headers


def test_a_block_of_another_height_is_named(settled: Settled) -> None:
    rpc = Rpc(settled.chain)
    given = settled.chain.make_request("eth_getBlockByNumber", [hex(BLOCK + 1), False])["result"]
    node = blocks(settled.chain, lambda block: given if block["number"] == hex(BLOCK) else block)
    faults = read(settled, node, BLOCK).header_faults
    before, after = rpc.block(BLOCK - 1), rpc.block(BLOCK)
    assert before is not None
    assert after is not None
    assert faults == [
        f"asked for block {BLOCK}, the node gives block {BLOCK + 1}",
        f"block {BLOCK} follows {shown(after.hash)}, and block {BLOCK - 1} is {shown(before.hash)}",
    ]


@pytest.mark.parametrize("height", [0, 1, BLOCK])
def test_a_block_that_follows_another_one_is_named(settled: Settled, height: int) -> None:
    def orphan(block: Json) -> Json:
        return {**block, "parentHash": STRANGE} if block["number"] == hex(height) else block

    before = Rpc(settled.chain).block(height - 1) if height else None
    parent = shown(bytes(32) if before is None else before.hash)
    faults = read(settled, blocks(settled.chain, orphan), height).header_faults
    assert faults[-1] == f"block {height} follows {STRANGE}, and block {height - 1} is {parent}"


# ---------------------------------------------------------------- receipts, transactions


def test_a_bloom_of_too_many_logs_is_named(settled: Settled) -> None:
    """A liar computes all hashes anew."""

    def full(header: Json) -> Json:
        return {**header, "logsBloom": "0x" + "ff" * 256}

    faults = read(settled, LyingNode(settled.chain, header=full), BLOCK).receipt_faults
    assert [fault for fault in faults if "bloom" in fault] == [
        f"the bloom of block {number} is not that of its logs" for number in range(BLOCK + 1)
    ]


def test_a_block_of_other_transactions_is_named(settled: Settled) -> None:
    def emptied(block: Json) -> Json:
        in_full = any(isinstance(sent, dict) for sent in block["transactions"])
        return {**block, "transactions": []} if in_full else block

    faults = read(settled, blocks(settled.chain, emptied)).transaction_faults
    assert any("have the root" in fault for fault in faults)
    assert any("don't have the hashes" in fault for fault in faults)


def test_transactions_are_held_against_root_and_hashes_apart(settled: Settled) -> None:
    rpc = Rpc(settled.chain)
    block = rpc.block(BLOCK)
    assert block is not None
    sent = rpc.transactions(block)
    assert sent
    assert list(transaction_faults(block, sent)) == []
    (root, hashes) = transaction_faults(block, [*sent, *sent])
    assert root.startswith(f"the transactions of block {BLOCK} have the root 0x")
    assert root.endswith(f"names {shown(block.transactions_root)}")
    assert hashes == f"the transactions of block {BLOCK} don't have the hashes that the node says"


# --------------------------------------------------------------------------- the log


def test_a_log_that_is_not_served_is_named(settled: Settled) -> None:
    node = LyingNode(settled.chain, dropping("QuoteAccepted"), receipts_too=False)
    (fault,) = read(settled, node).served_faults
    assert fault.startswith("eth_getLogs lacks block ")
    assert fault.endswith(" as the receipts have it")


def test_a_log_that_is_served_and_was_never_written_is_named(settled: Settled) -> None:
    def another(log: Json) -> list[Json]:
        return [log, {**log, "logIndex": "0x3e9"}]

    alter = on_event("QuoteAccepted", another)
    (fault,) = read(settled, LyingNode(settled.chain, alter, receipts_too=False)).served_faults
    assert fault.startswith("eth_getLogs gives block ")
    assert fault.endswith(", log 1001, which the receipts don't have so")


def test_a_log_that_is_served_altered_is_named_on_both_sides(settled: Settled) -> None:
    def altered(log: Json) -> list[Json]:
        return [{**log, "data": "0x"}]

    alter = on_event("TradeEnded", altered)
    faults = read(settled, LyingNode(settled.chain, alter, receipts_too=False)).served_faults
    assert [fault.split(" block")[0] for fault in faults] == [
        "eth_getLogs lacks",
        "eth_getLogs gives",
    ]


def test_logs_that_are_served_in_another_order_are_named(settled: Settled) -> None:
    node = LyingNode(settled.chain, lambda logs: logs[::-1], receipts_too=False)
    (fault,) = read(settled, node).served_faults
    assert fault.endswith("in another order, or twice")


def test_a_log_that_is_no_event_is_unreadable(settled: Settled) -> None:
    def strange(log: Json) -> list[Json]:
        return [{**log, "topics": ["0x" + keccak(text="nothing").hex(), *log["topics"][1:]]}]

    reading = read(settled, LyingNode(settled.chain, on_event("TradeEnded", strange)))
    (fault,) = reading.unreadable
    assert fault.endswith(" is unreadable: it is no event of this contract")
    assert reading.events == read(settled, settled.chain).events - 1
    assert reading.header_faults == []


def test_only_so_many_sentences_are_kept() -> None:
    faults: list[str] = []
    for number in range(MAX_FAULTS + 5):
        note(faults, str(number))
    assert faults == [str(number) for number in range(MAX_FAULTS)]
