"""A chain that is forged from one block on, as consistently as who forges it likes.

Nothing but a hash from elsewhere tells a forged chain from the true one, if every root, bloom,
hash and parent in it was computed anew. It is computed here by `rlp` and `trie`, with which
the audit shares nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import rlp
from eth_utils.crypto import keccak
from trie import HexaryTrie
from web3.providers import BaseProvider

Json = dict[str, Any]
Alter = Callable[[list[Json]], list[Json]]

HEADER = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot"),
    *("logsBloom", "difficulty", "number", "gasLimit", "gasUsed", "timestamp", "extraData"),
    *("mixHash", "nonce", "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas"),
    *("parentBeaconBlockRoot", "requestsHash"),
)
NUMBERS = {
    *("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas"),
    *("blobGasUsed", "excessBlobGas"),
}


class ForgedChain:
    """Blocks and receipts of a chain, altered, and hashed anew.

    Parameters
    ----------
    honest
        Whose chain is forged.
    logs
        Alters the logs of one receipt, oldest block first.
    header
        Alters a header, once its roots are right.
    """

    def __init__(
        self,
        honest: BaseProvider,
        logs: Alter = lambda logs: logs,
        header: Callable[[Json], Json] = lambda header: header,
    ) -> None:
        self._honest = honest
        self.blocks: list[Json] = []
        self.receipts: list[list[Json]] = []
        head = int(_ask(honest, "eth_blockNumber"), 16)
        parent = "0x" + "00" * 32
        for number in range(head + 1):
            block = copy.deepcopy(_ask(honest, "eth_getBlockByNumber", hex(number), False))
            receipts = copy.deepcopy(_ask(honest, "eth_getBlockReceipts", hex(number)))
            before = copy.deepcopy(receipts)
            for receipt in receipts:
                receipt["logs"] = logs(receipt["logs"])
            if receipts != before:
                seal_receipts(block, receipts)
            block = header({**block, "parentHash": parent})
            block["hash"] = parent = header_hash(block)
            for receipt in receipts:
                receipt["blockHash"] = parent
                for log in receipt["logs"]:
                    log["blockHash"] = parent
            self.blocks.append(block)
            self.receipts.append(receipts)

    @property
    def head(self) -> bytes:
        """The hash of the newest block."""
        return bytes.fromhex(self.blocks[-1]["hash"][2:])

    def logs(self, addresses: list[str], first: int, last: int) -> list[Json]:
        """Return what eth_getLogs would answer."""
        wanted = {address.lower() for address in addresses}
        return [
            log
            for receipts in self.receipts[first : last + 1]
            for receipt in receipts
            for log in receipt["logs"]
            if log["address"].lower() in wanted
        ]

    def block(self, which: str, full: bool = False) -> Json | None:
        """Return a block by height, tag or hash, if asked for with the honest transactions."""
        found = next((block for block in self.blocks if block["hash"] == which), None)
        if which == "latest":
            found = self.blocks[-1]
        elif len(which) < 66 and int(which, 16) < len(self.blocks):
            found = self.blocks[int(which, 16)]
        if found is None or not full:
            return found
        honest = _ask(self._honest, "eth_getBlockByNumber", found["number"], True)
        return {**found, "transactions": honest["transactions"]}


def seal_receipts(block: Json, receipts: list[Json]) -> None:
    """Number the logs of altered receipts, and write bloom and root into the header."""
    index, whole = 0, 0
    for receipt in receipts:
        bits = 0
        for log in receipt["logs"]:
            log["logIndex"] = hex(index)
            index += 1
            for entry in (log["address"], *log["topics"]):
                digest = keccak(_raw(entry))
                for at in (0, 2, 4):
                    bits |= 1 << int.from_bytes(digest[at : at + 2], "big") % 2048
        whole |= bits
        receipt["logsBloom"] = f"0x{bits:0512x}"
    block["logsBloom"] = f"0x{whole:0512x}"
    block["receiptsRoot"] = receipts_root(receipts)


def receipts_root(receipts: list[Json]) -> str:
    """Return the root of the trie of receipts."""
    tree = HexaryTrie({})
    for place, receipt in enumerate(receipts):
        logs = [
            [_raw(log["address"]), [_raw(topic) for topic in log["topics"]], _raw(log["data"])]
            for log in receipt["logs"]
        ]
        gas = int(receipt["cumulativeGasUsed"], 16)
        body = [int(receipt["status"], 16), gas, _raw(receipt["logsBloom"]), logs]
        kind = int(receipt["type"], 16)
        prefix = bytes([kind]) if kind else b""
        tree[rlp.encode(place)] = prefix + rlp.encode(body)
    return "0x" + tree.root_hash.hex()


def header_hash(block: Json) -> str:
    """Return the hash of a header."""
    fields = [int(block[name], 16) if name in NUMBERS else _raw(block[name]) for name in HEADER]
    return "0x" + keccak(rlp.encode(fields)).hex()


def _ask(honest: BaseProvider, method: Any, *params: Any) -> Any:
    return honest.make_request(method, list(params))["result"]


def _raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])
