"""Blocks as an auditor checks them: every root and hash follows from what is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import rlp
from eth_account import Account
from hexbytes import HexBytes
from trie import HexaryTrie
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import BlockNotFound, TransactionNotFound
from web3.types import TxReceipt

HEADER = [
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot"),
    *("logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData"),
    *("mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas"),
    *("parentBeaconBlockRoot", "requestsHash"),
]
NUMBERS = {"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas"}
NUMBERS |= {"blobGasUsed", "excessBlobGas"}

Raw = dict[str, Any]


def raw_block(w3: Web3, number: int) -> Raw:
    return dict(w3.provider.make_request("eth_getBlockByNumber", [hex(number), True])["result"])


def raw_receipts(w3: Web3, number: int) -> list[Raw]:
    return list(w3.provider.make_request("eth_getBlockReceipts", [hex(number)])["result"])


def header_hash(block: Raw) -> str:
    fields = [int(block[name], 16) if name in NUMBERS else HexBytes(block[name]) for name in HEADER]
    return "0x" + Web3.keccak(rlp.encode(fields)).hex()


def trie_root(items: Sequence[bytes]) -> str:
    trie = HexaryTrie({})
    for index, item in enumerate(items):
        trie[rlp.encode(index)] = item
    return "0x" + trie.root_hash.hex()


def encoded_transaction(tx: Raw) -> bytes:
    kind = int(tx["type"], 16)
    number = {key: int(item, 16) for key, item in tx.items() if is_quantity(item)}
    price = ["maxPriorityFeePerGas", "maxFeePerGas"] if kind == 2 else ["gasPrice"]
    payload = [number["nonce"], *(number[key] for key in price), number["gas"]]
    payload += [HexBytes(tx["to"] or "0x"), number["value"], HexBytes(tx["input"])]
    signature = [number["v"], number["r"], number["s"]]
    if not kind:
        return bytes(rlp.encode(payload + signature))
    access_list = [
        [HexBytes(item["address"]), [HexBytes(slot) for slot in item["storageKeys"]]]
        for item in tx["accessList"]
    ]
    fields = [number["chainId"], *payload, access_list, *signature]
    return bytes([kind]) + bytes(rlp.encode(fields))


def is_quantity(item: object) -> bool:
    return isinstance(item, str) and item.startswith("0x") and item != "0x"


def encoded_receipt(receipt: Raw) -> bytes:
    logs = [
        [HexBytes(log["address"]), [HexBytes(t) for t in log["topics"]], HexBytes(log["data"])]
        for log in receipt["logs"]
    ]
    body = [int(receipt["status"], 16), int(receipt["cumulativeGasUsed"], 16)]
    encoded: bytes = rlp.encode([*body, HexBytes(receipt["logsBloom"]), logs])
    kind = int(receipt["type"], 16)
    return bytes([kind]) + encoded if kind else encoded


@pytest.fixture
def busy_chain(w3: Web3, deploy: Callable[[Web3], Contract]) -> Web3:
    """A chain with a deployment, calls of three types, a failure and an empty block."""
    probe = deploy(w3)
    sender = w3.eth.accounts[2]
    access = {"accessList": [{"address": probe.address, "storageKeys": ["0x" + "00" * 32]}]}
    for fees in (
        {"gasPrice": 10**10},
        {"gasPrice": 10**10} | access,
        {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9},
    ):
        probe.functions.noteTwice(3, b"\x07" * 32).transact({"from": sender} | fees)
    probe.functions.refuse(1).transact({"from": sender, "gas": 90_000})
    w3.provider.make_request("evm_mine", [])
    return w3


def test_each_block_hash_is_the_hash_of_its_header(busy_chain: Web3) -> None:
    parent = "0x" + "00" * 32
    for number in range(busy_chain.eth.block_number + 1):
        block = raw_block(busy_chain, number)
        assert block["parentHash"] == parent
        assert header_hash(block) == block["hash"]
        parent = block["hash"]


def test_transactions_and_receipts_prove_their_roots(busy_chain: Web3) -> None:
    kinds = set()
    for number in range(busy_chain.eth.block_number + 1):
        block = raw_block(busy_chain, number)
        receipts = raw_receipts(busy_chain, number)
        transactions = [encoded_transaction(item) for item in block["transactions"]]
        assert trie_root([encoded_receipt(item) for item in receipts]) == block["receiptsRoot"]
        assert trie_root(transactions) == block["transactionsRoot"]
        for raw, shown in zip(transactions, block["transactions"], strict=True):
            assert "0x" + Web3.keccak(raw).hex() == shown["hash"]
            assert Account.recover_transaction(raw).lower() == shown["from"]
        kinds |= {receipt["type"] for receipt in receipts}
    assert kinds == {"0x0", "0x1", "0x2"}


def test_bloom_and_gas_of_a_block_follow_from_its_receipts(busy_chain: Web3) -> None:
    for number in range(busy_chain.eth.block_number + 1):
        block, receipts = raw_block(busy_chain, number), raw_receipts(busy_chain, number)
        assert len(block["logsBloom"]) == 2 + 2 * 256
        bloom = 0
        for receipt in receipts:
            bloom |= int(receipt["logsBloom"], 16)
        assert bloom == int(block["logsBloom"], 16)
        assert sum(int(r["gasUsed"], 16) for r in receipts) == int(block["gasUsed"], 16)


def test_logs_are_numbered_through_a_block(busy_chain: Web3) -> None:
    logs = [log for receipt in raw_receipts(busy_chain, 2) for log in receipt["logs"]]
    assert [int(log["logIndex"], 16) for log in logs] == [0, 1]
    assert {log["blockHash"] for log in logs} == {raw_block(busy_chain, 2)["hash"]}


def test_a_transaction_is_found_by_hash_and_by_place(busy_chain: Web3) -> None:
    block = busy_chain.eth.get_block(3, full_transactions=True)
    (transaction,) = block["transactions"]
    assert busy_chain.eth.get_transaction(transaction["hash"]) == transaction
    assert busy_chain.eth.get_transaction_by_block(3, 0) == transaction
    assert busy_chain.eth.get_transaction_by_block(block["hash"], 0) == transaction
    assert busy_chain.eth.get_block_transaction_count(3) == 1
    assert busy_chain.eth.get_block_transaction_count(block["hash"]) == 1
    receipt = busy_chain.eth.get_transaction_receipt(transaction["hash"])
    assert busy_chain.eth.get_block_receipts(3) == [receipt]


def test_absent_blocks_and_transactions_are_not_found(busy_chain: Web3) -> None:
    (transaction,) = busy_chain.eth.get_block(3)["transactions"]
    for absent in (99, transaction):
        with pytest.raises(BlockNotFound):
            busy_chain.eth.get_block(absent)
    with pytest.raises(TransactionNotFound):
        busy_chain.eth.get_transaction(busy_chain.eth.get_block(3)["hash"])
    with pytest.raises(TransactionNotFound):
        busy_chain.eth.get_transaction_by_block(3, 1)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBlockTransactionCountByNumber", ["0x99"]),
        ("eth_getTransactionByBlockNumberAndIndex", ["0x99", "0x0"]),
        ("eth_getBlockReceipts", ["0x99"]),
    ],
)
def test_questions_about_absent_blocks_are_answered_by_null(
    w3: Web3, method: str, params: list[object]
) -> None:
    assert w3.provider.make_request(method, params)["result"] is None


def test_the_pending_block_has_no_receipts(w3: Web3) -> None:
    assert w3.provider.make_request("eth_getBlockReceipts", ["pending"])["result"] == []


def test_a_trie_node_is_no_block(busy_chain: Web3) -> None:
    """The store holds nodes by their hash as well."""
    for root in ("stateRoot", "receiptsRoot", "transactionsRoot"):
        node = raw_block(busy_chain, 2)[root]
        answer = busy_chain.provider.make_request("eth_getBlockByHash", [node, False])
        assert answer["result"] is None


def test_tags_name_the_ends_of_the_chain(busy_chain: Web3) -> None:
    head = busy_chain.eth.block_number
    for tag in ("latest", "safe", "finalized"):
        assert busy_chain.eth.get_block(tag)["number"] == head
    assert busy_chain.eth.get_block("earliest")["number"] == 0


def test_the_pending_block_has_no_hash_yet(
    busy_chain: Web3, transfer: Callable[[Web3], TxReceipt]
) -> None:
    pending = busy_chain.eth.get_block("pending")
    assert pending.get("hash") is None
    assert pending["transactions"] == []
    sealed = busy_chain.eth.get_block(transfer(busy_chain)["blockNumber"])
    for field in ("number", "parentHash", "baseFeePerGas", "mixHash", "gasLimit"):
        assert sealed[field] == pending[field]


def test_extra_data_is_what_the_header_holds(w3: Web3) -> None:
    assert raw_block(w3, 0)["extraData"] == "0x"


def test_fees_follow_eip_1559(busy_chain: Web3) -> None:
    head = busy_chain.eth.block_number
    history = busy_chain.eth.fee_history(head + 1, "latest", [10.0, 90.0])
    blocks = [busy_chain.eth.get_block(number) for number in range(head + 1)]
    assert history["oldestBlock"] == 0
    assert history["baseFeePerGas"][:-1] == [block["baseFeePerGas"] for block in blocks]
    for block, following in zip(blocks, history["baseFeePerGas"][1:], strict=True):
        base, target = block["baseFeePerGas"], block["gasLimit"] // 2
        assert block["gasUsed"] < target
        assert following == base - base * (target - block["gasUsed"]) // target // 8
    assert history["reward"][-1] == [0, 0]
    assert history["reward"][1] == [10**9, 10**9]
    assert busy_chain.eth.gas_price == history["baseFeePerGas"][-1] + 10**9


@pytest.mark.parametrize("percentiles", [[50, 10], [-1], [101], ["10"], "all"])
def test_percentiles_are_ascending_percentages(w3: Web3, percentiles: object) -> None:
    answer = w3.provider.make_request("eth_feeHistory", ["0x1", "latest", percentiles])
    assert answer["error"]["message"].startswith("percentiles: expected")
    assert "reward" not in w3.provider.make_request("eth_feeHistory", ["0x1", "latest"])["result"]
