"""A contract's published interface: its events, calls of its functions, and what its code holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import (
    collapse_if_tuple,
    event_abi_to_log_topic,
    function_abi_to_4byte_selector,
)

from marketplace.audit.blocks import Log
from marketplace.audit.decoding import compiled
from marketplace.chain.artifacts import load_artifact
from marketplace.protocol.errors import ProtocolError
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.structs import Struct
from marketplace.protocol.tenders import Tender
from marketplace.protocol.terms import (
    AttemptFinding,
    AuditFinding,
    DataFinding,
    ModelQuote,
    Request,
    Windows,
)

_WORD = 32  # bytes

_ENUMS: dict[str, type[IntEnum]] = {"enum State": State, "enum Purpose": Purpose}
_STRUCTS: dict[str, type[Struct]] = {
    "struct Request": Request,
    "struct ModelQuote": ModelQuote,
    "struct DataFinding": DataFinding,
    "struct AttemptFinding": AttemptFinding,
    "struct AuditFinding": AuditFinding,
    "struct Windows": Windows,
    "struct Tender": Tender,
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
        self.name = contract
        artifact = load_artifact(contract)
        abi: Sequence[Any] = artifact.abi
        self._code, self._immutables = artifact.deployed_bytecode, artifact.immutables
        self._events = _decoders(contract)
        self._functions = {i["name"]: i for i in abi if i["type"] == "function"}
        self._returned: dict[str, Callable[[bytes], dict[str, Any]]] = {}

    def event(self, log: Log, timestamp: int) -> Event:
        """Decode a log.

        Raises
        ------
        ValueError
            If it is none of the contract's events, or is malformed.
        """
        topics = log.topics
        decoder = self._events.get(topics[0]) if topics else None
        if decoder is None:
            raise ValueError("it is no event of this contract")
        if len(topics) != decoder.topics:
            raise ValueError(f"a {decoder.name} has {len(topics)} topics")
        try:
            values = decoder.indexed(b"".join(topics[1:]))
            values.update(decoder.plain(log.data))
        except ValueError as error:
            raise ValueError(f"{decoder.name} is malformed: {error}") from error
        return Event(decoder.name, values, log, timestamp)

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
                try:
                    return name, _called(item["inputs"], data[4:])
                except (DecodingError, ProtocolError, OverflowError) as error:
                    raise ValueError(f"{name} is malformed: {error}") from error
        raise ValueError("it calls no function of this contract")

    def returned(self, function: str, data: bytes) -> Any:
        """Decode what a view function returned: its result, or several by name or place.

        Raises
        ------
        ValueError
            If the bytes are something else.
        """
        outputs = self._functions[function]["outputs"]
        if function not in self._returned:
            alone = len(outputs) == 1
            named = [
                {**part, "name": "result" if alone else part["name"] or str(place)}
                for place, part in enumerate(outputs)
            ]
            self._returned[function] = compiled(named, _ENUMS, _STRUCTS)
        try:
            values = self._returned[function](data)
        except ValueError as error:
            raise ValueError(f"{function} is malformed: {error}") from error
        return values if len(outputs) > 1 else values["result"]

    def is_written(self, function: str) -> bool:
        """Tell whether a view answers what the constructor wrote into the code."""
        return function in self._immutables

    def written(self, code: bytes) -> dict[str, bytes] | None:
        """Return the words that the constructor wrote into the code, by the immutables' names.

        Each is what the view of its name returns. None if the code is not this release's, as the
        compiler made it: https://docs.soliditylang.org/en/latest/contracts.html#immutable.
        """
        blank, words = bytearray(code), dict[str, bytes]()
        for name, places in self._immutables.items():
            for place in places:
                word = code[place : place + _WORD]
                if words.setdefault(name, word) != word:
                    return None
                blank[place : place + _WORD] = bytes(_WORD)
        return words if blank == self._code else None


@lru_cache(None)
def _decoders(contract: str) -> dict[bytes, _Decoder]:
    """Return how each event of a contract is read, by its first topic."""
    abi: Sequence[Any] = load_artifact(contract).abi
    return {event_abi_to_log_topic(i): _Decoder(i) for i in abi if i["type"] == "event"}


class _Decoder:
    """How one event is read: its name, how many topics it has, and its values."""

    def __init__(self, item: Any) -> None:
        indexed = [part for part in item["inputs"] if part["indexed"]]
        plain = [part for part in item["inputs"] if not part["indexed"]]
        self.name: str = item["name"]
        self.topics = 1 + len(indexed)
        self.indexed = compiled(indexed, _ENUMS, _STRUCTS)
        self.plain = compiled(plain, _ENUMS, _STRUCTS)


def _called(parts: Sequence[Any], data: bytes) -> dict[str, Any]:
    """Read a call's arguments, in whatever encoding the contract itself would take."""
    values = decode([collapse_if_tuple(part) for part in parts], data)
    return {
        part["name"]: _STRUCTS[part["internalType"]].from_values(value)
        if part["internalType"] in _STRUCTS
        else value
        for part, value in zip(parts, values, strict=True)
    }
