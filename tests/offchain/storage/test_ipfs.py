"""The store in an IPFS daemon: daemons that are away, silent, or something else."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from marketplace.protocol.errors import (
    ConfigurationError,
    CorruptContent,
    MissingContent,
    StorageError,
    StoreUnreachable,
)
from offchain.storage import ipfs
from offchain.storage.cid import cid_of
from offchain.storage.ipfs import IpfsStore

CONTENT = b"hello world\n"


class Answer(BaseHTTPRequestHandler):
    """Answers every request with the server's one answer."""

    def do_POST(self) -> None:
        self.server.received = b"".join(self._chunks())
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _chunks(self) -> Iterator[bytes]:
        """Read a body of HTTP/1.1's chunked encoding, if one comes."""
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()

    def log_message(self, *arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def answering(server: ThreadingHTTPServer) -> Callable[[int, bytes], str]:
    """Let a server on loopback, which is no IPFS daemon, give an answer; returns its URL."""

    def answer(status: int, body: bytes) -> str:
        server.answer = (status, body)
        return f"http://127.0.0.1:{server.server_port}"

    return answer


def assert_unreachable(store: IpfsStore) -> None:
    cid = cid_of(CONTENT)
    for call in (lambda: store.get(cid), lambda: store.has(cid), lambda: store.put(CONTENT)):
        with pytest.raises(StoreUnreachable) as refusal:
            call()
        assert store.address in refusal.value.cause
        assert "start it" in refusal.value.remedy
        assert "\n" not in str(refusal.value)


def test_a_daemon_that_is_away_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert_unreachable(IpfsStore(f"http://127.0.0.1:{port}"))
    assert_unreachable(IpfsStore(f"ipfs:/ip4/127.0.0.1/tcp/{port}"))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b""),
        (404, b"<html>not found</html>"),
        (500, b"<html>broken</html>"),
        (200, b"<html>It works!</html>"),
        (200, b""),
        (200, b"{}"),
        (200, b"[]"),
        (200, b"{}{}"),
        (200, b'"Hash"'),
    ],
)
def test_another_server_is_no_daemon(answering, status: int, body: bytes) -> None:
    store = IpfsStore(answering(status, body))
    with pytest.raises(StoreUnreachable, match="not as a daemon's RPC API"):
        store.put(CONTENT)
    with pytest.raises(StoreUnreachable if status != 200 else CorruptContent):
        store.get(cid_of(CONTENT))


def test_a_daemon_that_accepts_and_says_nothing_is_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ipfs, "_GRACE", 0.1)
    monkeypatch.setattr(ipfs, "_PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        store = IpfsStore(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=0.1)
        assert_unreachable(store)
        with pytest.raises(StoreUnreachable, match=r"was silent for 0\.2 s"):
            store.get(cid_of(CONTENT))


def test_a_daemon_that_names_content_otherwise_is_not_believed(answering) -> None:
    other = cid_of(b"other layout")
    store = IpfsStore(answering(200, b'{"Name":"","Hash":"%s"}' % other.encode()))
    with pytest.raises(CorruptContent, match=f"{other} whose CID is {cid_of(CONTENT)}"):
        store.put(CONTENT)


def test_a_daemon_that_returns_other_bytes_is_not_believed(answering) -> None:
    store = IpfsStore(answering(200, b"hello earth\n"))
    with pytest.raises(CorruptContent, match=cid_of(CONTENT)):
        store.get(cid_of(CONTENT))


def test_what_the_daemon_says_when_it_refuses_is_passed_on(answering) -> None:
    store = IpfsStore(answering(500, b'{"Message":"disk\\nis full","Code":0,"Type":"error"}'))
    with pytest.raises(StorageError, match=r"refused \(.*disk is full"):
        store.put(CONTENT)
    with pytest.raises(MissingContent, match="disk is full"):
        store.get(cid_of(CONTENT))


def test_content_is_sent_without_the_name_of_its_file(answering, server, tmp_path: Path) -> None:
    path = tmp_path / "name-of-a-patient"
    path.write_bytes(CONTENT)
    store = IpfsStore(answering(200, b'{"Name":"","Hash":"%s"}' % cid_of(CONTENT).encode()))
    with path.open("rb") as file:
        assert store.put(file) == cid_of(CONTENT)
    assert CONTENT in server.received
    assert b"patient" not in server.received


def test_without_its_client_the_store_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipfshttpclient", None)
    with pytest.raises(ConfigurationError, match="ipfshttpclient is not installed"):
        IpfsStore("http://127.0.0.1:5001")


def test_a_store_on_disk_loads_no_client() -> None:
    code = """if True:
        import sys
        from offchain.storage.store import open_store
        open_store("folder").has("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku")
        sys.exit("ipfshttpclient" in sys.modules)"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.ipfs
def test_a_missing_block_costs_the_timeout_and_names_it(daemon) -> None:
    store = IpfsStore(daemon.address, timeout=0.3)
    with pytest.raises(MissingContent, match=r"0\.3 s") as missing:
        store.get(cid_of(b"nobody has this"))
    assert cid_of(b"nobody has this") in missing.value.cause


@pytest.mark.ipfs
def test_content_is_pinned(daemon) -> None:
    cid = IpfsStore(daemon.address).put(b"pinned")
    client = ipfs._ipfshttpclient().Client(daemon.address.removeprefix("ipfs:"))
    assert cid in client.pin.ls(cid, opts={"cid-base": "base32"})["Keys"]


@pytest.mark.ipfs
def test_content_that_another_client_added_in_another_layout_is_read(daemon, content) -> None:
    data = content(100_000)
    client = ipfs._ipfshttpclient().Client(daemon.address.removeprefix("ipfs:"))
    added = client.add_bytes(
        data, opts={"cid-version": 1, "chunker": "size-1000", "cid-base": "base32"}
    )
    assert added != cid_of(data)
    assert IpfsStore(daemon.address).get(added) == data
