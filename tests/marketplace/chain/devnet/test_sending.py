from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import rlp
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3RPCError
from web3.types import TxParams, TxReceipt

from marketplace.chain.devnet import DevnetProvider, DevnetRpc
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.devnet.rpc_errors import RpcError

Transfer = Callable[[Web3], TxReceipt]


@pytest.fixture
def alice() -> LocalAccount:
    return well_known_accounts()[0]


def plain(**changes: object) -> TxParams:
    fields: TxParams = {
        "chainId": 31337,
        "nonce": 0,
        "to": "0x" + "22" * 20,
        "value": 1,
        "gas": 21_000,
        "maxFeePerGas": 2 * 10**9,
        "maxPriorityFeePerGas": 10**9,
    }
    return fields | changes  # type: ignore[return-value]  # tests put wrong fields in too


def test_each_transaction_is_sealed_at_once(w3: Web3, transfer: Transfer) -> None:
    for number in (1, 2, 3):
        receipt = transfer(w3)
        assert receipt["blockNumber"] == w3.eth.block_number == number
        assert receipt["transactionIndex"] == 0


def test_money_moves_and_none_appears(w3: Web3, alice: LocalAccount) -> None:
    recipient = Web3.to_checksum_address("0x" + "22" * 20)
    parties = [alice.address, recipient, "0x" + "00" * 20]
    before = sum(w3.eth.get_balance(party) for party in parties)
    signed = alice.sign_transaction(plain(value=10**18))
    receipt = w3.eth.wait_for_transaction_receipt(
        w3.eth.send_raw_transaction(signed.raw_transaction)
    )
    burnt = receipt["gasUsed"] * w3.eth.get_block(1)["baseFeePerGas"]
    assert w3.eth.get_balance(recipient) == 10**18
    assert sum(w3.eth.get_balance(party) for party in parties) == before - burnt
    paid = 10**18 + receipt["gasUsed"] * receipt["effectiveGasPrice"]
    assert w3.eth.get_balance(alice.address) == 10_000 * 10**18 - paid


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"nonce": 1}, "nonce too high: next nonce 0, tx nonce 1"),
        ({"gas": 20_999}, "intrinsic gas too low: have 20999, want 21000"),
        ({"gas": 30_000_001}, "exceeds block gas limit: have 30000001"),
        (
            {"value": 10_000 * 10**18},
            "insufficient funds for gas \\* price \\+ value: address 0xf39f",
        ),
        (
            {"maxFeePerGas": 1, "maxPriorityFeePerGas": 1},
            "max fee per gas less than block base fee",
        ),
        ({"maxPriorityFeePerGas": 3 * 10**9}, "max priority fee per gas higher"),
        ({"data": b"\x00" * 100}, "intrinsic gas too low"),
        (
            {"to": b"", "data": b"\x00" * 50_000, "gas": 10_000_000},
            "exceeds EIP-3860 limit of 49152",
        ),
    ],
)
def test_unfit_transactions_are_refused(
    w3: Web3, alice: LocalAccount, changes: dict[str, object], message: str
) -> None:
    raw = alice.sign_transaction(plain(**changes)).raw_transaction
    with pytest.raises(Web3RPCError, match=message) as refusal:
        w3.eth.send_raw_transaction(raw)
    assert refusal.value.rpc_response is not None
    assert refusal.value.rpc_response["error"]["code"] == -32003
    assert w3.eth.block_number == 0


def test_a_nonce_is_used_once(w3: Web3, alice: LocalAccount) -> None:
    raw = alice.sign_transaction(plain()).raw_transaction
    w3.eth.send_raw_transaction(raw)
    with pytest.raises(Web3RPCError, match="nonce too low: next nonce 1, tx nonce 0"):
        w3.eth.send_raw_transaction(raw)


def test_an_account_without_funds_cannot_send(w3: Web3) -> None:
    poor = w3.eth.account.from_key(b"\x07" * 32)
    raw = poor.sign_transaction(plain()).raw_transaction
    with pytest.raises(Web3RPCError, match="insufficient funds for gas"):
        w3.eth.send_raw_transaction(raw)


def test_blobs_are_refused_by_name(w3: Web3) -> None:
    with pytest.raises(Web3RPCError, match="blobs"):
        w3.eth.send_raw_transaction(b"\x03\xc0")


