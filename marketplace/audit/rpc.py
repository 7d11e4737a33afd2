"""The few questions that the audit asks a node, as plain JSON-RPC.

Answers come from a stranger: whatever has another shape than the specification's
(https://github.com/ethereum/execution-apis) ends in a `ChainError`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from eth_utils.address import to_checksum_address
from web3.exceptions import Web3Exception
from web3.providers import BaseProvider
from web3.types import RPCEndpoint

from marketplace.protocol.errors import ChainError, NodeUnreachable

_REVERTED = 3  # the error code of a call that the contract refused


@dataclass(frozen=True)
class Header:
    """The part of a block header that the audit uses; `timestamp` in seconds since 1970."""

    number: int
    hash: bytes
    timestamp: int


@dataclass(frozen=True)
class Log:
    """One log entry as the node gives it, not decoded."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block: int
    block_hash: bytes
    transaction: bytes
    index: int

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"block {self.block}, log {self.index}"


@dataclass(frozen=True)
class Receipt:
    """Whether a transaction succeeded, and all logs that it wrote."""

    succeeded: bool
    logs: tuple[Log, ...]


@dataclass(frozen=True)
class Transaction:
    """Who sent what to whom; to nobody when it created a contract."""

    sender: str
    receiver: str | None
    data: bytes


class Rpc:
    """A node behind a web3 provider, asked without web3's own formatting."""

    def __init__(self, provider: BaseProvider) -> None:
        self._provider = provider

    def chain_id(self) -> int:
        """Return the chain's id."""
        with _usable("eth_chainId"):
            return _number(self._ask("eth_chainId"))

    def header(self, block: int | None = None) -> Header:
        """Return a header by its height; the newest by default."""
        with _usable("eth_getBlockByNumber"):
            answer = self._ask("eth_getBlockByNumber", _height(block), False)
            return Header(
                _number(answer["number"]), _bytes(answer["hash"], 32), _number(answer["timestamp"])
            )

    def logs(self, addresses: Sequence[str], first: int, last: int) -> list[Log]:
        """Return all logs of some contracts in a range of blocks, both ends included.

        Nodes limit the range or the number of logs, each in its own words: a refused
        range is halved until the node answers.
        """
        wanted = {"address": list(addresses), "fromBlock": hex(first), "toBlock": hex(last)}
        try:
            with _usable("eth_getLogs"):
                return [_log(entry) for entry in self._ask("eth_getLogs", wanted)]
        except NodeUnreachable:
            raise
        except ChainError:
            if first == last:
                raise
        middle = (first + last) // 2
        return [
            *self.logs(addresses, first, middle),
            *self.logs(addresses, middle + 1, last),
        ]

    def receipt(self, transaction: bytes) -> Receipt | None:
        """Return the receipt of a transaction; None when the node knows none."""
        with _usable("eth_getTransactionReceipt"):
            answer = self._ask("eth_getTransactionReceipt", "0x" + transaction.hex())
            if answer is None:
                return None
            return Receipt(
                _number(answer["status"]) == 1, tuple(_log(entry) for entry in answer["logs"])
            )

    def transaction(self, transaction: bytes) -> Transaction | None:
        """Return a transaction by its hash; None when the node knows none."""
        with _usable("eth_getTransactionByHash"):
            answer = self._ask("eth_getTransactionByHash", "0x" + transaction.hex())
            if answer is None:
                return None
            receiver = answer["to"]
            return Transaction(
                to_checksum_address(_bytes(answer["from"], 20)),
                None if receiver is None else to_checksum_address(_bytes(receiver, 20)),
                _bytes(answer["input"]),
            )

    def has_code(self, address: str, block: int) -> bool:
        """Tell whether a contract was at an address after a block."""
        with _usable("eth_getCode"):
            return bool(_bytes(self._ask("eth_getCode", address, _height(block))))

    def balance(self, address: str, block: int) -> int:
        """Return the native coin of an account after a block, in wei."""
        with _usable("eth_getBalance"):
            return _number(self._ask("eth_getBalance", address, _height(block)))

    def call(self, to: str, data: bytes, block: int) -> bytes | None:
        """Evaluate a view function after a block; None when the contract refuses."""
        with _usable("eth_call"):
            answer = self._answer("eth_call", {"to": to, "data": "0x" + data.hex()}, _height(block))
            error = answer.get("error")
            if error is not None and _is_revert(error):
                return None
            return _bytes(_result("eth_call", answer))

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
        raise ChainError(f"the node refused {method}: {message}", "ask a node that answers it")
    return answer["result"]


def _is_revert(error: Any) -> bool:
    if not isinstance(error, dict):
        return False
    return error.get("code") == _REVERTED or "revert" in str(error.get("message")).lower()


@contextmanager
def _usable(method: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unusable(method, error) from error


def _unusable(method: str, error: Exception) -> ChainError:
    return ChainError(
        f"the node gave an unusable answer to {method}: {error!r}",
        "check that the endpoint is an Ethereum JSON-RPC node",
    )


def _log(entry: Any) -> Log:
    if entry.get("removed"):
        raise ValueError("a log of a block that is no longer in the chain")
    return Log(
        to_checksum_address(_bytes(entry["address"], 20)),
        tuple(_bytes(topic, 32) for topic in entry["topics"]),
        _bytes(entry["data"]),
        _number(entry["blockNumber"]),
        _bytes(entry["blockHash"], 32),
        _bytes(entry["transactionHash"], 32),
        _number(entry["logIndex"]),
    )


def _height(block: int | None) -> str:
    return "latest" if block is None else hex(block)


def _number(text: Any) -> int:
    return int(_hexadecimal(text), 16)


def _bytes(text: Any, length: int | None = None) -> bytes:
    data = bytes.fromhex(_hexadecimal(text))
    if length is not None and len(data) != length:
        raise ValueError(f"{len(data)} bytes instead of {length}")
    return data


def _hexadecimal(text: Any) -> str:
    if not isinstance(text, str) or not text.startswith("0x"):
        raise ValueError(f"{text!r} is not 0x-hex")
    return text[2:]
