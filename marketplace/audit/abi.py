"""Solidity's binary encoding, read and written by a contract's published interface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import (
    collapse_if_tuple,
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
)
from eth_utils.address import to_checksum_address

from marketplace.audit.rpc import Log
from marketplace.chain.artifacts import load_artifact
from marketplace.protocol.errors import ProtocolError
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import (
    AttemptFinding,
    AuditFinding,
    DataFinding,
    ModelQuote,
    Request,
    Windows,
)

_ENUMS: dict[str, type[IntEnum]] = {"enum State": State, "enum Purpose": Purpose}
_STRUCTS: dict[str, type[Struct]] = {
    "struct Request": Request,
    "struct ModelQuote": ModelQuote,
    "struct DataFinding": DataFinding,
    "struct AttemptFinding": AttemptFinding,
    "struct AuditFinding": AuditFinding,
    "struct Windows": Windows,
}


@dataclass(frozen=True)
class Event:
    """A decoded log: its arguments by name, and when its block was made."""

    name: str
    values: Mapping[str, Any]
    log: Log
    timestamp: int

    def __getitem__(self, argument: str) -> Any:
        return self.values[argument]

    @property
    def trade(self) -> bytes | None:
        """Id of the trade that it belongs to, if it belongs to one."""
        return self.values.get("tradeId")


class Interface:
    """The events and functions of one compiled contract.

    Parameters
    ----------
    contract
        Its name, e.g. ``ModelMarket``.
    """

    def __init__(self, contract: str) -> None:
        abi: Sequence[Any] = load_artifact(contract).abi
        self._events = {event_abi_to_log_topic(i): i for i in abi if i["type"] == "event"}
        self._functions = {i["name"]: i for i in abi if i["type"] == "function"}

    def event(self, log: Log, timestamp: int) -> Event:
        """Decode a log.

        Raises
        ------
        ValueError
            If it is none of the contract's events, or is malformed.
        """
        if not log.topics or log.topics[0] not in self._events:
            raise ValueError("it is no event of this contract")
        item = self._events[log.topics[0]]
        indexed = [part for part in item["inputs"] if part["indexed"]]
        plain = [part for part in item["inputs"] if not part["indexed"]]
        if len(log.topics) != 1 + len(indexed):
            raise ValueError(f"a {item['name']} has {len(log.topics)} topics")
        with _malformed(item["name"]):
            topics = b"".join(log.topics[1:])
            values = {**_named(indexed, topics), **_named(plain, log.data)}
        return Event(item["name"], values, log, timestamp)

    def call_data(self, function: str, *arguments: Any) -> bytes:
        """Encode a call."""
        item = self._functions[function]
        kinds = [collapse_if_tuple(part) for part in item["inputs"]]
        return function_abi_to_4byte_selector(item) + encode(kinds, arguments)

    def called(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """Decode a call: the function's name, and its arguments by name.

        Raises
        ------
        ValueError
            If it calls none of the contract's functions, or is malformed.
        """
        for name, item in self._functions.items():
            if data[:4] == function_abi_to_4byte_selector(item):
                with _malformed(name):
                    return name, _named(item["inputs"], data[4:], strict=False)
        raise ValueError("it calls no function of this contract")

    def returned(self, function: str, data: bytes) -> Any:
        """Decode what a view function returned: its result, or several by name.

        Raises
        ------
        ValueError
            If the bytes are something else.
        """
        outputs = self._functions[function]["outputs"]
        with _malformed(function):
            if len(outputs) > 1:
                return _named(outputs, data)
            return _named([{**outputs[0], "name": "result"}], data)["result"]


@contextmanager
def _malformed(what: str) -> Iterator[None]:
    try:
        yield
    except (DecodingError, EncodingError, ProtocolError, OverflowError) as error:
        raise ValueError(f"{what} is malformed: {error}") from error


def _named(parts: Sequence[Any], data: bytes, *, strict: bool = True) -> dict[str, Any]:
    kinds = [collapse_if_tuple(part) for part in parts]
    values = decode(kinds, data)
    # One encoding for each value, so that no bit of a log can change unseen.
    if strict and encode(kinds, values) != data:
        raise ValueError("bytes that Solidity does not write")
    return {part["name"]: _read(part, value) for part, value in zip(parts, values, strict=True)}


def _read(part: Any, value: Any) -> Any:
    """Turn a decoded value into the type that the rest of the audit speaks of."""
    meaning = part.get("internalType", "")
    if meaning in _ENUMS:
        return _ENUMS[meaning](value)
    if meaning in _STRUCTS:
        return _STRUCTS[meaning].from_values(value)
    if part["type"] == "tuple[]":
        single = {**part, "type": "tuple", "internalType": meaning.removesuffix("[]")}
        return tuple(_read(single, item) for item in value)
    if part["type"] == "tuple":
        components = zip(part["components"], value, strict=True)
        return {inner["name"]: _read(inner, item) for inner, item in components}
    if part["type"] == "address":
        return to_checksum_address(value)
    if part["type"] == "address[]":
        return tuple(to_checksum_address(item) for item in value)
    return tuple(value) if isinstance(value, list | tuple) else value
