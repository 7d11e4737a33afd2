"""eth_getLogs against a search by hand, for filters of every form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3RPCError

from marketplace.chain.compilation import Artifact
from marketplace.chain.devnet import DevnetProvider, DevnetRpc, open_devnet
from marketplace.chain.devnet.rpc_errors import RpcError

Deploy = Callable[[Web3], Contract]

NOTED = Web3.keccak(text="Noted(uint256,address,uint256)").to_0x_hex()
MARKED = Web3.keccak(text="Marked(bytes32)").to_0x_hex()
MARK = "0x" + "0a" * 32
ELSEWHERE = "0x" + "77" * 20
LAST_BLOCK = 12


def word(number: int) -> str:
    return f"0x{number:064x}"


@pytest.fixture(scope="module")
def noisy(probe_artifact: Artifact) -> DevnetRpc:
    """A chain of `LAST_BLOCK` blocks with logs of two contracts, and silent blocks."""
    rpc = open_devnet()
    w3 = Web3(DevnetProvider(rpc))
    senders = w3.eth.accounts[:3]
    probes = []
    for _ in range(2):
        factory = w3.eth.contract(abi=probe_artifact.abi, bytecode=probe_artifact.bytecode)
        sent = factory.constructor().transact({"from": senders[0]})
        address = w3.eth.get_transaction_receipt(sent)["contractAddress"]
        probes.append(w3.eth.contract(address=address, abi=probe_artifact.abi))
    for step in range(LAST_BLOCK - 2):
        probe, sender = probes[step % 2], senders[step % 3]
        if step % 4 == 3:
            rpc.handle("evm_mine")
        elif step % 2:
            probe.functions.noteTwice(step % 3, bytes.fromhex(MARK[2:])).transact({"from": sender})
        else:
            probe.functions.note(step % 3, step).transact({"from": sender})
    return rpc


def all_logs(rpc: DevnetRpc) -> list[dict[str, Any]]:
    receipts = [rpc.handle("eth_getBlockReceipts", [n]) for n in range(LAST_BLOCK + 1)]
    return [log for block in receipts for receipt in block for log in receipt["logs"]]


def wanted_by_hand(log: dict[str, Any], criteria: dict[str, Any], height: int) -> bool:
    """Decide as the specification words it, without blooms or sets."""
    number = int(log["blockNumber"], 16)
    if not criteria["fromBlock"] <= number <= min(criteria["toBlock"], height):
        return False
    addresses = criteria.get("address") or log["address"]
    if log["address"] != addresses and log["address"] not in addresses:
        return False
    topics = criteria.get("topics") or []
    if len(topics) > len(log["topics"]):
        return False
    for wanted, topic in zip(topics, log["topics"], strict=False):
        if isinstance(wanted, str) and topic != wanted:
            return False
        if isinstance(wanted, list) and wanted and None not in wanted and topic not in wanted:
            return False
    return True


@pytest.fixture(scope="module")
def emitters(noisy: DevnetRpc) -> list[str]:
    return sorted({log["address"] for log in all_logs(noisy)})


@settings(max_examples=200, deadline=None)
@given(choose=st.data())
def test_get_logs_finds_what_a_search_by_hand_finds(
    noisy: DevnetRpc, emitters: list[str], choose: st.DataObject
) -> None:
    addresses = st.sampled_from([*emitters, ELSEWHERE])
    values = st.sampled_from([NOTED, MARKED, MARK, word(0), word(1), word(2)])
    position = st.none() | values | st.lists(values | st.none(), max_size=3)
    criteria = choose.draw(
        st.fixed_dictionaries(
            {
                "fromBlock": st.integers(0, LAST_BLOCK + 2),
                "toBlock": st.integers(0, LAST_BLOCK + 2),
            },
            optional={
                "address": st.none() | addresses | st.lists(addresses, max_size=3),
                "topics": st.none() | st.lists(position, max_size=4),
            },
        )
    )
    expected = [log for log in all_logs(noisy) if wanted_by_hand(log, criteria, LAST_BLOCK)]
    assert noisy.handle("eth_getLogs", [criteria]) == expected


def test_the_search_by_hand_has_something_to_find(noisy: DevnetRpc, emitters: list[str]) -> None:
    assert len(emitters) == 2
    assert {log["topics"][0] for log in all_logs(noisy)} == {NOTED, MARKED}


def test_logs_of_one_block_by_its_hash(noisy: DevnetRpc) -> None:
    for block in range(LAST_BLOCK + 1):
        header = noisy.handle("eth_getBlockByNumber", [block])
        assert isinstance(header, dict)
        found = noisy.handle("eth_getLogs", [{"blockHash": header["hash"]}])
        assert found == noisy.handle("eth_getLogs", [{"fromBlock": block, "toBlock": block}])


def test_without_a_range_the_newest_block_is_searched(noisy: DevnetRpc) -> None:
    latest = noisy.handle("eth_getLogs", [{"fromBlock": "latest", "toBlock": "latest"}])
    assert noisy.handle("eth_getLogs", [{}]) == latest


@pytest.mark.parametrize(
    ("criteria", "message"),
    [
        ({"blockHash": "0x" + "00" * 32}, "unknown block"),
        ({"blockHash": "0x" + "00" * 32, "fromBlock": "0x0"}, "can't be combined"),
        ({"topics": [None] * 5}, "at most 4 positions"),
        ({"topics": ["0x12"]}, "topics: expected 32 bytes"),
        ({"topics": MARK}, "topics: expected an array"),
        ({"address": "0x12"}, "address: expected 20 bytes"),
        ({"fromBlock": MARK}, "fromBlock: expected a number or a tag"),
        ({"toBlock": "tomorrow"}, "toBlock: expected"),
        ("everything", "filter: expected an object"),
    ],
)
def test_malformed_filters_are_refused(noisy: DevnetRpc, criteria: object, message: str) -> None:
    with pytest.raises(RpcError, match=message):
        noisy.handle("eth_getLogs", [criteria])


def test_events_are_found_through_web3(w3: Web3, deploy: Deploy) -> None:
    probe, other = deploy(w3), deploy(w3)
    sender = w3.eth.accounts[0]
    for topic in (1, 2, 1):
        probe.functions.note(topic, topic * 10).transact({"from": sender})
    other.functions.note(1, 99).transact({"from": sender})
    events = probe.events.Noted().get_logs(from_block=0, argument_filters={"topic": 1})
    assert [event["args"]["value"] for event in events] == [10, 10]
    both = w3.eth.get_logs(
        {"fromBlock": 0, "address": [probe.address, other.address], "topics": [[NOTED, MARKED]]}
    )
    assert len(both) == 4


def test_a_log_filter_reports_each_log_once(w3: Web3, deploy: Deploy) -> None:
    probe = deploy(w3)
    sender = w3.eth.accounts[0]
    probe.functions.note(1, 1).transact({"from": sender})
    poll = probe.events.Noted().create_filter(from_block=0)
    assert poll.get_new_entries() == []
    assert [event["args"]["value"] for event in poll.get_all_entries()] == [1]
    probe.functions.note(1, 2).transact({"from": sender})
    probe.functions.noteTwice(1, b"\x01" * 32).transact({"from": sender})
    assert [event["args"]["value"] for event in poll.get_new_entries()] == [2, 1]
    assert poll.get_new_entries() == []


def test_a_block_filter_reports_each_block_once(w3: Web3) -> None:
    poll = w3.eth.filter("latest")
    for _ in range(2):
        w3.provider.make_request("evm_mine", [])
    assert poll.get_new_entries() == [w3.eth.get_block(n)["hash"] for n in (1, 2)]
    assert poll.get_new_entries() == []
    assert w3.eth.uninstall_filter(poll.filter_id)
    with pytest.raises(Web3RPCError, match="filter not found"):
        poll.get_new_entries()


def test_a_filter_looks_ahead_and_of_one_kind(devnet: DevnetRpc) -> None:
    with pytest.raises(RpcError, match="a filter looks at blocks to come"):
        devnet.handle("eth_newFilter", [{"blockHash": "0x" + "00" * 32}])
    poll = devnet.handle("eth_newBlockFilter")
    with pytest.raises(RpcError, match="is for blocks, and has no logs"):
        devnet.handle("eth_getFilterLogs", [poll])


def test_a_filter_survives_a_revert(devnet: DevnetRpc) -> None:
    snapshot = devnet.handle("evm_snapshot")
    poll = devnet.handle("eth_newBlockFilter")
    devnet.handle("evm_mine", [{"blocks": 3}])
    assert len(list(devnet.handle("eth_getFilterChanges", [poll]) or [])) == 3
    devnet.handle("evm_revert", [snapshot])
    assert devnet.handle("eth_getFilterChanges", [poll]) == []
    devnet.handle("evm_mine")
    assert len(list(devnet.handle("eth_getFilterChanges", [poll]) or [])) == 1


def test_forgotten_filters_do_not_pile_up(devnet: DevnetRpc) -> None:
    first = devnet.handle("eth_newBlockFilter")
    for _ in range(1024):
        newest = devnet.handle("eth_newBlockFilter")
    assert devnet.handle("eth_uninstallFilter", [newest]) is True
    assert devnet.handle("eth_uninstallFilter", [first]) is False
