"""Gas estimates against the exhaustive search that py-evm ships."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from eth.estimators.gas import binary_gas_search_exact
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth.vm.spoof import SpoofTransaction
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3RPCError

from marketplace.chain.devnet import CHAIN_ID, DevnetProvider, DevnetRpc
from marketplace.chain.devnet.execution import estimate_gas, floor_gas
from marketplace.chain.devnet.transaction_request import transaction_request_of

Deploy = Callable[[Web3], Contract]


def exhaustive_search(devnet: DevnetRpc, sender: bytes, to: bytes, data: bytes) -> int:
    chain = devnet._backend.chain
    header = devnet._backend.pending_header()
    state = chain.get_vm(header.copy(base_fee_per_gas=0)).state
    unsigned = PragueTransactionBuilder.new_unsigned_dynamic_fee_transaction(
        chain_id=CHAIN_ID, nonce=state.get_nonce(sender), max_priority_fee_per_gas=0,
        max_fee_per_gas=0, gas=0, to=to, value=0, data=data, access_list=(),
    )  # fmt: skip
    return int(binary_gas_search_exact(state, SpoofTransaction(unsigned, from_=sender)))


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("note", [1, 2]),
        ("note", [1, 0]),
        ("noteTwice", [1, b"\x01" * 32]),
        ("fill", [4]),
        ("empty", []),
        ("deepen", [0]),
        ("deepen", [3]),
        ("deepen", [12]),
    ],
)
def test_estimates_equal_an_exhaustive_search(
    devnet: DevnetRpc, deploy: Deploy, function: str, arguments: list[object]
) -> None:
    w3 = Web3(DevnetProvider(devnet))
    probe = deploy(w3)
    probe.functions.fill(3).transact({"from": w3.eth.accounts[0]})
    call = probe.functions[function](*arguments)
    data = bytes.fromhex(call._encode_transaction_data()[2:])
    sender, to = (bytes.fromhex(a[2:]) for a in (w3.eth.accounts[0], probe.address))
    expected = exhaustive_search(devnet, sender, to, data)
    request = {"from": w3.eth.accounts[0], "to": probe.address, "data": "0x" + data.hex()}
    backend = devnet._backend
    found = estimate_gas(backend, transaction_request_of(request), backend.pending_header())
    assert found == max(expected, floor_gas(data))


def test_much_data_costs_at_least_the_floor(w3: Web3) -> None:
    sender, recipient = w3.eth.accounts[:2]
    data = b"\x01" * 1_000 + b"\x00" * 100
    floor = 21_000 + 10 * (4 * 1_000 + 100)
    fields = {"from": sender, "to": recipient, "data": data}
    assert w3.eth.estimate_gas(fields) == floor
    with pytest.raises(
        Web3RPCError, match=f"intrinsic gas too low: have {floor - 1}, want {floor}"
    ):
        w3.eth.send_transaction(fields | {"gas": floor - 1})
    sent = w3.eth.send_transaction(fields | {"gas": floor})
    assert w3.eth.wait_for_transaction_receipt(sent)["gasUsed"] == floor


def test_a_gas_limit_below_the_floor_is_named(w3: Web3) -> None:
    sender, recipient = w3.eth.accounts[:2]
    fields = {"from": sender, "to": recipient, "data": b"\x01" * 1_000, "gas": 50_000}
    with pytest.raises(Web3RPCError, match="gas required exceeds allowance"):
        w3.eth.estimate_gas(fields)


def test_too_much_init_code_is_refused_in_a_call_too(w3: Web3) -> None:
    with pytest.raises(Web3RPCError, match="exceeds EIP-3860 limit of 49152"):
        w3.eth.call({"from": w3.eth.accounts[0], "data": b"\x00" * 50_000})


def test_a_gas_limit_caps_the_estimate(w3: Web3, deploy: Deploy) -> None:
    probe = deploy(w3)
    call = probe.functions.fill(50)
    needed = call.estimate_gas({"from": w3.eth.accounts[0]})
    assert call.estimate_gas({"from": w3.eth.accounts[0], "gas": needed}) == needed
    with pytest.raises(Web3RPCError, match="OutOfGas"):
        call.estimate_gas({"from": w3.eth.accounts[0], "gas": needed - 1})
    with pytest.raises(Web3RPCError, match="intrinsic gas too low"):
        call.estimate_gas({"from": w3.eth.accounts[0], "gas": 20_000})


def test_a_call_needs_the_value_it_sends(w3: Web3) -> None:
    poor = Web3.to_checksum_address("0x" + "44" * 20)
    call = {"from": poor, "to": w3.eth.accounts[0], "value": 1}
    for ask in (w3.eth.call, w3.eth.estimate_gas):
        with pytest.raises(Web3RPCError, match="insufficient funds for transfer: have 0, want 1"):
            ask(call)


def test_a_call_leaves_no_trace(w3: Web3, deploy: Deploy) -> None:
    probe = deploy(w3)
    before = w3.eth.get_block("latest")
    probe.functions.note(1, 5).call({"from": w3.eth.accounts[0]})
    probe.functions.note(1, 5).estimate_gas({"from": w3.eth.accounts[0]})
    assert w3.eth.get_block("latest") == before
    assert probe.functions.values(1).call() == 0


def test_input_is_a_synonym_of_data(w3: Web3, deploy: Deploy) -> None:
    probe = deploy(w3)
    data = probe.functions.caller()._encode_transaction_data()
    ask = w3.provider.make_request
    by_data = ask("eth_call", [{"to": probe.address, "data": data}, "latest"])
    by_input = ask("eth_call", [{"to": probe.address, "input": data}, "latest"])
    assert by_data["result"] == by_input["result"] != "0x"
    both = {"to": probe.address, "input": data, "data": "0x"}
    assert "differ" in ask("eth_call", [both, "latest"])["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"chainId": "0x1"}, "this chain is 31337, not 1"),
        ({"gasPrice": "0x1", "maxFeePerGas": "0x1"}, "can't be combined"),
        ({"maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2"}, "is higher than"),
        ({"blobs": []}, "blobs: sign this transaction yourself"),
        ({"value": "1 ether"}, "value: expected"),
        ({"accessList": [{"address": "0x1"}]}, "accessList.address: expected"),
        ({"to": "vitalik.eth"}, "to: expected"),
    ],
)
def test_malformed_transactions_are_refused(
    w3: Web3, fields: dict[str, object], message: str
) -> None:
    for method in ("eth_call", "eth_estimateGas", "eth_sendTransaction"):
        answer = w3.provider.make_request(method, [{"from": w3.eth.accounts[0]} | fields])
        assert message in answer["error"]["message"]
        assert answer["error"]["code"] == -32602


def test_state_overrides_are_refused_rather_than_ignored(w3: Web3) -> None:
    overrides = {w3.eth.accounts[0]: {"balance": "0x0"}}
    answer = w3.provider.make_request("eth_call", [{}, "latest", overrides])
    assert "not supported" in answer["error"]["message"]


def test_a_call_as_deep_as_gas_allows_ends_in_an_answer(w3: Web3, deploy: Deploy) -> None:
    probe = deploy(w3)
    sender = w3.eth.accounts[0]
    for depth in (100, 1_024):
        answer = w3.provider.make_request(
            "eth_call",
            [
                {
                    "from": sender,
                    "to": probe.address,
                    "data": probe.functions.deepen(depth)._encode_transaction_data(),
                }
            ],
        )
        assert ("result" in answer) == (depth == 100)
