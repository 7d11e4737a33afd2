"""Structs refuse what Solidity would not hold, and survive a round trip."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from hypothesis import given
from hypothesis import strategies as st
from web3.datastructures import AttributeDict

from marketplace.chain.artifacts import load_artifact
from marketplace.protocol.errors import ProtocolError
from marketplace.protocol.structs import Struct, Uint8, abi_type, solidity_fields
from marketplace.protocol.terms import (
    NATIVE,
    AttemptFinding,
    AttemptRecord,
    AuditFinding,
    Committee,
    DataFinding,
    DataQuote,
    Deal,
    Gate,
    History,
    ModelQuote,
    Opening,
    Permit,
    Request,
    Supply,
    Windows,
)

WINDOWS = Windows(1, 2, 3, 4, 5, 6, 7)
ACCOUNT = "0x00000000219ab540356cBB839Cbe05303d7705Fa"
DATA_QUOTE = DataQuote(bytes(32), ACCOUNT, b"\x01" * 32, 100, 10**18, 2**40 - 1)
MODEL_QUOTE = ModelQuote(bytes(32), bytes(32), (DATA_QUOTE, DATA_QUOTE), 5, 4, 3, 2, 1)
ATTEMPT = AttemptFinding(b"\x01" * 32, b"\x02" * 32, b"\x03" * 32, b"\x04" * 32, (5, 6))
AUDIT = AuditFinding(b"\x01" * 32, True, b"\x02" * 65)
GATE = Gate(7, History(bytes(32), 5), (ACCOUNT,), (1_000_000,))
REQUEST = Request(
    *(ACCOUNT, ACCOUNT, NATIVE, NATIVE),
    *(10**18, 900_000, 3, 600, 250),
    *(b"\x01" * 32, b"\x02" * 32, b"\x04" * 32, 1, False),
    *(b"\x05" * 32, b"\x06" * 32, 250, ACCOUNT),
    *(WINDOWS, b"\x03" * 32),
)


def test_solidity_names_are_camel_case_and_in_order() -> None:
    assert [field.name for field in solidity_fields(DataQuote)] == [
        "tradeId",
        "provider",
        "dataset",
        "rows",
        "price",
        "expiry",
    ]


IN_THE_CONTRACT = [Request, ModelQuote, Permit, Deal, Supply, Committee, DataFinding, Gate]
IN_THE_CONTRACT += [AttemptFinding, AttemptRecord, Opening, AuditFinding]


@pytest.mark.parametrize("struct", IN_THE_CONTRACT)
def test_the_abi_type_is_that_of_the_compiled_contract(struct: type[Struct]) -> None:
    abi: Any = load_artifact("ModelMarket").abi
    found = {
        argument["internalType"].split()[-1].removesuffix("[]"): fields_of(argument)
        for item in abi
        if item["type"] == "function"
        for argument in item["inputs"]
    }
    assert abi_type(struct) == f"({','.join(found[struct.__name__])})"


def fields_of(argument: Any) -> list[str]:
    """ABI types of a tuple's members, nested tuples written out."""
    return [
        f"({','.join(fields_of(member))}){member['type'].removeprefix('tuple')}"
        if member["type"].startswith("tuple")
        else member["type"]
        for member in argument.get("components", [])
    ]


VALUES = [WINDOWS, DATA_QUOTE, MODEL_QUOTE, REQUEST, ATTEMPT, AUDIT, GATE]


@pytest.mark.parametrize("value", VALUES)
def test_round_trips(value: Struct) -> None:
    assert type(value).from_values(value.as_tuple()) == value
    assert type(value).from_values(value.as_message()) == value
    encoded = encode([abi_type(type(value))], [value.as_tuple()])
    assert type(value).from_values(decode([abi_type(type(value))], encoded)[0]) == value


def test_the_arguments_of_an_event_are_a_mapping_too() -> None:
    said = AttributeDict.recursive(REQUEST.as_message())
    assert Request.from_values(said) == REQUEST


