"""What a contract sees and does, on a devnet by both ways and on Anvil."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import (
    ContractCustomError,
    ContractLogicError,
    ContractPanicError,
    Web3RPCError,
)

Deploy = Callable[[Web3], Contract]


def test_a_transaction_changes_state_and_emits_its_event(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    sender = any_chain.eth.accounts[1]
    sent = probe.functions.note(7, 42).transact({"from": sender})
    receipt = any_chain.eth.wait_for_transaction_receipt(sent)
    (event,) = probe.events.Noted().process_receipt(receipt)
    assert receipt["status"] == 1
    assert dict(event["args"]) == {"topic": 7, "sender": sender, "value": 42}
    assert probe.functions.values(7).call() == 42


def test_custom_error_arrives_with_its_data(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    sender = any_chain.eth.accounts[3]
    with pytest.raises(ContractCustomError) as refusal:
        probe.functions.refuse(9).call({"from": sender})
    selector = Web3.keccak(text="Refused(uint256,address)")[:4].hex()
    arguments = f"{9:064x}{int(sender, 16):064x}"
    assert refusal.value.data == f"0x{selector}{arguments}"


def test_reason_string_arrives_as_message(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    with pytest.raises(ContractLogicError, match="execution reverted: for a reason"):
        probe.functions.explain().call()


def test_panic_arrives_as_panic(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    with pytest.raises(ContractPanicError, match="Division by zero"):
        probe.functions.divide(0).call()


def test_revert_without_data(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    with pytest.raises(ContractLogicError, match="execution reverted") as refusal:
        probe.functions.giveNothing().call()
    assert refusal.value.data == "0x"


def test_invalid_opcode_is_no_revert(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    with pytest.raises(Web3RPCError, match="Invalid"):
        probe.functions.burn().call()


def test_estimating_a_reverting_transaction_says_why(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    with pytest.raises(ContractCustomError):
        probe.functions.refuse(1).estimate_gas({"from": any_chain.eth.accounts[0]})


def test_a_reverting_transaction_is_mined_as_failed(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    sent = probe.functions.refuse(1).transact({"from": any_chain.eth.accounts[0], "gas": 100_000})
    receipt = any_chain.eth.wait_for_transaction_receipt(sent)
    assert receipt["status"] == 0
    assert receipt["logs"] == []
    assert 21_000 < receipt["gasUsed"] < 100_000


@pytest.mark.parametrize("depth", [0, 1, 5, 20])
def test_a_transaction_succeeds_with_exactly_its_estimate(
    any_chain: Web3, deploy: Deploy, depth: int
) -> None:
    probe = deploy(any_chain)
    sender = any_chain.eth.accounts[0]
    estimate = probe.functions.deepen(depth).estimate_gas({"from": sender})
    sent = probe.functions.deepen(depth).transact({"from": sender, "gas": estimate})
    assert any_chain.eth.wait_for_transaction_receipt(sent)["status"] == 1


def test_a_call_sees_the_block_that_it_names(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    latest = any_chain.eth.get_block("latest")
    number, time, chain_id, _ = probe.functions.surroundings().call(block_identifier="latest")
    assert (number, time, chain_id) == (latest["number"], latest["timestamp"], 31337)
    number, time, _, _ = probe.functions.surroundings().call(block_identifier="pending")
    assert number == latest["number"] + 1
    assert time >= latest["timestamp"]


def test_old_state_stays_readable(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    sender = any_chain.eth.accounts[0]
    blocks = []
    for value in (1, 2):
        sent = probe.functions.note(5, value).transact({"from": sender})
        blocks.append(any_chain.eth.wait_for_transaction_receipt(sent)["blockNumber"])
    assert [probe.functions.values(5).call(block_identifier=block) for block in blocks] == [1, 2]


def test_a_contract_waits_for_chain_time(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    sender = any_chain.eth.accounts[0]
    deadline = any_chain.eth.get_block("latest")["timestamp"] + 5_000
    with pytest.raises(ContractLogicError, match="too early"):
        probe.functions.onlyAfter(deadline).estimate_gas({"from": sender})
    # web3 estimates on the newest block, so that one has to be late enough.
    any_chain.provider.make_request("evm_increaseTime", [5_000])
    any_chain.provider.make_request("evm_mine", [])
    sent = probe.functions.onlyAfter(deadline).transact({"from": sender})
    receipt = any_chain.eth.wait_for_transaction_receipt(sent)
    sealed = any_chain.eth.get_block(receipt["blockNumber"])
    assert probe.functions.values(deadline).call() == sealed["timestamp"] >= deadline


def test_blockhash_is_the_parents(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    head = any_chain.eth.get_block("latest")
    assert probe.functions.parentHash().call(block_identifier="latest") == head["parentHash"]


def test_a_stranger_without_funds_can_read(any_chain: Web3, deploy: Deploy) -> None:
    probe = deploy(any_chain)
    stranger = any_chain.eth.account.from_key(b"\x05" * 32).address
    assert any_chain.eth.get_balance(stranger) == 0
    assert probe.functions.caller().call({"from": stranger}) == stranger
