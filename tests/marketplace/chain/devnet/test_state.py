from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3 import Web3
from web3.contract import Contract

from marketplace.chain.devnet import DevnetProvider, DevnetRpc, open_devnet
from marketplace.chain.devnet.rpc_errors import RpcError
from marketplace.chain.devnet.state import ChainSnapshot, read_state, write_state
from marketplace.protocol.errors import ConfigurationError

Deploy = Callable[[Web3], Contract]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "devnet.chain"


@pytest.fixture
def used(devnet: DevnetRpc, deploy: Deploy) -> tuple[DevnetRpc, Contract]:
    """A chain on which things have happened, and the contract they happened to."""
    w3 = Web3(DevnetProvider(devnet))
    probe = deploy(w3)
    probe.functions.note(4, 2).transact({"from": w3.eth.accounts[0]})
    return devnet, probe


def everything(devnet: DevnetRpc) -> list[object]:
    """Return all blocks, transactions and receipts."""
    height = int(str(devnet.handle("eth_blockNumber")), 16)
    return [
        devnet.handle(method, params)
        for number in range(height + 1)
        for method, params in (
            ("eth_getBlockByNumber", [number, True]),
            ("eth_getBlockReceipts", [number]),
        )
    ]


def test_a_restored_chain_is_the_same_chain(used: tuple[DevnetRpc, Contract], path: Path) -> None:
    devnet, probe = used
    assert devnet.save(path) == path
    restored = open_devnet(path)
    assert everything(restored) == everything(devnet)
    w3 = Web3(DevnetProvider(restored))
    assert w3.eth.get_code(probe.address) != b""
    again = w3.eth.contract(address=probe.address, abi=probe.abi)
    assert again.functions.values(4).call() == 2
    assert len(again.events.Noted().get_logs(from_block=0)) == 1


def test_a_restored_chain_goes_on(used: tuple[DevnetRpc, Contract], path: Path) -> None:
    devnet, probe = used
    head = devnet.handle("eth_getBlockByNumber", ["latest"])
    devnet.save(path)
    restored = open_devnet(path)
    w3 = Web3(DevnetProvider(restored))
    sent = (
        w3.eth.contract(address=probe.address, abi=probe.abi)
        .functions.note(4, 3)
        .transact({"from": restored.accounts[0].address})
    )
    receipt = w3.eth.wait_for_transaction_receipt(sent)
    assert isinstance(head, dict)
    assert w3.eth.get_block(receipt["blockNumber"])["parentHash"].to_0x_hex() == head["hash"]
    restored.save()
    assert everything(open_devnet(path)) == everything(restored)


def test_time_travel_survives_a_restart(path: Path) -> None:
    wall = 1_700_000_000
    devnet = open_devnet(path, now=lambda: wall)
    devnet.handle("evm_increaseTime", [1_000_000])
    devnet.save()
    restored = open_devnet(path, now=lambda: wall + 50)
    restored.handle("evm_mine")
    block = restored.handle("eth_getBlockByNumber", ["latest"])
    assert isinstance(block, dict)
    assert block["timestamp"] == hex(wall + 50 + 1_000_000)

    restored.handle("evm_setNextBlockTimestamp", [wall + 2_000_000])
    restored.save()
    pinned = open_devnet(path, now=lambda: wall)
    pinned.handle("evm_mine")
    block = pinned.handle("eth_getBlockByNumber", ["latest"])
    assert isinstance(block, dict)
    assert block["timestamp"] == hex(wall + 2_000_000)


def test_saving_writes_only_what_changed(path: Path) -> None:
    devnet = open_devnet(path)
    assert devnet.save_if_changed() is True
    assert devnet.save_if_changed() is False
    devnet.handle("evm_mine")
    assert devnet.save_if_changed() is True
    devnet.handle("evm_increaseTime", [5])
    assert devnet.save_if_changed() is True
    assert devnet.save_if_changed() is False


def test_a_copy_elsewhere_does_not_count_as_saved(path: Path, tmp_path: Path) -> None:
    devnet = open_devnet(path)
    devnet.save(tmp_path / "copy.chain")
    assert devnet.save_if_changed() is True
    assert open_devnet(tmp_path / "copy.chain").handle("eth_blockNumber") == "0x0"