def test_a_struct_is_immutable_and_hashable() -> None:
    assert len({MODEL_QUOTE, ModelQuote.from_values(MODEL_QUOTE.as_tuple())}) == 1
    with pytest.raises(AttributeError):
        WINDOWS.quote = 7  # type: ignore[misc]  # the assignment is what must fail


def test_addresses_get_their_checksum() -> None:
    assert replace(DATA_QUOTE, provider=ACCOUNT.lower()).provider == ACCOUNT
    assert replace(DATA_QUOTE, provider="0x" + ACCOUNT[2:].upper()).provider == ACCOUNT


def test_an_address_with_a_wrong_checksum_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"DataQuote\.provider is .*checksum"):
        replace(DATA_QUOTE, provider=ACCOUNT.replace("cBB", "Cbb"))


BAD_VALUES: list[tuple[Struct, str, Any]] = [
    (WINDOWS, "quote", -1),
    (WINDOWS, "quote", 2**24),
    (WINDOWS, "quote", "5"),
    (WINDOWS, "quote", 5.0),
    (WINDOWS, "quote", True),
    (WINDOWS, "quote", None),
    (DATA_QUOTE, "provider", "0x00"),
    (DATA_QUOTE, "provider", 7),
    (DATA_QUOTE, "dataset", b"\x01" * 31),
    (DATA_QUOTE, "dataset", "0x" + "01" * 32),
    (DATA_QUOTE, "expiry", 2**40),
    (DATA_QUOTE, "price", 2**128),
    (AUDIT, "approved", 1),
    (AUDIT, "approved", "true"),
    (AUDIT, "signature", "0x"),
    (GATE, "experts", ACCOUNT),
    (GATE, "experts", ("0x12",)),
    (GATE, "weights", (1, -1)),
    (GATE, "weights", b"\x01\x02"),
    (MODEL_QUOTE, "data_quotes", (WINDOWS,)),
    (REQUEST, "windows", (1, 2, 3, 4, 5, 6, 7)),
]


@pytest.mark.parametrize(("struct", "name", "value"), BAD_VALUES)
def test_a_bad_value_is_refused_by_the_name_of_its_field(
    struct: Struct, name: str, value: Any
) -> None:
    changed: Any = struct
    with pytest.raises(ProtocolError) as refusal:
        replace(changed, **{name: value})
    solidity = next(f.name for f in solidity_fields(type(struct)) if f.python_name == name)
    assert str(refusal.value).startswith(f"{type(struct).__name__}.{solidity} is ")


@pytest.mark.parametrize("scalar", [7, None, 1.5])
def test_a_scalar_is_no_list(scalar: Any) -> None:
    with pytest.raises(ProtocolError, match=r"Gate\.weights is .*sequence"):
        replace(GATE, weights=scalar)


@pytest.mark.parametrize(
    "values", [(1, 2, 3, 4, 5, 6), tuple(range(1, 9)), {"quote": 1}, {"unknown": 1}, 7, None]
)
def test_values_of_another_form_are_refused(values: Any) -> None:
    with pytest.raises(ProtocolError, match="Windows"):
        Windows.from_values(values)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ProtocolError, match="surprise"):
        Windows.from_values(WINDOWS.as_message() | {"surprise": 1})


@dataclass(frozen=True)
class Byte(Struct):
    value: Uint8


@given(st.integers())
def test_a_number_is_kept_exactly_or_refused(number: int) -> None:
    if 0 <= number < 256:
        assert Byte(number).value == number
    else:
        with pytest.raises(ProtocolError, match=r"from 0 to 2\*\*8 - 1"):
            Byte(number)


def test_every_field_of_every_struct_has_a_solidity_type() -> None:
    for struct in Struct.__subclasses__():
        assert len(solidity_fields(struct)) == len(fields(struct))
        assert all(field.solidity_type for field in solidity_fields(struct))
