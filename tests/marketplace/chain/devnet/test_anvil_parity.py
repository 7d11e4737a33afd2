"""Answers have Anvil's shape: the same fields of the same type, the same gas, the same codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from web3 import HTTPProvider, Web3
from web3.contract import Contract

from marketplace.chain.devnet import DevnetProvider, open_devnet
from marketplace.chain.devnet.accounts import well_known_accounts

pytestmark = pytest.mark.anvil

# Anvil adds these to what the specification lists.
ANVIL_EXTRAS = {"blockTimestamp", "blobGasPrice"}

ALICE = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
BOB = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8"
NOWHERE = "0x" + "11" * 32


@pytest.fixture
def chains(anvil_url: str) -> tuple[Web3, Web3]:
    return Web3(DevnetProvider(open_devnet())), Web3(HTTPProvider(anvil_url))


def ask(w3: Web3, method: str, params: Sequence[object]) -> Any:
    """Return the response as it came, without web3's formatting."""
    return w3.provider.make_request(method, params)


SIGNATURE = {"r", "s"}  # numbers without leading zeros: now and then a digit shorter
LEFT_OUT = ANVIL_EXTRAS | SIGNATURE


def shape(value: Any) -> Any:
    """Replace each leaf by what kind of JSON value it is."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items() if key not in LEFT_OUT}
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, str) and value.startswith("0x"):
        return "hex" if len(value) not in (42, 66, 514) else f"hex of {len(value)}"
    return type(value).__name__


def both_shapes(chains: tuple[Web3, Web3], method: str, *params: object) -> list[Any]:
    return [shape(ask(chain, method, params)["result"]) for chain in chains]


def test_accounts_and_chain_id_are_the_same(chains: tuple[Web3, Web3]) -> None:
    ours, anvil = (ask(chain, "eth_accounts", [])["result"] for chain in chains)
    assert ours[: len(anvil)] == anvil
    for method in ("eth_chainId", "net_version", "eth_syncing", "net_listening"):
        ours, anvil = (ask(chain, method, [])["result"] for chain in chains)
        assert ours == anvil


@pytest.mark.parametrize("kind", ["legacy", "access list", "dynamic fee"])
def test_transactions_receipts_and_blocks(chains: tuple[Web3, Web3], kind: str) -> None:
    fields: dict[str, object] = {"from": ALICE, "to": BOB, "value": "0x1", "gas": "0x8000"}
    if kind == "legacy":
        fields["gasPrice"] = hex(10**10)
    elif kind == "access list":
        fields["gasPrice"] = hex(10**10)
        fields["accessList"] = [{"address": BOB, "storageKeys": [NOWHERE]}]
    hashes = [ask(chain, "eth_sendTransaction", [fields])["result"] for chain in chains]
    blocks = []
    for chain, sent in zip(chains, hashes, strict=True):
        blocks.append(chain.eth.wait_for_transaction_receipt(sent)["blockHash"].to_0x_hex())
    for method in ("eth_getTransactionByHash", "eth_getTransactionReceipt"):
        ours, anvil = (
            shape(ask(chain, method, [sent])["result"])
            for chain, sent in zip(chains, hashes, strict=True)
        )
        assert ours == anvil
    ours, anvil = (
        shape(ask(chain, "eth_getBlockByHash", [block, True])["result"])
        for chain, block in zip(chains, blocks, strict=True)
    )
    assert ours == anvil


def test_an_account_takes_code_of_a_contract(
    chains: tuple[Web3, Web3], deploy: Callable[[Web3], Contract]
) -> None:
    """EIP-7702: a transaction of type 4 makes an account behave as a contract."""
    sender, signer = well_known_accounts()[5:7]
    shapes = []
    for chain in chains:
        probe = deploy(chain)
        delegation = {
            "chainId": 31337,
            "address": probe.address,
            "nonce": chain.eth.get_transaction_count(signer.address),
        }
        fields = {
            "chainId": 31337,
            "nonce": chain.eth.get_transaction_count(sender.address),
            "to": signer.address,
            "value": 0,
            "gas": 200_000,
            "maxFeePerGas": 10**10,
            "maxPriorityFeePerGas": 10**9,
            "data": probe.functions.note(8, 9)._encode_transaction_data(),
            "authorizationList": [signer.sign_authorization(delegation)],
        }
        sent = chain.eth.send_raw_transaction(sender.sign_transaction(fields).raw_transaction)
        receipt = chain.eth.wait_for_transaction_receipt(sent)
        assert receipt["status"] == 1
        assert chain.eth.get_code(signer.address)[3:] == bytes.fromhex(probe.address[2:])
        delegated = chain.eth.contract(address=signer.address, abi=probe.abi)
        assert delegated.functions.values(8).call() == 9
        shown = ask(chain, "eth_getTransactionByHash", [sent.to_0x_hex()])["result"]
        shapes.append((shape(shown), receipt["gasUsed"]))
    assert shapes[0] == shapes[1]


def test_fee_answers(chains: tuple[Web3, Web3]) -> None:
    for method in ("eth_gasPrice", "eth_maxPriorityFeePerGas"):
        ours, anvil = both_shapes(chains, method)
        assert ours == anvil
    ours, anvil = (
        ask(chain, "eth_feeHistory", ["0x1", "latest", [25, 75]])["result"] for chain in chains
    )
    assert ours.keys() == anvil.keys()
    assert [len(ours[key]) for key in ours if key != "oldestBlock"] == [
        len(anvil[key]) for key in ours if key != "oldestBlock"
    ]


def test_logs(chains: tuple[Web3, Web3], deploy: Callable[[Web3], Contract]) -> None:
    shapes = []
    for chain in chains:
        probe = deploy(chain)
        sent = probe.functions.noteTwice(1, b"\x02" * 32).transact({"from": chain.eth.accounts[0]})
        block = chain.eth.wait_for_transaction_receipt(sent)["blockHash"].to_0x_hex()
        shapes.append(shape(ask(chain, "eth_getLogs", [{"blockHash": block}])["result"]))
    assert shapes[0] == shapes[1]


def test_gas_used_is_the_same(
    chains: tuple[Web3, Web3], deploy: Callable[[Web3], Contract]
) -> None:
    spent: list[list[int]] = []
    for chain in chains:
        probe = deploy(chain)
        steps = [
            probe.functions.note(1, 1),
            probe.functions.note(1, 0),
            probe.functions.noteTwice(3, b"\x01" * 32),
            probe.functions.fill(5),
            probe.functions.empty(),
            probe.functions.deepen(6),
        ]
        used = []
        for step in steps:
            sent = step.transact({"from": chain.eth.accounts[0], "gas": 1_000_000})
            used.append(chain.eth.wait_for_transaction_receipt(sent)["gasUsed"])
        sender, recipient = chain.eth.accounts[:2]
        sent = chain.eth.send_transaction(
            {"from": sender, "to": recipient, "data": b"\x01" * 3_000, "gas": 300_000}
        )
        used.append(chain.eth.wait_for_transaction_receipt(sent)["gasUsed"])
        spent.append(used)
    assert spent[0] == spent[1]


def test_estimates_differ_by_little(
    chains: tuple[Web3, Web3], deploy: Callable[[Web3], Contract]
) -> None:
    """Anvil stops its search early; ours must not be the higher one."""
    for step in ("note", "deepen"):
        ours, anvil = (
            getattr(deploy(chain).functions, step)(
                *([3, 4] if step == "note" else [4])
            ).estimate_gas({"from": chain.eth.accounts[0]})
            for chain in chains
        )
        assert 0.97 * anvil <= ours <= anvil


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_noSuchMethod", []),
        ("eth_getBalance", ["0x12", "latest"]),
        ("eth_getBalance", []),
        ("eth_getStorageAt", [ALICE, "zero", "latest"]),
        ("eth_getLogs", [{"blockHash": NOWHERE}]),
        ("eth_getFilterChanges", ["0x99"]),
        ("eth_sendRawTransaction", ["0x02ff"]),
        ("eth_sendTransaction", [{"from": "0x" + "11" * 20, "to": BOB}]),
        (
            "eth_sendTransaction",
            [{"from": ALICE, "to": BOB, "value": hex(10**30), "gas": "0x5208"}],
        ),
        (
            "eth_sendTransaction",
            [{"from": ALICE, "to": BOB, "maxFeePerGas": "0x1", "gas": "0x5208"}],
        ),
        ("eth_sendTransaction", [{"from": ALICE, "to": BOB, "chainId": "0x1"}]),
        ("evm_setNextBlockTimestamp", ["0x1"]),
        ("eth_call", [{"data": "0x5f5ffd"}, "latest"]),
    ],
)
def test_refusals_have_the_same_code(
    chains: tuple[Web3, Web3], method: str, params: list[object]
) -> None:
    ours, anvil = (ask(chain, method, params)["error"] for chain in chains)
    assert ours["code"] == anvil["code"]
    assert ours.get("data") == anvil.get("data")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("eth_getBlockByNumber", ["0xffffff", False]),
        ("eth_getBlockByHash", [NOWHERE, False]),
        ("eth_getTransactionByHash", [NOWHERE]),
        ("eth_getTransactionReceipt", [NOWHERE]),
        ("eth_getBlockReceipts", ["0xffffff"]),
        ("evm_revert", ["0xffff"]),
        ("eth_getCode", [ALICE, "latest"]),
        ("eth_getStorageAt", [ALICE, "0x0", "latest"]),
        ("eth_getTransactionCount", ["0x" + "12" * 20, "pending"]),
    ],
)
def test_absent_things_are_answered_alike(
    chains: tuple[Web3, Web3], method: str, params: list[object]
) -> None:
    ours, anvil = (ask(chain, method, params)["result"] for chain in chains)
    assert ours == anvil


def test_time_control_answers_alike(chains: tuple[Web3, Web3]) -> None:
    for chain in chains:
        snapshot = ask(chain, "evm_snapshot", [])["result"]
        before = chain.eth.block_number
        newest = chain.eth.get_block("latest")["timestamp"]
        pinned = newest + 1_000
        assert ask(chain, "evm_setNextBlockTimestamp", [pinned])["result"] is None
        assert ask(chain, "evm_mine", [])["result"] == "0x0"
        assert chain.eth.get_block("latest")["timestamp"] == pinned
        assert isinstance(ask(chain, "evm_increaseTime", [60])["result"], int)
        assert ask(chain, "evm_mine", [hex(pinned + 500)])["result"] == "0x0"
        assert chain.eth.get_block("latest")["timestamp"] == pinned + 500
        assert chain.eth.block_number == before + 2
        assert ask(chain, "evm_revert", [snapshot])["result"] is True
        assert chain.eth.block_number == before
        assert ask(chain, "evm_revert", [snapshot])["result"] is False
