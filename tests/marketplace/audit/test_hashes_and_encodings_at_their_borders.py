"""What a header, a receipt, an argument and a proof must be to the byte."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import rlp
from audited_trade import Settled
from eth_abi.abi import encode
from tampering import LyingNode
from trie import HexaryTrie
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.audit.auditor import replayed
from marketplace.audit.blocks import BLOOM_BYTES, Block, Receipt, receipts_root
from marketplace.audit.chain import Chain, open_chain
from marketplace.audit.checks.blocks import check_solvency, check_start
from marketplace.audit.decoding import compiled
from marketplace.audit.invariants import Watch
from marketplace.audit.log import Reading
from marketplace.audit.proofs import StateProofs
from marketplace.audit.report import Finding
from marketplace.audit.rpc import Rpc
from marketplace.protocol.errors import ChainError, NodeRefused
from marketplace.protocol.terms import NATIVE

# ------------------------------------------------------------------ headers, receipts


@pytest.mark.parametrize(
    "name", ["sha3Uncles", "miner", "mixHash", "nonce", "withdrawalsRoot", "parentBeaconBlockRoot"]
)
def test_each_part_of_a_header_has_its_length(settled: Settled, name: str) -> None:
    def cut(block: dict[str, Any]) -> dict[str, Any]:
        return {**block, name: block[name][:-2]}

    assert Rpc(settled.chain).block(1) is not None
    node = LyingNode(settled.chain, answers={"eth_getBlockByNumber": cut})
    with pytest.raises(ChainError):
        Rpc(node).block(1)


def test_extra_data_of_a_header_is_of_any_length(settled: Settled) -> None:
    told = {"eth_getBlockByNumber": lambda block: {**block, "extraData": "0x0102"}}
    honest, found = (
        Rpc(node).block(1) for node in (settled.chain, LyingNode(settled.chain, answers=told))
    )
    assert honest is not None
    assert found is not None
    assert found.recomputed != honest.recomputed == honest.hash


def test_a_receipt_from_before_there_were_types_has_no_type_in_its_root() -> None:
    receipts = [
        Receipt(kind, b"\1", 21_000, bytes(BLOOM_BYTES), bytes(32), ()) for kind in (0, 1, 2)
    ]
    tree = HexaryTrie({})
    for place, prefix in enumerate((b"", b"\1", b"\2")):
        body = rlp.encode([b"\1", rlp.encode(21_000)[1:], bytes(BLOOM_BYTES), []])
        tree[rlp.encode(place)] = prefix + body
    assert receipts_root(receipts) == tree.root_hash


# ----------------------------------------------------------------------- arguments


@pytest.mark.parametrize("kind", ["int256", "int8", "uint", "uintx", "bytesx", "fixed128x18"])
def test_a_type_that_no_contract_of_these_has_is_not_read(kind: str) -> None:
    with pytest.raises(TypeError, match=f"^{kind} is not read here$"):
        compiled([{"name": "it", "type": kind}], {}, {})


@pytest.mark.parametrize("kind", ["bytes", "string"])
@pytest.mark.parametrize("left", [32, 33, 64])
def test_bytes_that_end_too_early(kind: str, left: int) -> None:
    data = encode([kind], [b"a" * 40 if kind == "bytes" else "a" * 40])
    read = compiled([{"name": "it", "type": kind}], {}, {})
    assert len(read(data)["it"]) == 40
    with pytest.raises(ValueError, match=r"^the data ends too early$"):
        read(data[:-left])


@pytest.mark.parametrize(
    ("kind", "value", "place", "byte", "said"),
    [
        ("bool", True, 31, 2, "no truth value is written so"),
        ("bytes", b"a", 65, 1, "bytes are padded with something else than zeros"),
        ("string", "a", 95, 1, "bytes are padded with something else than zeros"),
        ("uint8[]", [1, 2], 63, 3, "the data ends too early"),
        ("bytes[]", [], 63, 1, "the data ends too early"),
    ],
)
def test_one_byte_that_solidity_would_not_write(
    kind: str, value: Any, place: int, byte: int, said: str
) -> None:
    data = bytearray(encode([kind], [value]))
    read = compiled([{"name": "it", "type": kind}], {}, {})
    assert read(bytes(data)) == {"it": tuple(value) if isinstance(value, list) else value}
    data[place] = byte
    with pytest.raises(ValueError, match=f"^{said}$"):
        read(bytes(data))


def test_parts_of_a_list_lie_one_behind_the_other() -> None:
    data = encode(["bytes[]"], [[b"a", b"b"]])
    read = compiled([{"name": "it", "type": "bytes[]"}], {}, {})
    assert read(data) == {"it": (b"a", b"b")}
    start = 2 * 32  # where its count ends
    for place in (0, 1):
        at = start + 32 * place
        altered = (
            data[:at] + (int.from_bytes(data[at : at + 32]) + 32).to_bytes(32) + data[at + 32 :]
        )
        with pytest.raises(ValueError, match=r"^a part lies elsewhere than behind the one before$"):
            read(altered)


# -------------------------------------------------------------------------- proofs


class WithoutProofs(BaseProvider):
    """A node that offers no proofs, and counts how often it is asked for one."""

    def __init__(self, honest: BaseProvider) -> None:
        super().__init__()
        self._honest = honest
        self.asked = 0

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method != "eth_getProof":
            return self._honest.make_request(method, params)
        self.asked += 1
        return {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no such method"}}


def test_a_node_that_offers_no_proofs_is_asked_once(settled: Settled) -> None:
    node = WithoutProofs(settled.chain)
    chain = open_chain(Rpc(node), settled.market)
    for contract in (chain.contracts.market, chain.contracts.committee):
        chain.balance(contract, NATIVE)
    assert StateProofs(chain).finding() == Finding(
        "unchecked", "not offered: the node gives no proofs of its state"
    )
    assert node.asked == 1


def test_a_balance_that_is_not_proven_is_named_once(settled: Settled) -> None:
    told = {"eth_getBalance": lambda held: hex(int(held, 16) + 1)}
    chain = open_chain(Rpc(LyingNode(settled.chain, answers=told)), settled.market)
    said = chain.balance(settled.market, NATIVE)
    assert chain.view(settled.market, "digestOf", settled.trade.id) is not None
    assert StateProofs(chain).finding() == Finding(
        "failed",
        f"the balance of {settled.market} is proven to be {said - 1}, and the node said {said}",
    )


# ------------------------------------------------------------------------ shortages


def test_a_shortage_counts_though_other_blocks_can_t_be_asked_for(settled: Settled) -> None:
    history = replayed(settled.chain, settled.market)
    watch = Watch(history, open_chain(Rpc(settled.chain), settled.market), weighed=2, unasked=1)
    assert check_solvency(watch) == Finding(
        "unchecked",
        "the node doesn't know the balance after 1 of 3 blocks in which money moved",
    )
    watch.shortages.append("too little is held")
    assert check_solvency(watch) == Finding("failed", "too little is held")


def read_from(chain: Chain, first: int) -> Reading:
    """Return what came up while the log was read from a block on, as its parent tells it."""
    before = chain.rpc.block(first - 1) if first else None
    return Reading(parent=None if before is None else before.recomputed)


def test_before_the_genesis_block_nothing_can_be_left_out(settled: Settled) -> None:
    chain = open_chain(Rpc(settled.chain), settled.market)
    genesis = Finding("passed", "the log is read from the genesis block on")
    assert check_start(read_from(chain, 0), chain, 0) == genesis
    assert check_start(read_from(chain, 1), chain, 1) == Finding(
        "passed",
        f"none of {len(chain.interfaces)} contracts stood before block 1, as is proven under the"
        " state root of block 0",
    )
    head = chain.block.number
    early = [f"{address} had code before block {head}" for address in chain.interfaces]
    found = check_start(read_from(chain, head), chain, head)
    assert found.verdict == "failed"
    assert "; ".join(early).startswith(found.detail.removesuffix("…"))


def test_a_node_may_not_know_what_stood_before(settled: Settled) -> None:
    class Forgetful(Rpc):
        def code(self, address: str, block: int) -> bytes:
            raise NodeRefused("the node forgot", "ask another")

    chain = replace(open_chain(Rpc(settled.chain), settled.market), rpc=Forgetful(settled.chain))
    found = check_start(read_from(chain, 3), chain, 3)
    assert found.verdict == "unchecked"
    assert f"the code of {settled.market} is not known: the node forgot" in found.detail

    class Pruned(Rpc):
        def block(self, which: int | bytes | None = None) -> Block | None:
            raise NodeRefused("the node forgot", "ask another")

    pruned = replace(chain, rpc=Pruned(settled.chain))
    assert check_start(Reading(), pruned, 3) == Finding(
        "unchecked", "whether a contract stood before block 3: the node forgot"
    )
    without = LyingNode(settled.chain, answers={"eth_getBlockByNumber": lambda _: None})
    lacking = replace(chain, rpc=Rpc(without))
    assert check_start(Reading(), lacking, 3) == Finding("failed", "the node has no block 2")
