"""From revert data to a reason: every error by its name and values, whatever else as it came."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from eth_utils.abi import function_signature_to_4byte_selector as selector
from hypothesis import given
from hypothesis import strategies as st
from web3.exceptions import ContractCustomError, ContractLogicError, Web3Exception, Web3RPCError

from marketplace.chain.revert import explain_revert, solidity_errors
from marketplace.protocol.reverts import EXPLANATIONS

OVER_BUDGET = selector("OverBudget(uint256,uint256)") + encode(["uint256", "uint256"], [7, 5])


def custom(data: bytes) -> ContractCustomError:
    return ContractCustomError("0x" + data.hex(), data="0x" + data.hex())


def test_a_custom_error_has_its_name_its_values_and_a_meaning() -> None:
    assert explain_revert(custom(OVER_BUDGET)) == (
        "OverBudget(7, 5)",
        EXPLANATIONS["OverBudget"],
    )


def test_each_error_of_the_contracts_is_known_by_its_selector() -> None:
    for data, (name, types) in solidity_errors().items():
        assert data == selector(f"{name}({','.join(types)})")


def test_bytes_are_shown_as_hex_and_text_as_it_is() -> None:
    seals = selector("TradeExists(bytes32)") + b"\xab" * 32
    assert explain_revert(custom(seals))[0] == f"TradeExists(0x{'ab' * 32})"
    invalid = selector("InvalidRequest(string)") + encode(["string"], ["budget"])
    assert explain_revert(custom(invalid))[0] == "InvalidRequest(budget)"


def test_a_reason_string_is_the_reason() -> None:
    data = selector("Error(string)") + encode(["string"], ["not the owner"])
    assert explain_revert(custom(data)) == ("not the owner", None)


def test_a_panic_has_its_code() -> None:
    data = selector("Panic(uint256)") + encode(["uint256"], [0x11])
    assert explain_revert(custom(data)) == ("Panic(0x11)", None)


@pytest.mark.parametrize(
    "data",
    [
        selector("Unheard(uint256)") + bytes(32),
        selector("Unheard()"),
        OVER_BUDGET[:20],  # a selector of ours with a body of another
        selector("Error(string)") + b"\xff" * 40,
        selector("Panic(uint256)"),
    ],
)
def test_a_foreign_error_is_shown_raw(data: bytes) -> None:
    assert explain_revert(custom(data)) == (f"0x{data.hex()}", None)


@pytest.mark.parametrize("data", [None, "", "0x", "0x12", "nonsense", "0xzz", 7, [], {}])
def test_an_error_without_data_has_no_reason(data: object) -> None:
    error = ContractLogicError("execution reverted")
    error.data = data  # type: ignore[assignment]  # nodes put anything there
    assert explain_revert(error) == ("", None)


@pytest.mark.parametrize("nested", [True, False])
def test_the_data_of_a_json_rpc_error_is_found(nested: bool) -> None:
    data: object = "0x" + OVER_BUDGET.hex()
    response = {
        "error": {"code": 3, "message": "reverted", "data": {"data": data} if nested else data}
    }
    error = Web3RPCError("reverted", rpc_response=response)  # type: ignore[arg-type]  # as nodes send it
    assert explain_revert(error)[0] == "OverBudget(7, 5)"


@given(st.binary(max_size=200))
def test_no_data_is_too_strange(data: bytes) -> None:
    reason, explanation = explain_revert(custom(data))
    assert isinstance(reason, str)
    assert explanation is None or explanation in EXPLANATIONS.values()


@pytest.mark.parametrize("name", ["Error", "InvalidRequest"])
def test_a_reason_that_is_no_text_is_shown_raw(name: str) -> None:
    data = selector(f"{name}(string)") + encode(["bytes"], [b"\xff\xfe"])
    assert explain_revert(custom(data)) == (f"0x{data.hex()}", None)


def test_any_error_of_web3_can_be_asked() -> None:
    assert explain_revert(Web3Exception("something else")) == ("", None)
