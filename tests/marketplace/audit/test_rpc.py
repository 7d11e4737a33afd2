"""A node that is down, refuses, or talks nonsense ends in one clear error, never in a verdict."""

from __future__ import annotations

from typing import Any

import pytest
from audited_trade import Settled
from tampering import LyingNode
from web3 import HTTPProvider
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.audit import audit
from marketplace.audit.rpc import Rpc
from marketplace.protocol.errors import (
    ChainError,
    ConfigurationError,
    NoContract,
    NodeUnreachable,
)


class Refusing(BaseProvider):
    """Passes requests on, but refuses those that `refuses` names a reason for."""

    def __init__(self, honest: BaseProvider, refuses: Any) -> None:
        super().__init__()
        self._honest = honest
        self._refuses = refuses
        self.asked: list[tuple[str, Any]] = []

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        self.asked.append((method, params))
        reason = self._refuses(method, params)
        if reason is None:
            return self._honest.make_request(method, params)
        return {"jsonrpc": "2.0", "id": 1, "error": {"code": -32005, "message": reason}}


def at_most_four_blocks(method: str, params: Any) -> str | None:
    if method != "eth_getLogs":
        return None
    span = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
    return "query exceeds max block range" if span > 4 else None


def no_logs_at_all(method: str, params: Any) -> str | None:
    return "not today" if method == "eth_getLogs" else None


def test_a_range_that_is_too_long_is_read_in_parts(settled: Settled) -> None:
    node = Refusing(settled.chain, at_most_four_blocks)
    report = audit(node, settled.market, settled.store)
    assert report == audit(settled.chain, settled.market, settled.store)
    assert len([method for method, _ in node.asked if method == "eth_getLogs"]) > 4


def test_a_node_that_refuses_its_logs_is_asked_for_them_a_few_times_and_not_needed(
    settled: Settled,
) -> None:
    node = Refusing(settled.chain, no_logs_at_all)
    report = audit(node, settled.market, settled.store)
    assert len([method for method, _ in node.asked if method == "eth_getLogs"]) < 20
    verdicts = {check.name: check.verdict for check in report.checks if check.trade is None}
    assert report.ok
    assert verdicts["served-log"] == "unchecked"


def test_a_node_that_is_down(settled: Settled) -> None:
    nobody = HTTPProvider("http://127.0.0.1:9", exception_retry_configuration=None)
    with pytest.raises(NodeUnreachable, match=r"http://127\.0\.0\.1:9"):
        audit(nobody, settled.market, settled.store)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("eth_getBlockByNumber", []),
        ("eth_getBlockByNumber", {"number": "0x1"}),
        ("eth_getBlockByNumber", {"number": 7, "hash": "0x" + "00" * 32, "timestamp": "0x1"}),
        ("eth_getBlockByNumber", {"number": "0x1", "hash": "0x00", "timestamp": "0x1"}),
        ("eth_chainId", "thirty-one"),
        ("eth_getLogs", "none"),
        ("eth_getLogs", [{"address": "0x12"}]),
        ("eth_getBlockReceipts", [{"status": "0x1"}]),
        ("eth_getProof", {"accountProof": ["0x"]}),
        ("eth_getBalance", [1]),
        ("eth_getTransactionByHash", {"from": "0x12"}),
        ("eth_getTransactionByHash", 7),
    ],
)
def test_an_answer_that_is_none(settled: Settled, method: str, answer: Any) -> None:
    node = LyingNode(settled.chain, answers={method: lambda _: answer})
    with pytest.raises(ChainError, match=f"unusable answer to {method}"):
        audit(node, settled.market, settled.store)


def test_a_node_without_blocks(settled: Settled) -> None:
    node = LyingNode(settled.chain, answers={"eth_getBlockByNumber": lambda _: None})
    with pytest.raises(ChainError, match="no newest block"):
        audit(node, settled.market, settled.store)


def test_a_log_of_a_block_that_is_gone(settled: Settled) -> None:
    node = LyingNode(settled.chain, lambda logs: [{**log, "removed": True} for log in logs])
    with pytest.raises(ChainError, match="no longer in the chain"):
        audit(node, settled.market, settled.store)


def test_there_is_no_unknown_block(settled: Settled) -> None:
    assert Rpc(settled.chain).block(bytes(32)) is None
    assert Rpc(settled.chain).block(10**6) is None


def test_nobody_sent_an_unknown_transaction(settled: Settled) -> None:
    assert Rpc(settled.chain).transaction(bytes(32)) is None


def test_a_contract_s_refusal_is_an_answer(settled: Settled) -> None:
    rpc = Rpc(settled.chain)
    head = rpc.block()
    assert head is not None
    assert rpc.call(settled.market, b"\xff" * 4, head.number) is None


def test_a_node_s_refusal_of_a_call_is_an_error(settled: Settled) -> None:
    rpc = Rpc(Refusing(settled.chain, lambda method, params: "no archive"))
    with pytest.raises(ChainError, match="no archive"):
        rpc.call(settled.market, b"", 1)


@pytest.mark.parametrize("address", ["", "0x12", "the market", "0x" + "zz" * 20])
def test_a_market_that_is_no_address(settled: Settled, address: str) -> None:
    with pytest.raises(ConfigurationError, match="is no address"):
        audit(settled.chain, address, settled.store)


def test_an_address_without_a_market(settled: Settled) -> None:
    account = settled.trade.parties.buyer.address
    committee = settled.trade.market.committee.address
    for address in (account, committee):
        with pytest.raises(NoContract, match=f"no market at {address}"):
            audit(settled.chain, address, settled.store)


def test_a_trade_that_the_log_does_not_know(settled: Settled) -> None:
    with pytest.raises(ConfigurationError, match="no trade 0x0000"):
        audit(settled.chain, settled.market, settled.store, trade=bytes(32))
