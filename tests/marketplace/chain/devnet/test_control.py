from __future__ import annotations

from collections.abc import Callable

import pytest
from web3 import Web3
from web3.contract import Contract
from web3.types import TxReceipt

from marketplace.chain.devnet import DevnetRpc, open_devnet
from marketplace.chain.devnet.rpc_errors import RpcError

Transfer = Callable[[Web3], TxReceipt]


def head(devnet: DevnetRpc) -> dict[str, str]:
    block = devnet.handle("eth_getBlockByNumber", ["latest"])
    assert isinstance(block, dict)
    return {key: str(item) for key, item in block.items()}


def test_blocks_carry_the_wall_clock() -> None:
    wall = 1_700_000_000.0
    devnet = open_devnet(now=lambda: wall)
    assert int(head(devnet)["timestamp"], 16) == wall
    wall += 90
    devnet.handle("evm_mine")
    assert int(head(devnet)["timestamp"], 16) == wall


def test_time_moves_by_what_is_asked(devnet: DevnetRpc) -> None:
    for _ in range(3):
        before = int(head(devnet)["timestamp"], 16)
        devnet.handle("evm_increaseTime", [3_600])
        devnet.handle("evm_mine")
        assert int(head(devnet)["timestamp"], 16) >= before + 3_600


def test_a_timestamp_may_be_set_only_after_the_newest(devnet: DevnetRpc) -> None:
    newest = int(head(devnet)["timestamp"], 16)
    for moment in (0, newest):
        for method in ("evm_setNextBlockTimestamp", "evm_mine"):
            with pytest.raises(RpcError, match="is not after the newest block's"):
                devnet.handle(method, [moment])
    devnet.handle("evm_setNextBlockTimestamp", [newest + 1])
    devnet.handle("evm_mine")
    assert int(head(devnet)["timestamp"], 16) == newest + 1


def test_many_blocks_are_mined_in_one_request(devnet: DevnetRpc) -> None:
    newest = int(head(devnet)["timestamp"], 16)
    devnet.handle("evm_mine", [{"blocks": 5, "timestamp": newest + 100}])
    assert devnet.handle("eth_blockNumber") == "0x5"
    assert int(head(devnet)["timestamp"], 16) >= newest + 104
    with pytest.raises(RpcError, match="blocks: 1000000 is outside"):
        devnet.handle("evm_mine", [{"blocks": 1_000_000}])


@pytest.mark.parametrize("seconds", [-1, "soon", 2**60, None])
def test_time_moves_forward_by_a_sane_amount(devnet: DevnetRpc, seconds: object) -> None:
    with pytest.raises(RpcError):
        devnet.handle("evm_increaseTime", [seconds])


def test_a_revert_undoes_everything_since_the_snapshot(
    w3: Web3, deploy: Callable[[Web3], Contract], transfer: Transfer
) -> None:
    ask = w3.provider.make_request
    probe = deploy(w3)
    probe.functions.note(1, 1).transact({"from": w3.eth.accounts[0]})
    before = w3.eth.get_block("latest", full_transactions=True)
    snapshot = ask("evm_snapshot", [])["result"]
    probe.functions.note(1, 2).transact({"from": w3.eth.accounts[0]})
    ask("evm_increaseTime", [10_000])
    undone = transfer(w3)
    assert ask("evm_revert", [snapshot])["result"] is True

    assert w3.eth.get_block("latest", full_transactions=True) == before
    assert probe.functions.values(1).call() == 1
    assert len(w3.eth.get_logs({"fromBlock": 0, "toBlock": 100})) == 1
    for method in ("eth_getTransactionByHash", "eth_getTransactionReceipt"):
        assert ask(method, [undone["transactionHash"].to_0x_hex()])["result"] is None
    assert ask("eth_getBlockByHash", [undone["blockHash"].to_0x_hex(), False])["result"] is None
    again = transfer(w3)
    assert again["blockNumber"] == before["number"] + 1
    assert w3.eth.get_block("latest")["timestamp"] < before["timestamp"] + 10_000


def test_snapshots_nest_and_are_used_up(devnet: DevnetRpc) -> None:
    first = devnet.handle("evm_snapshot")
    devnet.handle("evm_mine")
    second = devnet.handle("evm_snapshot")
    devnet.handle("evm_mine")
    third = devnet.handle("evm_snapshot")
    assert len({first, second, third}) == 3
    assert devnet.handle("evm_revert", [second]) is True
    assert devnet.handle("eth_blockNumber") == "0x1"
    assert devnet.handle("evm_revert", [second]) is False
    assert devnet.handle("evm_revert", [third]) is False
    assert devnet.handle("evm_revert", [first]) is True
    assert devnet.handle("eth_blockNumber") == "0x0"
    assert devnet.handle("evm_snapshot") not in (first, second, third)


def test_randomness_differs_by_block_and_repeats_by_run() -> None:
    """PREVRANDAO is predictable here, so that a run can be repeated."""
    runs = []
    for _ in range(2):
        devnet = open_devnet(now=lambda: 1_700_000_000)
        devnet.handle("evm_mine", [{"blocks": 3}])
        blocks = [devnet.handle("eth_getBlockByNumber", [n]) for n in (1, 2, 3)]
        runs.append([block["mixHash"] for block in blocks if isinstance(block, dict)])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 3
