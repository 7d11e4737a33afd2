from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3 import Web3
from web3.exceptions import Web3RPCError

from marketplace.chain.devnet import DevnetProvider, DevnetRpc, open_devnet
from marketplace.chain.devnet.jsonrpc import MAX_BATCH, respond
from marketplace.chain.devnet.rpc_errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
)
from marketplace.protocol.foreign_json import MAX_DEPTH

FIELDS = [
    *("from", "to", "data", "value", "gas", "nonce", "address", "topics", "fromBlock"),
    *("toBlock", "blockHash", "blockNumber", "accessList", "gasPrice", "blocks"),
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False)
    | st.sampled_from(["latest", "pending", "0x", "0x0", "0x1", "0x" + "ab" * 20, "0x" + "cd" * 32])
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def exchange(rpc: DevnetRpc, request: object) -> Any:
    answer = respond(rpc, json.dumps(request).encode())
    return None if answer is None else json.loads(answer)


def call(method: object, *params: object, request_id: object = 1) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}


def test_an_answer_carries_the_id_of_its_request(devnet: DevnetRpc) -> None:
    for request_id in (7, "seven", None):
        answer = exchange(devnet, call("eth_chainId", request_id=request_id))
        assert answer == {"jsonrpc": "2.0", "id": request_id, "result": "0x7a69"}


def test_a_batch_is_answered_in_order(devnet: DevnetRpc) -> None:
    batch = [call("eth_blockNumber"), call("no_such", request_id=2), call("evm_mine", request_id=3)]
    answers = exchange(devnet, [*batch, call("eth_blockNumber", request_id=4)])
    assert [answer["id"] for answer in answers] == [1, 2, 3, 4]
    assert [answer.get("result") for answer in answers] == ["0x0", None, "0x0", "0x1"]
    assert answers[1]["error"]["code"] == METHOD_NOT_FOUND


def test_a_notification_is_carried_out_without_an_answer(devnet: DevnetRpc) -> None:
    mine = {"jsonrpc": "2.0", "method": "evm_mine"}
    assert exchange(devnet, mine) is None
    assert exchange(devnet, [mine, mine]) is None
    assert len(exchange(devnet, [mine, call("eth_blockNumber")])) == 1
    assert devnet.handle("eth_blockNumber") == "0x4"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5_000, b'"\\"[' * 100]
)
def test_what_is_not_json_is_a_parse_error(devnet: DevnetRpc, body: bytes) -> None:
    answer = json.loads(respond(devnet, body) or b"")
    assert answer["id"] is None
    assert answer["error"]["code"] in (PARSE_ERROR, INVALID_REQUEST)


def test_nesting_is_bounded_without_a_look_into_strings(devnet: DevnetRpc) -> None:
    def nested(depth: int) -> bytes:
        return b"[" * depth + b'"' + b'[\\"{' * 1_000 + b'"' + b"]" * depth

    deep = json.loads(respond(devnet, nested(MAX_DEPTH + 1)) or b"")
    assert deep["error"]["message"] == "arrays and objects may be nested 64 levels deep"
    (answer,) = json.loads(respond(devnet, nested(MAX_DEPTH)) or b"")
    assert answer["error"]["message"] == "a request is a JSON object"


@pytest.mark.parametrize("request_", [[], 1, "eth_chainId", None, {}, {"id": 1, "method": 3}])
def test_json_that_is_no_request(devnet: DevnetRpc, request_: object) -> None:
    assert exchange(devnet, request_)["error"]["code"] == INVALID_REQUEST


def test_a_batch_has_a_largest_size(devnet: DevnetRpc) -> None:
    assert len(exchange(devnet, [call("eth_chainId")] * MAX_BATCH)) == MAX_BATCH
    answer = exchange(devnet, [call("evm_mine")] * (MAX_BATCH + 1))
    assert answer["error"]["code"] == INVALID_REQUEST
    assert devnet.handle("eth_blockNumber") == "0x0"


def test_parameters_are_counted(devnet: DevnetRpc) -> None:
    for params in ([], ["0x" + "11" * 20, "latest", "extra"]):
        error = exchange(devnet, call("eth_getBalance", *params))["error"]
        assert error["code"] == INVALID_PARAMS
        assert "eth_getBalance: expected 1 to 2 parameters" in error["message"]


def test_parameters_by_name_are_refused(devnet: DevnetRpc) -> None:
    error = exchange(devnet, {"id": 1, "method": "eth_call", "params": {"to": "0x"}})["error"]
    assert error["code"] == INVALID_PARAMS


def test_trailing_nulls_are_absent_parameters(devnet: DevnetRpc) -> None:
    answer = exchange(devnet, call("eth_call", {"to": "0x" + "11" * 20}, "latest", None, None))
    assert answer["result"] == "0x"


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(method=st.sampled_from(open_devnet().methods), params=st.lists(JSON, max_size=3))
def test_no_parameters_bring_a_method_down(
    devnet: DevnetRpc, method: str, params: list[object]
) -> None:
    answer = exchange(devnet, call(method, *params))
    assert ("result" in answer) != ("error" in answer)
    assert answer.get("error", {}).get("code") != INTERNAL_ERROR


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(raw=st.binary(max_size=200))
def test_no_bytes_pass_for_a_transaction(devnet: DevnetRpc, raw: bytes) -> None:
    error = exchange(devnet, call("eth_sendRawTransaction", "0x" + raw.hex()))["error"]
    assert error["code"] not in (INTERNAL_ERROR, METHOD_NOT_FOUND)


def test_web3_batches(w3: Web3) -> None:
    account = w3.eth.accounts[0]
    with w3.batch_requests() as batch:
        batch.add(w3.eth.get_block("latest"))
        batch.add(w3.eth.get_balance(account))
        block, balance = batch.execute()
    assert block["number"] == 0
    assert balance == 10_000 * 10**18


def test_an_unknown_method_is_named(w3: Web3) -> None:
    answer = w3.provider.make_request("eth_sign", [])
    assert answer["error"] == {"code": METHOD_NOT_FOUND, "message": "method not found: eth_sign"}


def test_a_provider_says_that_it_is_connected(devnet: DevnetRpc) -> None:
    provider = DevnetProvider(devnet)
    assert provider.is_connected()
    assert Web3(provider).client_version.startswith("moemarket-devnet/")


def test_web3_raises_what_the_node_says(w3: Web3) -> None:
    with pytest.raises(Web3RPCError, match="block not found: number 99, newest is 0"):
        w3.eth.get_balance(w3.eth.accounts[0], 99)
