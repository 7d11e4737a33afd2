"""Who may talk to a served devnet, and what becomes of requests that are no JSON-RPC."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from marketplace.chain.devnet import DevnetRpc
from marketplace.chain.devnet.app import MAX_BODY_BYTES

CHAIN_ID = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"})
MINE = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "evm_mine"})
JSON = {"content-type": "application/json"}


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url) as http:
        yield http


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "http://localhost:5173",
        "http://127.0.0.1",
        "https://[::1]:8443",
        "chrome-extension://nkbihfbeogaeaoehlefnkodbefgpgknn",
        "moz-extension://1f1a9f4c-b0a5-4f2c-a3d0-0a2c5dd6a8f1",
    ],
)
def test_pages_and_wallets_of_this_machine_are_answered(
    client: httpx.Client, origin: str | None
) -> None:
    headers = JSON if origin is None else JSON | {"origin": origin}
    answer = client.post("/", content=CHAIN_ID, headers=headers)
    assert answer.json()["result"] == "0x7a69"
    assert answer.headers.get("access-control-allow-origin") == origin
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "http://evil.example#http://localhost",
        "null",
        "",
        "file://",
    ],
)
def test_pages_from_elsewhere_change_nothing(
    client: httpx.Client, devnet: DevnetRpc, origin: str
) -> None:
    for content_type in ("application/json", "text/plain"):
        headers = {"content-type": content_type, "origin": origin}
        answer = client.post("/", content=MINE, headers=headers)
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
        assert "is not on this machine" in answer.json()["error"]["message"]
    assert devnet.handle("eth_blockNumber") == "0x0"


@pytest.mark.parametrize("allowed", [True, False])
def test_browsers_ask_before_they_post(client: httpx.Client, allowed: bool) -> None:
    origin = "http://localhost:3000" if allowed else "https://evil.example"
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    answer = client.options("/", headers=asked | {"origin": origin})
    assert answer.status_code == (200 if allowed else 400)
    assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)


@pytest.mark.parametrize("host", ["localhost", "localhost:1234", "127.0.0.1:8545", "[::1]:8545"])
def test_loopback_hosts_are_answered(client: httpx.Client, host: str) -> None:
    answer = client.post("/", content=CHAIN_ID, headers=JSON | {"host": host})
    assert answer.json()["result"] == "0x7a69"


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "10.0.0.1:8545", "", "@"]
)
def test_names_that_were_rebound_are_refused(
    client: httpx.Client, devnet: DevnetRpc, host: str
) -> None:
    answer = client.post("/", content=MINE, headers=JSON | {"host": host})
    assert answer.status_code == 400
    assert devnet.handle("eth_blockNumber") == "0x0"


def test_a_request_has_a_largest_size(client: httpx.Client, devnet: DevnetRpc) -> None:
    fitting = MINE + " " * (MAX_BODY_BYTES - len(MINE))
    assert client.post("/", content=fitting, headers=JSON).json()["result"] == "0x0"
    answer = client.post("/", content=fitting + " ", headers=JSON)
    assert answer.status_code == 413
    assert "at most 5242880 bytes" in answer.json()["error"]["message"]
    assert devnet.handle("eth_blockNumber") == "0x1"


def test_a_body_of_unknown_length_is_bounded_too(client: httpx.Client) -> None:
    chunks = (b" " * 2**20 for _ in range(6))
    assert client.post("/", content=chunks, headers=JSON).status_code == 413


def test_a_notification_has_no_answer(client: httpx.Client, devnet: DevnetRpc) -> None:
    notification = json.dumps({"jsonrpc": "2.0", "method": "evm_mine"})
    answer = client.post("/", content=notification, headers=JSON)
    assert (answer.status_code, answer.content) == (204, b"")
    assert devnet.handle("eth_blockNumber") == "0x1"


def test_a_browser_is_told_what_this_is(client: httpx.Client) -> None:
    answer = client.get("/")
    assert "JSON-RPC" in answer.text
    assert client.get("/docs").status_code == 404
    assert client.get("/openapi.json").status_code == 404


def test_what_is_not_json_gets_an_error_object(client: httpx.Client) -> None:
    answer = client.post("/", content=b"hello", headers=JSON)
    assert answer.status_code == 200
    assert answer.json()["error"] == {"code": -32700, "message": "the body is not JSON"}
