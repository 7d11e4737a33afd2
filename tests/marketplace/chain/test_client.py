"""The chain client: what it does, and one clear line for everything that can go wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.types import RPCEndpoint, RPCResponse

from marketplace.chain import client
from marketplace.chain.client import Node, connect, wait_until_up
from marketplace.chain.deploy import Deployment
from marketplace.chain.devnet import CHAIN_ID, DevnetProvider, DevnetRpc
from marketplace.protocol.errors import (
    ChainError,
    ConfigurationError,
    InsufficientFunds,
    MarketError,
    NoContract,
    NodeUnreachable,
    TransactionReverted,
    WrongChain,
)
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI

Accounts = tuple[LocalAccount, ...]
NOBODY = "0x00000000000000000000000000000000000000AA"


def assert_one_line(error: MarketError, *words: str) -> None:
    """Check that a user sees a single line: cause with the offending values, and remedy."""
    assert "\n" not in str(error)
    assert error.cause
    assert error.remedy
    for word in words:
        assert word in error.cause


# ------------------------------------------------------------------- connecting


def test_a_node_tells_its_chain(devnet: DevnetRpc) -> None:
    assert Node(DevnetProvider(devnet)).chain_id == CHAIN_ID
    assert Node(DevnetProvider(devnet), chain_id=CHAIN_ID).chain_id == CHAIN_ID


def test_another_chain_than_expected_is_refused(devnet: DevnetRpc) -> None:
    with pytest.raises(WrongChain) as refusal:
        Node(DevnetProvider(devnet), chain_id=1)
    assert_one_line(refusal.value, str(CHAIN_ID), "not 1")


def test_no_node_at_the_endpoint(closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}"
    with pytest.raises(NodeUnreachable) as refusal:
        connect(url)
    assert_one_line(refusal.value, url)


def test_waiting_for_a_node_ends(closed_port: int) -> None:
    with pytest.raises(NodeUnreachable):
        wait_until_up(f"http://127.0.0.1:{closed_port}", seconds=0.1)


@pytest.mark.parametrize("url", ["", "localhost:8545", "ws://localhost:8545", "file:///etc/passwd"])
def test_an_endpoint_has_a_scheme_that_is_spoken_here(url: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        connect(url)
    assert_one_line(refusal.value, repr(url))


class NotANode(BaseHTTPRequestHandler):
    """Answers every request with the same bytes."""

    answer = b""
    status = 200

    def do_POST(self) -> None:  # http.server's own spelling
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, format: str, *arguments: object) -> None:  # as inherited
        pass


@pytest.fixture
def no_node() -> Iterator[str]:
    """URL of a web server that knows nothing of chains."""
    with HTTPServer(("127.0.0.1", 0), NotANode) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, b"<html>Welcome</html>"),
        (200, b""),
        (200, b"[]"),
        (200, b'"text"'),
        (200, b"null"),
        (200, b"{}"),
        (200, b'{"jsonrpc": "2.0", "id": 0, "result": null}'),
        (200, b'{"jsonrpc": "2.0", "id": 0, "result": "soon"}'),
        (503, b"overloaded"),
    ],
)
def test_what_is_no_node_is_named(
    no_node: str, monkeypatch: pytest.MonkeyPatch, status: int, answer: bytes
) -> None:
    monkeypatch.setattr(NotANode, "status", status)
    monkeypatch.setattr(NotANode, "answer", answer)
    with pytest.raises((ChainError, NodeUnreachable)) as refusal:
        connect(no_node)
    assert_one_line(refusal.value, no_node)


# ---------------------------------------------------------------------- sending


def test_a_transfer_moves_exactly_its_amount(node: Node, accounts: Accounts) -> None:
    before = node.balance(NOBODY)
    receipt = node.transfer(accounts[5], NOBODY, 12_345)
    assert receipt["status"] == 1
    assert node.balance(NOBODY) - before == 12_345


def test_gas_is_recorded_under_the_name_of_the_step(node: Node, accounts: Accounts) -> None:
    receipt = node.transfer(accounts[5], NOBODY, 1)
    record = node.gas_records[-1]
    assert (record.step, record.gas) == ("transfer", receipt["gasUsed"])
    assert record.transaction == "0x" + receipt["transactionHash"].hex()


def test_steps_have_the_functions_name_or_another(
    node: Node, accounts: Accounts, deployment: Deployment
) -> None:
    rules = node.contract("MarketRules", deployment.rules)
    pause = rules.functions.pauseRequests(False)
    node.send(accounts[0], pause)
    assert node.gas_records[-1].step == "pauseRequests"
    node.send(accounts[0], pause, step="open the market")
    assert node.gas_records[-1].step == "open the market"


def test_an_account_without_coins_is_told_so(node: Node, deployment: Deployment) -> None:
    poor = Account.from_key(b"\x11" * 32)
    registry = node.contract("ParticipantRegistry", deployment.registry)
    with pytest.raises(InsufficientFunds) as refusal:
        node.send(poor, registry.functions.publishEncryptionKey(b"\x01" * 32))
    assert_one_line(refusal.value, "can't pay")
    with pytest.raises(InsufficientFunds):
        node.transfer(poor, NOBODY, 1)
    with pytest.raises(InsufficientFunds):
        node.deploy(poor, "ParticipantRegistry", NATIVE, (1, 1, 1, 1))


def test_funds_can_be_required_beforehand(node: Node, accounts: Accounts) -> None:
    node.require_funds(accounts[5].address, WEI)
    with pytest.raises(InsufficientFunds) as refusal:
        node.require_funds("0x00000000000000000000000000000000000000bB", 15 * WEI // 10)
    assert_one_line(refusal.value, "0 ETH", "1.5 ETH")


def test_a_refusal_carries_its_reason_and_costs_nothing(
    node: Node, accounts: Accounts, deployment: Deployment
) -> None:
    registry = node.contract("ParticipantRegistry", deployment.registry)
    sent_before = node.web3.eth.get_transaction_count(accounts[6].address)
    with pytest.raises(TransactionReverted) as refusal:
        node.send(accounts[6], registry.functions.publishEncryptionKey(bytes(32)))
    assert refusal.value.reason == "ZeroKey()"
    assert refusal.value.transaction is None
    assert_one_line(refusal.value, "the encryption key is zero", "ZeroKey()")
    assert node.web3.eth.get_transaction_count(accounts[6].address) == sent_before


def test_a_view_is_refused_with_its_reason_too(node: Node, deployment: Deployment) -> None:
    rules = node.contract("MarketRules", deployment.rules)
    windows, word = (0,) * 7, bytes(32)
    request = (*[NATIVE] * 4, *[0] * 5, *[word] * 3, 0, False, word, word, 0, NATIVE, windows, word)
    with pytest.raises(TransactionReverted) as refusal:
        node.call(rules.functions.requireAllowed(request))
    assert refusal.value.reason == "InvalidRequest(broker)"


def test_a_contract_that_refuses_coins_is_named_as_the_one_who_refused(
    node: Node, accounts: Accounts, deployment: Deployment
) -> None:
    with pytest.raises(TransactionReverted) as refusal:
        node.transfer(accounts[5], deployment.market, 1)
    assert_one_line(refusal.value, "refused")


def test_a_constructors_refusal_is_decoded(node: Node, accounts: Accounts) -> None:
    rules = (accounts[0].address, accounts[1].address, accounts[2].address)
    with pytest.raises(TransactionReverted) as refusal:
        node.deploy(accounts[0], "MarketRules", *rules, 0, "0x" + "00" * 20, 0, 0, 0)
    assert refusal.value.reason == "ZeroTreasury()"


class Inattentive(DevnetProvider):
    """A node whose gas estimate misses that the transaction will revert.

    So it is when the chain changes between the estimate and the block.
    """

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        if method == "eth_estimateGas":
            return {"jsonrpc": "2.0", "id": 1, "result": hex(5_000_000)}
        return super().make_request(method, params)


def test_a_mined_revert_carries_its_transaction(devnet: DevnetRpc, accounts: Accounts) -> None:
    node = Node(Inattentive(devnet))
    registry = node.deploy(accounts[0], "ParticipantRegistry", NATIVE, (1, 1, 1, 1))
    with pytest.raises(TransactionReverted) as refusal:
        node.send(accounts[0], registry.functions.publishEncryptionKey(bytes(32)))
    transaction = refusal.value.transaction
    assert transaction is not None
    assert_one_line(refusal.value, transaction, "publishEncryptionKey")
    assert node.web3.eth.get_transaction_receipt(transaction)["status"] == 0  # type: ignore[arg-type]  # hex is fine


class Forgetful(DevnetProvider):
    """A node that takes transactions and never shows their receipts."""

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        if method == "eth_getTransactionReceipt":
            return {"jsonrpc": "2.0", "id": 1, "result": None}
        return super().make_request(method, params)


def test_a_transaction_that_is_not_mined_in_time_is_named(
    devnet: DevnetRpc, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RECEIPT_SECONDS", 0.01)
    with pytest.raises(ChainError) as refusal:
        Node(Forgetful(devnet)).transfer(accounts[0], NOBODY, 1)
    assert_one_line(refusal.value, "0x", "not mined")


# ---------------------------------------------------------------------- reading


def test_an_address_without_a_contract_is_named(node: Node) -> None:
    with pytest.raises(NoContract) as refusal:
        node.contract("ModelMarket", NOBODY)
    assert_one_line(refusal.value, NOBODY, str(CHAIN_ID))


def test_another_contract_at_the_address_is_no_crash(node: Node, deployment: Deployment) -> None:
    wrong = node.contract("ModelMarket", deployment.registry)
    with pytest.raises(ChainError) as refusal:
        node.call(wrong.functions.rules())
    assert_one_line(refusal.value)


def test_time_moves_on_a_development_chain(node: Node) -> None:
    before = node.now()
    node.advance_time(3_600)
    assert node.now() >= before + 3_600


class Production(DevnetProvider):
    """A node that knows nothing of time travel."""

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        if method.startswith("evm_"):
            method = RPCEndpoint("no_such_method")
        return super().make_request(method, params)


def test_time_does_not_move_elsewhere(devnet: DevnetRpc) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        Node(Production(devnet)).advance_time(1)
    assert_one_line(refusal.value, "evm_increaseTime")


def test_logs_answer_a_filter(node: Node, accounts: Accounts, deployment: Deployment) -> None:
    registry = node.contract("ParticipantRegistry", deployment.registry)
    receipt = node.send(accounts[7], registry.functions.publishEncryptionKey(b"\x07" * 32))
    question = {"address": registry.address, "fromBlock": receipt["blockNumber"]}
    (log,) = node.logs(question)
    assert log["transactionHash"] == receipt["transactionHash"]