def test_a_client_saves_to_the_state_file_only(path: Path, devnet: DevnetRpc) -> None:
    served = open_devnet(path)
    served.handle("evm_mine")
    assert served.handle("devnet_save") == str(path)
    assert open_devnet(path).handle("eth_blockNumber") == "0x1"
    with pytest.raises(RpcError, match="expected 0 parameters"):
        served.handle("devnet_save", ["/tmp/elsewhere"])  # noqa: S108  # it must not be written
    with pytest.raises(RpcError, match="this devnet has no state file"):
        devnet.handle("devnet_save")
    with pytest.raises(ConfigurationError, match="this devnet has no state file"):
        devnet.save()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    entries=st.dictionaries(st.binary(max_size=40), st.binary(max_size=200), max_size=10),
    head=st.binary(min_size=32, max_size=32),
    offset=st.integers(-(2**40), 2**40),
    pinned=st.none() | st.integers(0, 2**64 - 1),
)
def test_any_snapshot_is_read_as_it_was_written(
    path: Path, entries: dict[bytes, bytes], head: bytes, offset: int, pinned: int | None
) -> None:
    snapshot = ChainSnapshot(entries, head, offset, pinned)
    write_state(path, snapshot)
    assert read_state(path) == snapshot


@pytest.fixture(scope="module")
def intact(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("state") / "intact.chain"
    open_devnet().save(path)
    return path.read_bytes()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(choose=st.data())
def test_a_changed_byte_is_noticed(path: Path, intact: bytes, choose: st.DataObject) -> None:
    position = choose.draw(st.integers(0, len(intact) - 1))
    change = choose.draw(st.integers(1, 255))
    damaged = bytearray(intact)
    damaged[position] ^= change
    path.write_bytes(damaged)
    with pytest.raises(ConfigurationError, match=r"devnet\.chain"):
        read_state(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(choose=st.data())
def test_a_cut_file_is_noticed(path: Path, intact: bytes, choose: st.DataObject) -> None:
    path.write_bytes(intact[: choose.draw(st.integers(0, len(intact) - 1))])
    with pytest.raises(ConfigurationError):
        read_state(path)


def test_a_foreign_file_is_left_as_it_is(path: Path) -> None:
    path.write_text("notes of mine\n")
    with pytest.raises(ConfigurationError, match="is not a state file of a devnet"):
        open_devnet(path)
    assert path.read_text() == "notes of mine\n"


def test_a_later_format_is_named(path: Path, intact: bytes) -> None:
    path.write_bytes(intact.replace(b"moemarket-devnet/1", b"moemarket-devnet/2", 1))
    with pytest.raises(ConfigurationError, match="has format 2, and this program reads format 1"):
        open_devnet(path)


def test_a_store_without_its_chain_is_refused(path: Path) -> None:
    write_state(path, ChainSnapshot({b"key": b"value"}, b"\x01" * 32, 0, None))
    with pytest.raises(ConfigurationError, match="holds no chain with head 0x0101"):
        open_devnet(path)


def test_a_head_that_is_another_is_refused(path: Path, devnet: DevnetRpc) -> None:
    devnet.save(path)
    snapshot = read_state(path)
    write_state(path, ChainSnapshot(snapshot.entries, b"\x01" * 32, 0, None))
    with pytest.raises(ConfigurationError, match="holds no chain with head 0x0101"):
        open_devnet(path)


@pytest.mark.parametrize("place", ["missing/devnet.chain", "a-file/devnet.chain"])
def test_a_place_that_cannot_be_written_is_named(
    devnet: DevnetRpc, tmp_path: Path, place: str
) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(ConfigurationError, match="can't be written"):
        devnet.save(tmp_path / place)


def test_a_missing_file_is_a_fresh_chain_or_an_error(path: Path) -> None:
    assert open_devnet(path).handle("eth_blockNumber") == "0x0"
    assert not path.exists()
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        open_devnet(path, create=False)


def test_a_directory_is_no_state_file(tmp_path: Path, devnet: DevnetRpc) -> None:
    with pytest.raises(ConfigurationError, match="can't be read"):
        open_devnet(tmp_path)
    with pytest.raises(ConfigurationError, match="can't be written"):
        devnet.save(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_no_other(
    used: tuple[DevnetRpc, Contract], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devnet, _ = used
    open_devnet().save(path)
    before = path.read_bytes()

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        devnet.save(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_no_private_key_is_written(used: tuple[DevnetRpc, Contract], path: Path) -> None:
    devnet, _ = used
    devnet.save(path)
    content = path.read_bytes()
    for account in devnet.accounts:
        assert bytes(account.key) not in content


def test_the_second_line_says_what_the_file_holds(devnet: DevnetRpc, path: Path) -> None:
    devnet.save(path)
    head = devnet.handle("eth_getBlockByNumber", ["latest"])
    about = json.loads(path.read_bytes().split(b"\n", 2)[1])
    assert isinstance(head, dict)
    assert "0x" + about["head"] == head["hash"]
    assert about["chainId"] == 31337