def test_a_damaged_signature_is_refused(devnet: DevnetRpc, alice: LocalAccount) -> None:
    """A random r recovers to a stranger without funds, or to nobody at all."""
    raw = alice.sign_transaction(plain()).raw_transaction
    *fields, _, s = rlp.decode(raw[1:])
    refusals = set()
    for r in (*range(1, 13), 2**256 - 1):
        damaged = b"\x02" + rlp.encode([*fields, r, s])
        with pytest.raises(RpcError) as refusal:
            devnet.handle("eth_sendRawTransaction", ["0x" + damaged.hex()])
        refusals.add(refusal.value.message.split(":")[0])
    assert "invalid signature" in refusals
    assert refusals <= {
        "invalid signature",
        "insufficient funds for gas * price + value",
        "raw transaction can't be decoded",
    }
    assert devnet.handle("eth_blockNumber") == "0x0"


def test_delegating_code_needs_a_recipient(devnet: DevnetRpc, alice: LocalAccount) -> None:
    authorization = {"chainId": 31337, "address": "0x" + "22" * 20, "nonce": 1}
    signed = alice.sign_authorization(authorization)
    fields = plain(authorizationList=[signed], gas=200_000)
    raw = alice.sign_transaction(fields).raw_transaction
    parts = rlp.decode(raw[1:])
    parts[5] = b""
    with pytest.raises(RpcError, match="can't be decoded"):
        devnet.handle("eth_sendRawTransaction", ["0x04" + rlp.encode(parts).hex()])
    assert devnet.handle("eth_blockNumber") == "0x0"


def test_the_node_signs_only_for_its_own_accounts(w3: Web3) -> None:
    stranger = Web3.to_checksum_address("0x" + "33" * 20)
    with pytest.raises(Web3RPCError, match="no key for 0x3333"):
        w3.eth.send_transaction({"from": stranger, "to": stranger, "gas": 21_000})
    answer = w3.provider.make_request("eth_sendTransaction", [{"to": stranger}])
    assert answer["error"]["message"] == "from: name the account that sends"


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, 2),
        ({"gasPrice": 10**10}, 0),
        ({"gasPrice": 10**10, "accessList": []}, 1),
        ({"maxFeePerGas": 5 * 10**9}, 2),
        ({"maxFeePerGas": 9 * 10**8}, 2),
        ({"maxPriorityFeePerGas": 7}, 2),
        ({"maxFeePerGas": 5 * 10**9, "maxPriorityFeePerGas": 0}, 2),
    ],
)
def test_the_node_fills_what_is_left_open(w3: Web3, fields: dict[str, object], kind: int) -> None:
    sender, recipient = w3.eth.accounts[:2]
    hexed = {key: hex(item) if isinstance(item, int) else item for key, item in fields.items()}
    request = {"from": sender, "to": recipient, "value": "0x5"} | hexed
    answer = w3.provider.make_request("eth_sendTransaction", [request])
    transaction = w3.eth.get_transaction(answer["result"])
    assert (transaction["type"], transaction["gas"], transaction["nonce"]) == (kind, 21_000, 0)
    for key, item in fields.items():
        assert transaction[key] == item


def test_two_threads_send_side_by_side(devnet: DevnetRpc, url: str) -> None:
    count = 25

    def send(w3: Web3, account: LocalAccount) -> int:
        receipts = []
        for nonce in range(count):
            raw = account.sign_transaction(plain(nonce=nonce)).raw_transaction
            receipts.append(w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(raw)))
        return sum(receipt["status"] for receipt in receipts)

    clients = [Web3(DevnetProvider(devnet)), Web3(HTTPProvider(url)), Web3(HTTPProvider(url))]
    with ThreadPoolExecutor(len(clients)) as threads:
        succeeded = list(threads.map(send, clients, devnet.accounts[: len(clients)]))
    assert succeeded == [count] * len(clients)
    assert devnet.handle("eth_blockNumber") == hex(count * len(clients))
    recipient = devnet.handle("eth_getBalance", ["0x" + "22" * 20])
    assert recipient == hex(count * len(clients))


def test_threads_may_share_an_account_that_the_node_signs_for(devnet: DevnetRpc) -> None:
    sender = devnet.accounts[0].address
    request = {"from": sender, "to": devnet.accounts[1].address, "value": "0x1"}
    with ThreadPoolExecutor(4) as threads:
        sent = threads.map(lambda _: devnet.handle("eth_sendTransaction", [request]), range(12))
        assert len(set(sent)) == 12
    assert devnet.handle("eth_getTransactionCount", [sender]) == "0xc"
