"""Our own decoder against eth_abi: the same values, and no bytes but those that it would write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic
from eth_utils.address import to_checksum_address
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.audit.abi import Interface
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

CONTRACTS = (
    *("ModelMarket", "MarketRules", "OracleCommittee", "Challenges"),
    *("ParticipantRegistry", "SealedBids"),
)
ITEMS: list[tuple[str, Any]] = [
    (contract, item)
    for contract in CONTRACTS
    for item in load_artifact(contract).abi
    if item["type"] in ("event", "function")
]
EVENTS = [(contract, item) for contract, item in ITEMS if item["type"] == "event"]
VIEWS = [
    (contract, item) for contract, item in ITEMS if item["type"] == "function" and item["outputs"]
]
ENUMS = {"enum State": State, "enum Purpose": Purpose}
STRUCTS: dict[str, type[Struct]] = {
    f"struct {struct.__name__}": struct
    for struct in (Request, ModelQuote, DataFinding, AttemptFinding, AuditFinding, Windows, Tender)
}
ADDRESS = "0x" + "ab" * 20


def name_of(pair: Any) -> str:
    return f"{pair[0]}.{pair[1]['name']}"


# -------------------------------------------------- what eth_abi makes of the bytes


def by_eth_abi(parts: list[Any], data: bytes) -> dict[str, Any]:
    """Decode as the audit did before it had a decoder of its own."""
    kinds = [collapse_if_tuple(part) for part in parts]
    values = decode(kinds, data)
    if encode(kinds, values) != data:
        raise ValueError("bytes that Solidity does not write")
    return {part["name"]: meant(part, value) for part, value in zip(parts, values, strict=True)}


def meant(part: Any, value: Any) -> Any:
    meaning = part.get("internalType", "")
    if part["type"].endswith("[]"):
        one = {**part, "type": part["type"][:-2], "internalType": meaning.removesuffix("[]")}
        return tuple(meant(one, item) for item in value)
    if meaning in ENUMS:
        return ENUMS[meaning](value)
    if meaning in STRUCTS:
        return STRUCTS[meaning].from_values(value)
    if part["type"] == "tuple":
        inner = zip(part["components"], value, strict=True)
        return {each["name"]: meant(each, item) for each, item in inner}
    return to_checksum_address(value) if part["type"] == "address" else value


def outcome(decoder: Callable[[], Any]) -> Any:
    """Return what a decoder tells, or that it refuses."""
    try:
        return decoder()
    except (ValueError, DecodingError, EncodingError, ProtocolError, OverflowError):
        return None


# ------------------------------------------------------------------- random values


def some(part: Any) -> st.SearchStrategy[Any]:
    """Values of a type, as eth_abi writes them."""
    kind: str = part["type"]
    if kind.endswith("[]"):
        return st.lists(some({**part, "type": kind[:-2]}), max_size=4)
    if part.get("internalType") in ENUMS:
        return st.sampled_from([int(member) for member in ENUMS[part["internalType"]]])
    if kind == "tuple":
        return st.tuples(*(some(inner) for inner in part["components"]))
    if kind == "address":
        return st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
    if kind == "bool":
        return st.booleans()
    if kind == "bytes":
        return st.binary(max_size=140)
    if kind == "string":
        return st.text(max_size=40)
    if kind.startswith("bytes"):
        return st.binary(min_size=int(kind[5:]), max_size=int(kind[5:]))
    bits = int(kind.removeprefix("uint"))
    return st.one_of(st.integers(0, (1 << bits) - 1), st.sampled_from([0, (1 << bits) - 1]))


def encoded(parts: list[Any]) -> st.SearchStrategy[bytes]:
    kinds = [collapse_if_tuple(part) for part in parts]
    return st.tuples(*(some(part) for part in parts)).map(lambda values: encode(kinds, values))


@st.composite
def spoilt(draw: st.DrawFn, parts: list[Any]) -> bytes:
    """Bytes that were right, with one thing about them changed; rarely, with nothing changed."""
    data = draw(encoded(parts))
    words = len(data) // 32
    how = draw(st.sampled_from(["bit", "word", "cut", "more", "twice", "gap"]))
    if how == "more" or not data:
        return data + draw(st.binary(min_size=1, max_size=64))
    at = draw(st.integers(0, words - 1)) * 32
    if how == "bit":
        bit = draw(st.integers(0, len(data) * 8 - 1))
        return (int.from_bytes(data, "big") ^ 1 << bit).to_bytes(len(data), "big")
    if how == "cut":
        return data[: draw(st.integers(0, len(data) - 1))]
    if how == "twice":
        return data[: at + 32] + data[at:]
    if how == "gap":
        return data[:at] + bytes(32) + data[at:]
    odd = st.integers(0, 2 * len(data)) | st.sampled_from([2**255, 2**256 - 1, 2**160, 2**64])
    return data[:at] + draw(odd).to_bytes(32, "big") + data[at + 32 :]


# ------------------------------------------------------------------------ the tests


def parts_of(item: Any) -> list[Any]:
    """What of an event lies in its data, or what a view returns."""
    if item["type"] == "function":
        return list(item["outputs"])
    return [part for part in item["inputs"] if not part["indexed"]]


@pytest.mark.parametrize("pair", EVENTS + VIEWS, ids=name_of)
def test_values_are_those_that_eth_abi_reads(pair: tuple[str, Any]) -> None:
    parts = parts_of(pair[1])
    read = compiled(parts, ENUMS, STRUCTS)

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(encoded(parts))
    def same(data: bytes) -> None:
        ours, theirs = read(data), by_eth_abi(parts, data)
        assert ours == theirs
        assert repr(ours) == repr(theirs)  # True is no 1, and a list no tuple

    same()


@pytest.mark.parametrize("pair", EVENTS + VIEWS, ids=name_of)
def test_malformed_data_is_refused_when_eth_abi_would_write_it_otherwise(
    pair: tuple[str, Any],
) -> None:
    parts = parts_of(pair[1])
    read = compiled(parts, ENUMS, STRUCTS)

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(spoilt(parts))
    def same(data: bytes) -> None:
        ours = outcome(lambda: read(data))
        assert ours == outcome(lambda: by_eth_abi(parts, data))

    same()


@pytest.mark.parametrize("pair", EVENTS, ids=name_of)
def test_topics_are_read_as_the_event_s_arguments(pair: tuple[str, Any]) -> None:
    contract, item = pair
    interface = Interface(contract)
    indexed = [part for part in item["inputs"] if part["indexed"]]
    plain = parts_of(item)
    first = event_abi_to_log_topic(item)

    @settings(max_examples=10, deadline=None, derandomize=True)
    @given(encoded(indexed), encoded(plain))
    def same(words: bytes, data: bytes) -> None:
        topics = (first, *(words[at : at + 32] for at in range(0, len(words), 32)))
        event = interface.event(log(topics, data), 7)
        assert event.name == item["name"]
        assert event.values == by_eth_abi(indexed, words) | by_eth_abi(plain, data)
        for wrong in ((*topics, bytes(32)), topics[:-1]):
            with pytest.raises(ValueError, match=r"topics|no event"):
                interface.event(log(wrong, data), 7)

    same()


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("address", b"\1" + bytes(31)),
        ("bool", bytes(31) + b"\2"),
        ("uint40", bytes(26) + b"\1" + bytes(5)),
        ("bytes28", bytes(31) + b"\1"),
        ("uint8", bytes(31)),
        ("uint8", bytes(33)),
        ("bytes", (64).to_bytes(32, "big") + bytes(64)),
        ("bytes", (32).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"ab" + bytes(30)),
        ("bytes", (32).to_bytes(32, "big") + (2**200).to_bytes(32, "big")),
        ("uint8[]", (32).to_bytes(32, "big") + (2**200).to_bytes(32, "big")),
        ("string", (32).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"\xff" + bytes(31)),
    ],
)
def test_a_fault_is_refused(kind: str, data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        compiled([{"name": "value", "type": kind}], {}, {})(data)


def test_a_number_that_no_member_of_an_enum_has_is_refused() -> None:
    part = {"name": "state", "type": "uint8", "internalType": "enum State"}
    with pytest.raises(ValueError, match="is no State"):
        compiled([part], ENUMS, {})((200).to_bytes(32, "big"))


def test_a_struct_with_other_members_than_the_contract_s_is_not_taken() -> None:
    part = {
        "name": "windows",
        "type": "tuple",
        "internalType": "struct Windows",
        "components": [{"name": "quote", "type": "uint24"}],
    }
    with pytest.raises(TypeError, match="other members than Windows"):
        compiled([part], {}, {"struct Windows": Windows})


def test_a_type_that_is_not_known_is_not_guessed() -> None:
    for kind in ("int8", "function", "fixed128x18", "uint8[2]"):
        with pytest.raises(TypeError, match="is not read here"):
            compiled([{"name": "value", "type": kind}], {}, {})


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def log(topics: tuple[bytes, ...], data: bytes) -> Log:
    return Log(ADDRESS, topics, data, 3, bytes(32), bytes(32), 0)


@pytest.mark.parametrize("kind", ["address", "bool", "bytes32", "bytes4", "uint8", "uint256"])
@pytest.mark.parametrize("missing", [1, 31, 32])
def test_a_word_that_is_cut_short_is_none(kind: str, missing: int) -> None:
    read = compiled([{"name": "value", "type": kind}], {}, {})
    assert read(bytes(32)).keys() == {"value"}
    with pytest.raises(ValueError, match=r"written so|end"):
        read(bytes(32 - missing))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("bytes", words(32, 2**200)),
        ("bytes", words(32, 33, 0)),
        ("bytes", words(32)),
        ("bytes", words(32) + bytes(31)),
        ("uint8[]", words(32, 2**200)),
        ("uint8[]", words(32)),
        ("bytes[]", words(32, 1)),
    ],
)
def test_data_that_ends_too_early(kind: str, data: bytes) -> None:
    with pytest.raises(ValueError, match="the data ends too early"):
        compiled([{"name": "value", "type": kind}], {}, {})(data)


def test_parts_of_a_list_lie_one_behind_the_other() -> None:
    read = compiled([{"name": "value", "type": "bytes[]"}], {}, {})
    assert read(words(32, 2, 64, 96, 0, 0)) == {"value": (b"", b"")}
    for first, second in ((96, 96), (64, 64), (64, 128)):
        with pytest.raises(ValueError, match="lies elsewhere"):
            read(words(32, 2, first, second, 0, 0))


@pytest.mark.parametrize(
    "kind", ["int8", "int256", "fixed128x18", "bytesfew", "wordy32", "uintbig", "function"]
)
def test_a_kind_that_no_contract_of_ours_logs_is_not_guessed(kind: str) -> None:
    with pytest.raises(TypeError, match=kind):
        compiled([{"name": "value", "type": kind}], {}, {})


# ----------------------------------------------------------------- what is malformed


def test_an_event_that_can_not_be_read_is_named() -> None:
    market = Interface("ModelMarket")
    _, item = next(pair for pair in EVENTS if name_of(pair) == "ModelMarket.Refunded")
    indexed = sum(part["indexed"] for part in item["inputs"])
    topics = (event_abi_to_log_topic(item), *[bytes(32)] * indexed)
    log = Log(ADDRESS, topics, b"short", 1, bytes(32), bytes(32), 0)
    with pytest.raises(ValueError, match=r"^Refunded is malformed: "):
        market.event(log, 0)


def test_an_answer_that_can_not_be_read_is_named() -> None:
    with pytest.raises(ValueError, match=r"^rules is malformed: "):
        Interface("ModelMarket").returned("rules", b"short")


def test_a_call_that_can_not_be_read_is_named() -> None:
    market = Interface("ModelMarket")
    data = market.call_data("withdraw", ADDRESS, ADDRESS)
    assert market.called(data)[0] == "withdraw"
    with pytest.raises(ValueError, match=r"^withdraw is malformed: "):
        market.called(data[:-1])
    with pytest.raises(ValueError, match=r"^it calls no function of this contract"):
        market.called(b"\xff" * 4)
