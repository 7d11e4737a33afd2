"""The few questions that the audit asks a node, as plain JSON-RPC.

Answers come from a stranger: whatever has another shape than the specification's
(https://github.com/ethereum/execution-apis) ends in a `ChainError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import requests
from eth_utils.address import to_checksum_address
from web3.exceptions import Web3Exception
from web3.providers import BaseProvider
from web3.types import RPCEndpoint

from marketplace.audit.blocks import BLOOM_BYTES, Block, Log, Receipt, header_hash
from marketplace.audit.encoding import encode_number
from marketplace.audit.transactions import Transaction, transaction_of
from marketplace.protocol.errors import ChainError, NodeRefused, NodeUnreachable

_REVERTED = 3  # the error code of a call that the contract refused
_UNKNOWN_METHOD = (-32601, -32004)  # JSON-RPC 2.0, EIP-1474
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")  # a uint256 at most
_SHORT_BITS = 64  # of heights, times, gas and places
_TYPE_BITS = 8  # of a receipt's type, EIP-2718
_TOLD = 80  # characters of an unusable value that an error tells


@dataclass(frozen=True)
class Proof:
    """What `eth_getProof` answers: nodes of the trie of accounts, and of one account's storage.

    `slots` holds the nodes for each slot that was asked for, in that order.
    """

    account: tuple[bytes, ...]
    slots: tuple[tuple[bytes, ...], ...]


class Rpc:
    """A node behind a web3 provider, asked without web3's own formatting."""

    def __init__(self, provider: BaseProvider) -> None:
        self._provider = provider

    def chain_id(self) -> int:
        """Return the chain's id."""
        with _usable("eth_chainId"):
            return _number(self._ask("eth_chainId"))

    def block(self, which: int | bytes | None = None) -> Block | None:
        """Return a block by its height or hash; the newest by default, None if there is none."""
        by_hash = isinstance(which, bytes)
        method = "eth_getBlockByHash" if by_hash else "eth_getBlockByNumber"
        with _usable(method):
            named = "0x" + which.hex() if isinstance(which, bytes) else _height(which)
            answer = self._ask(method, named, False)
            return None if answer is None else _block(answer)

    def transactions(self, block: Block) -> tuple[Transaction, ...] | None:
        """Return a block's transactions in order; None if the node lacks it."""
        with _usable("eth_getBlockByNumber"):
            answer = self._ask("eth_getBlockByNumber", hex(block.number), True)
            if answer is None:
                return None
            return tuple(transaction_of(entry, _number, _bytes) for entry in answer["transactions"])

    def full_block(self, number: int) -> tuple[Block, tuple[Transaction, ...]] | None:
        """Return a block with its transactions, in order; None if there is no such block."""
        with _usable("eth_getBlockByNumber"):
            answer = self._ask("eth_getBlockByNumber", hex(number), True)
            if answer is None:
                return None
            entries = answer["transactions"]
            sent = tuple(transaction_of(entry, _number, _bytes) for entry in entries)
            hashes = [entry["hash"] for entry in entries]
            return _block({**answer, "transactions": hashes}), sent

    def receipts(self, block: Block) -> tuple[Receipt, ...] | None:
        """Return a block's receipts in order; None if the node lacks one of them.

        A node that doesn't know `eth_getBlockReceipts` is asked for one after the other.
        """
        with _usable("eth_getBlockReceipts"):
            answer = self._answer("eth_getBlockReceipts", hex(block.number))
            given: list[Any] | None
            if _is_unknown(answer.get("error")):
                given = [
                    self._ask("eth_getTransactionReceipt", "0x" + transaction.hex())
                    for transaction in block.transactions
                ]
            else:
                given = _result("eth_getBlockReceipts", answer)
            if given is None or None in given:
                return None
            return tuple(_receipt(entry) for entry in given)

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
        """Return all logs of some contracts in a range of blocks, both ends included.

        Nodes limit the range or the number of logs, each in its own words: a refused
        range is halved until the node answers.
        """
        wanted = {"address": list(addresses), "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            with _usable("eth_getLogs"):
                return [_log(entry) for entry in self._ask("eth_getLogs", wanted)]
        except NodeRefused:
            if first == last:
                raise
        middle = (first + last) // 2
        return [
            *self.logs(addresses, first, middle),
            *self.logs(addresses, middle + 1, last),
        ]

    def transaction(self, transaction: bytes, block: int) -> Transaction | None:
        """Return a transaction of a block by its hash; None if the node's block has none such."""
        found = self.full_block(block)
        sent = () if found is None else found[1]
        return next((each for each in sent if each.hash == transaction), None)

    def has_code(self, address: str, block: int) -> bool:
        """Tell whether a contract was at an address after a block."""
        return bool(self.code(address, block))

    def code(self, address: str, block: int) -> bytes:
        """Return the code at an address after a block; none if no contract is there."""
        with _usable("eth_getCode"):
            return _bytes(self._ask("eth_getCode", address, _height(block)))

    def balance(self, address: str, block: int) -> int:
        """Return the native coin of an account after a block, in wei."""
        with _usable("eth_getBalance"):
            return _number(self._ask("eth_getBalance", address, _height(block)))

    def call(self, to: str, data: bytes, block: int) -> bytes | None:
        """Evaluate a view function after a block; None when the contract refuses."""
        with _usable("eth_call"):
            answer = self._answer("eth_call", {"to": to, "data": "0x" + data.hex()}, _height(block))
            if _is_revert(answer.get("error")):
                return None
            return _bytes(_result("eth_call", answer))

    def proof(self, address: str, slots: Sequence[bytes], block: int) -> Proof | None:
        """Return proofs of an account and of slots after a block; None if the node offers none."""
        with _usable("eth_getProof"):
            asked = [address, ["0x" + slot.hex() for slot in slots], hex(block)]
            answer = self._answer("eth_getProof", *asked)
            if answer.get("error") is not None:
                return None
            found = _result("eth_getProof", answer)
            return Proof(
                tuple(_bytes(node) for node in found["accountProof"]),
                tuple(
                    tuple(_bytes(node) for node in entry["proof"])
                    for entry in found["storageProof"]
                ),
            )

    def _ask(self, method: str, *params: Any) -> Any:
        return _result(method, self._answer(method, *params))

    def _answer(self, method: str, *params: Any) -> dict[str, Any]:
        try:
            return dict(self._provider.make_request(RPCEndpoint(method), params))
        except (requests.RequestException, ConnectionError) as error:
            raise NodeUnreachable(
                f"no node answers at {getattr(self._provider, 'endpoint_uri', self._provider)}",
                "start one (`moemarket devnet`) or check the endpoint",
            ) from error
        except Web3Exception as error:
            raise _unusable(method, error) from error


def _result(method: str, answer: dict[str, Any]) -> Any:
    error = answer.get("error")
    if error is not None:
        message = error.get("message") if isinstance(error, dict) else error
        raise NodeRefused(f"the node refused {method}: {message}", "ask a node that answers it")
    return answer["result"]


def _is_unknown(error: Any) -> bool:
    if not isinstance(error, dict):
        return False
    message = str(error.get("message")).lower()
    return error.get("code") in _UNKNOWN_METHOD or "method not found" in message


def _is_revert(error: Any) -> bool:
    if not isinstance(error, dict):
        return False
    return error.get("code") == _REVERTED or "revert" in str(error.get("message")).lower()


@contextmanager
def _usable(method: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise _unusable(method, error) from error


def _unusable(method: str, error: Exception) -> ChainError:
    return ChainError(
        f"the node gave an unusable answer to {method}: {error!r}",
        "check that the endpoint is an Ethereum JSON-RPC node",
    )


def _block(answer: Any) -> Block:
    return Block(
        number=_number(answer["number"], _SHORT_BITS),
        hash=_bytes(answer["hash"], 32),
        timestamp=_number(answer["timestamp"], _SHORT_BITS),
        recomputed=header_hash(answer, _number, _bytes),
        parent=_bytes(answer["parentHash"], 32),
        state_root=_bytes(answer["stateRoot"], 32),
        transactions_root=_bytes(answer["transactionsRoot"], 32),
        receipts_root=_bytes(answer["receiptsRoot"], 32),
        bloom=_bytes(answer["logsBloom"], BLOOM_BYTES),
        transactions=tuple(_bytes(transaction, 32) for transaction in answer["transactions"]),
    )


def _receipt(entry: Any) -> Receipt:
    status = entry.get("status")
    return Receipt(
        kind=_number(entry.get("type", "0x0"), _TYPE_BITS),
        outcome=_bytes(entry["root"], 32) if status is None else encode_number(_number(status)),
        gas=_number(entry["cumulativeGasUsed"], _SHORT_BITS),
        bloom=_bytes(entry["logsBloom"], BLOOM_BYTES),
        transaction=_bytes(entry["transactionHash"], 32),
        logs=tuple(_log(log) for log in entry["logs"]),
    )


def _log(entry: Any) -> Log:
    if entry.get("removed"):
        raise ValueError("a log of a block that is no longer in the chain")
    return Log(
        _address(entry["address"]),
        tuple(_bytes(topic, 32) for topic in entry["topics"]),
        _bytes(entry["data"]),
        _number(entry["blockNumber"], _SHORT_BITS),
        _bytes(entry["blockHash"], 32),
        _bytes(entry["transactionHash"], 32),
        _number(entry["logIndex"], _SHORT_BITS),
    )


def _height(block: int | None) -> str:
    return "latest" if block is None else hex(block)


def _number(text: Any, bits: int = 256) -> int:
    if not isinstance(text, str) or _QUANTITY.fullmatch(text) is None:
        raise ValueError(f"{_short(text)} is not 0x-hex, of 256 bits at most")
    number = int(text, 16)
    if number >> bits:
        raise ValueError(f"{text} has more than {bits} bits")
    return number


def _bytes(text: Any, length: int | None = None) -> bytes:
    if not isinstance(text, str) or text[:2] != "0x":
        raise ValueError(f"{_short(text)} is not 0x-hex")
    data = bytes.fromhex(text[2:])
    if length is not None and len(data) != length:
        raise ValueError(f"{len(data)} bytes instead of {length}")
    return data


def _short(value: Any) -> str:
    told = repr(value) if isinstance(value, str) else type(value).__name__
    return told if len(told) <= _TOLD else told[: _TOLD - 1] + "…"


@lru_cache(1024)  # a checksum is a hash, and few accounts write many logs
def _address(text: Any) -> str:
    return to_checksum_address(_bytes(text, 20))
