"""A node that is down, refuses, or talks nonsense ends in one clear error, never in a verdict."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from audited_trade import Settled
from tampering import LyingNode
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.audit import audit
from marketplace.audit.blocks import Block
from marketplace.audit.rpc import Rpc
from marketplace.protocol.errors import (
    ChainError,
    ConfigurationError,
    NoContract,
    NodeRefused,
    NodeUnreachable,
)

ACCOUNT = "0x" + "11" * 20


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


def test_nobody_sent_an_unknown_transaction(settled: Settled, block: Block) -> None:
    rpc, (known, *_) = Rpc(settled.chain), block.transactions
    found = rpc.transaction(known, block.number)
    assert found is not None
    assert found.recomputed == known
    assert rpc.transaction(bytes(32), block.number) is None
    assert rpc.transaction(known, block.number + 1) is None
    assert rpc.transaction(known, 10**6) is None  # of a block that nobody has made


def test_a_contract_s_refusal_is_an_answer(settled: Settled) -> None:
    rpc = Rpc(settled.chain)
    head = rpc.block()
    assert head is not None
    assert rpc.call(settled.market, b"\xff" * 4, head.number) is None


def test_a_node_s_refusal_of_a_call_is_an_error(settled: Settled) -> None:
    rpc = Rpc(Refusing(settled.chain, lambda method, params: "no archive"))
    with pytest.raises(ChainError, match="no archive"):
        rpc.call(settled.market, b"", 1)


class Saying(BaseProvider):
    """Says one thing by method, to whatever it is asked; or raises it."""

    def __init__(self, **says: Any) -> None:
        super().__init__()
        self._says = says
        self.asked: list[tuple[str, Any]] = []

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        self.asked.append((method, params))
        said = self._says[method]
        if isinstance(said, Exception):
            raise said
        return said  # type: ignore[no-any-return]


def error(message: Any, code: int = -32000) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


@pytest.mark.parametrize("fault", [requests.Timeout("slow"), ConnectionError("gone")])
def test_a_node_that_breaks_off(fault: Exception) -> None:
    with pytest.raises(NodeUnreachable, match="no node answers at"):
        Rpc(Saying(eth_chainId=fault)).chain_id()


def test_what_web3_can_not_read_is_unusable() -> None:
    with pytest.raises(ChainError, match="unusable answer to eth_chainId: Web3Exception"):
        Rpc(Saying(eth_chainId=Web3Exception("what is this"))).chain_id()


@pytest.mark.parametrize("answer", [["result"], "no", 7, None, {"id": 1}, {"result": None}])
def test_an_answer_in_another_shape_than_json_rpc_s(answer: Any) -> None:
    with pytest.raises(ChainError, match="unusable answer to eth_chainId"):
        Rpc(Saying(eth_chainId=answer)).chain_id()


def test_what_is_no_answer_is_not_taken_for_one() -> None:
    with pytest.raises(RuntimeError, match="a fault of ours"):
        Rpc(Saying(eth_chainId=RuntimeError("a fault of ours"))).chain_id()


@pytest.mark.parametrize("said", [{"message": "not today"}, "not today"])
def test_a_refusal_in_words_or_with_a_code(said: Any) -> None:
    with pytest.raises(NodeRefused, match="refused eth_chainId: not today;"):
        Rpc(Saying(eth_chainId={"error": said})).chain_id()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("0x0", 0), ("0x1f", 31), ("0x" + "f" * 64, 2**256 - 1)),
        *(("31", None), (31, None), ("1f31", None), ("0x", None), ("0x1_0", None), ("0x1 ", None)),
        *(("0x-1", None), ("0x१", None), ("0x1" + "0" * 64, None), ("0x" + "9" * 9_999, None)),
    ],
)
def test_numbers_are_hex(text: Any, number: int | None) -> None:
    rpc = Rpc(Saying(eth_getBalance={"result": text}))
    if number is None:
        with pytest.raises(ChainError, match="is not 0x-hex"):
            rpc.balance(ACCOUNT, 1)
    else:
        assert rpc.balance(ACCOUNT, 1) == number


SHORT = [hex(2**64), "0x" + "9" * 5_000]  # no height, time or place; more than Python would print


def setting(*place: Any) -> Any:
    """Return what sets the value at a place of an answer."""

    def altered(answer: Any) -> Any:
        *path, name, value = place
        inner = answer
        for step in path:
            inner = inner[step]
        inner[name] = value
        return answer

    return altered


@pytest.mark.parametrize("value", SHORT)
@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("eth_getBlockByNumber", ("number",)),
        ("eth_getBlockByNumber", ("timestamp",)),
        ("eth_getBlockReceipts", (0, "type")),
        ("eth_getBlockReceipts", (0, "cumulativeGasUsed")),
        ("eth_getBlockReceipts", (0, "logs", 0, "logIndex")),
        ("eth_getLogs", (0, "blockNumber")),
        ("eth_getLogs", (0, "logIndex")),
    ],
)
def test_numbers_that_no_block_has(
    settled: Settled, method: str, place: tuple[Any, ...], value: str
) -> None:
    node = LyingNode(settled.chain, answers={method: setting(*place, value)})
    with pytest.raises(ChainError, match=f"unusable answer to {method}") as found:
        audit(node, settled.market, settled.store)
    assert len(str(found.value)) < 400


@pytest.mark.parametrize("value", [hex(2**256), "0x" + "9" * 5_000])
@pytest.mark.parametrize("method", ["eth_chainId", "eth_getBalance"])
def test_numbers_that_no_chain_has(settled: Settled, method: str, value: str) -> None:
    node = LyingNode(settled.chain, answers={method: lambda _: value})
    with pytest.raises(ChainError, match=f"unusable answer to {method}") as found:
        audit(node, settled.market, settled.store)
    assert len(str(found.value)) < 400


def test_a_receipt_s_type_is_a_byte(settled: Settled) -> None:
    node = LyingNode(settled.chain, answers={"eth_getBlockReceipts": setting(0, "type", "0x100")})
    with pytest.raises(ChainError, match=r"unusable answer to eth_getBlockReceipts: .*8 bits"):
        audit(node, settled.market, settled.store)
    node = LyingNode(settled.chain, answers={"eth_getBlockReceipts": setting(0, "type", "0xff")})
    report = audit(node, settled.market, settled.store)
    assert {check.name for check in report.objections} == {"receipts"}


def test_an_answer_that_lies_too_deep_is_unusable() -> None:
    with pytest.raises(ChainError, match="unusable answer to eth_chainId: RecursionError"):
        Rpc(Saying(eth_chainId=RecursionError("too deep"))).chain_id()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (["0x1"], "list"),
        ("no", "'no'"),
        ("n" * 78, f"'{'n' * 78}'"),
        ("n" * 79, f"'{'n' * 78}…"),
    ],
)
def test_of_an_unusable_value_the_beginning_is_told(value: Any, shown: str) -> None:
    with pytest.raises(ChainError, match=rf"ValueError\(.{shown} is not 0x-hex"):
        Rpc(Saying(eth_getBalance={"result": value})).balance(ACCOUNT, 1)


@pytest.mark.parametrize(
    ("text", "code"), [("0x", False), ("0x00", True), ("00", None), (0, None), ("ff00", None)]
)
def test_bytes_are_hex(text: Any, code: bool | None) -> None:
    rpc = Rpc(Saying(eth_getCode={"result": text}))
    if code is None:
        with pytest.raises(ChainError, match="is not 0x-hex"):
            rpc.has_code(ACCOUNT, 1)
    else:
        assert rpc.has_code(ACCOUNT, 1) == code


@pytest.mark.parametrize(
    "refused",
    [
        error("no", code=3),
        error("execution reverted: it is too late"),
        error("VM Exception: Revert"),
    ],
)
def test_a_contract_refuses_by_code_or_in_words(refused: Any) -> None:
    assert Rpc(Saying(eth_call=refused)).call(ACCOUNT, b"", 1) is None


@pytest.mark.parametrize("refused", [error("no"), error(None), {"error": "reverted"}])
def test_other_refusals_of_a_call_are_the_node_s(refused: Any) -> None:
    with pytest.raises(NodeRefused):
        Rpc(Saying(eth_call=refused)).call(ACCOUNT, b"", 1)


def test_a_call_that_is_answered() -> None:
    assert Rpc(Saying(eth_call={"result": "0x12", "error": None})).call(ACCOUNT, b"", 1) == b"\x12"


def test_a_node_without_proofs() -> None:
    assert Rpc(Saying(eth_getProof=error("no"))).proof(ACCOUNT, [], 1) is None


def test_blocks_that_a_node_lacks(settled: Settled) -> None:
    rpc = Rpc(Saying(eth_getBlockByNumber={"result": None}, eth_getBlockByHash={"result": None}))
    block = Rpc(settled.chain).block(1)
    assert block is not None
    assert rpc.block() is rpc.block(1) is rpc.block(bytes(32)) is None
    assert rpc.transactions(block) is None
    assert rpc.full_block(1) is None


def test_a_block_is_asked_for_by_what_it_is_named_by(settled: Settled) -> None:
    rpc = Rpc(settled.chain)
    newest = rpc.block()
    assert newest is not None
    assert rpc.block(newest.hash) == rpc.block(newest.number) == newest
    assert rpc.full_block(newest.number) == (newest, rpc.transactions(newest))


@pytest.mark.parametrize(
    ("which", "method", "named"),
    [
        (None, "eth_getBlockByNumber", "latest"),
        (0, "eth_getBlockByNumber", "0x0"),
        (31, "eth_getBlockByNumber", "0x1f"),
        (b"\x12" * 32, "eth_getBlockByHash", "0x" + "12" * 32),
    ],
)
def test_what_a_node_is_asked_for_a_block(which: Any, method: str, named: str) -> None:
    node = Saying(**{method: {"result": None}})
    assert Rpc(node).block(which) is None
    assert node.asked == [(method, (named, False))]


@pytest.mark.parametrize("length", [31, 33])
def test_a_hash_has_32_bytes(settled: Settled, length: int) -> None:
    def told(block: dict[str, Any]) -> dict[str, Any]:
        return {**block, "hash": "0x" + "12" * length}

    node = LyingNode(settled.chain, answers={"eth_getBlockByNumber": told})
    with pytest.raises(ChainError, match=f"{length} bytes instead of 32"):
        Rpc(node).block(1)


# -------------------------------------------------------------------------- receipts


class OneByOne(BaseProvider):
    """Refuses receipts of whole blocks, and gives single ones."""

    def __init__(self, honest: BaseProvider, refusal: Any, lacks: bytes = b"") -> None:
        super().__init__()
        self._honest, self._lacks = honest, "0x" + lacks.hex()
        self._refusal: Any = {"jsonrpc": "2.0", "id": 1, **refusal}

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_getBlockReceipts":
            return self._refusal  # type: ignore[no-any-return]
        if params[0] == self._lacks:
            return {"jsonrpc": "2.0", "id": 1, "result": None}
        return self._honest.make_request(method, params)


@pytest.fixture
def block(settled: Settled) -> Block:
    found = Rpc(settled.chain).block(1)
    assert found is not None
    assert found.transactions
    return found


@pytest.mark.parametrize(
    "refusal",
    [error("no", code=-32601), error("no", code=-32004), error("Method not found: it is new")],
)
def test_receipts_of_a_node_that_does_not_know_those_of_blocks(
    settled: Settled, block: Block, refusal: Any
) -> None:
    found = Rpc(OneByOne(settled.chain, refusal)).receipts(block)
    assert found == Rpc(settled.chain).receipts(block)
    assert found
    (lacking, *_) = block.transactions
    assert Rpc(OneByOne(settled.chain, refusal, lacking)).receipts(block) is None


@pytest.mark.parametrize("refusal", [error("no"), error(None), {"error": "method not found"}])
def test_receipts_of_a_node_that_refuses_them(settled: Settled, block: Block, refusal: Any) -> None:
    with pytest.raises(NodeRefused):
        Rpc(OneByOne(settled.chain, refusal)).receipts(block)


def test_receipts_that_a_node_lacks(settled: Settled, block: Block) -> None:
    assert Rpc(OneByOne(settled.chain, {"result": None})).receipts(block) is None
    assert Rpc(OneByOne(settled.chain, {"result": [None]})).receipts(block) is None


def test_a_receipt_of_before_byzantium_has_a_root(settled: Settled, block: Block) -> None:
    root = "0x" + "12" * 32

    def older(receipts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kept = [{k: v for k, v in each.items() if k != "status"} for each in receipts]
        return [{**each, "root": root} for each in kept]

    found = Rpc(LyingNode(settled.chain, answers={"eth_getBlockReceipts": older})).receipts(block)
    assert found
    assert {receipt.outcome for receipt in found} == {b"\x12" * 32}


def test_a_single_block_whose_logs_are_refused(settled: Settled) -> None:
    rpc = Rpc(Refusing(settled.chain, no_logs_at_all))
    with pytest.raises(NodeRefused, match="not today"):
        rpc.logs([settled.market], 0, 3)


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
