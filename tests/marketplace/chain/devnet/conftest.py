"""A devnet behind HTTP, and a contract that shows what a chain does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import uvicorn
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.types import TxReceipt

from marketplace.chain.compilation import Artifact, compile_sources
from marketplace.chain.devnet import DevnetProvider, DevnetRpc, open_devnet
from marketplace.chain.devnet.app import create_app
from marketplace.chain.listening import listen
from marketplace.chain.solc import find_solc

_PROBE = Path(__file__).with_name("Probe.sol")


@pytest.fixture(scope="session")
def probe_artifact() -> Artifact:
    (artifact,) = compile_sources({_PROBE.name: _PROBE.read_text()}, {}, find_solc())
    return artifact


@pytest.fixture(params=["in process", "over HTTP"])
def w3(request: pytest.FixtureRequest) -> Iterator[Web3]:
    """A client of a fresh devnet, by both ways that lead to one."""
    rpc = open_devnet()
    if request.param == "in process":
        yield Web3(DevnetProvider(rpc))
    else:
        with served(rpc) as url:
            yield Web3(HTTPProvider(url))


@pytest.fixture(params=["in process", "over HTTP", pytest.param("anvil", marks=pytest.mark.anvil)])
def any_chain(request: pytest.FixtureRequest) -> Iterator[Web3]:
    """A client of a devnet or of Anvil; what holds for one should hold for the other."""
    if request.param == "anvil":
        yield Web3(HTTPProvider(request.getfixturevalue("anvil_url")))
    elif request.param == "in process":
        yield Web3(DevnetProvider(open_devnet()))
    else:
        with served(open_devnet()) as url:
            yield Web3(HTTPProvider(url))


@pytest.fixture
def serving() -> Callable[[DevnetRpc], AbstractContextManager[str]]:
    """A function that serves a devnet while a with statement lasts, and names its URL."""
    return served


@pytest.fixture
def url(devnet: DevnetRpc) -> Iterator[str]:
    """Where the `devnet` of the same test is served."""
    with served(devnet) as address:
        yield address


@pytest.fixture
def deploy(probe_artifact: Artifact) -> Callable[[Web3], Contract]:
    """A function that puts a new Probe on a chain."""

    def deploy_probe(w3: Web3) -> Contract:
        sender = w3.eth.accounts[0]
        factory = w3.eth.contract(abi=probe_artifact.abi, bytecode=probe_artifact.bytecode)
        receipt = w3.eth.wait_for_transaction_receipt(
            factory.constructor().transact({"from": sender})
        )
        address = receipt["contractAddress"]
        assert address is not None
        return w3.eth.contract(address=address, abi=probe_artifact.abi)

    return deploy_probe


@pytest.fixture
def transfer() -> Callable[[Web3], TxReceipt]:
    """A function that moves one wei between two well-known accounts."""

    def transfer_one_wei(w3: Web3) -> TxReceipt:
        sender, recipient = w3.eth.accounts[:2]
        sent = w3.eth.send_transaction({"from": sender, "to": recipient, "value": 1})
        return w3.eth.wait_for_transaction_receipt(sent)

    return transfer_one_wei


@contextmanager
def served(rpc: DevnetRpc) -> Iterator[str]:
    """Serve a devnet on a free port while the body runs."""
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(create_app(rpc), log_level="warning", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
