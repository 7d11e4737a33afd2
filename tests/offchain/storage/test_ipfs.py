"""The store in an IPFS daemon: daemons that are away, silent, or something else."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.protocol.errors import (
    ConfigurationError,
    CorruptContent,
    MissingContent,
    StorageError,
    StoreUnreachable,
)
from offchain.storage import dag, ipfs
from offchain.storage.block import MAX_BLOCK, Cid
from offchain.storage.car_store import CarStore, import_car, write_car
from offchain.storage.cid import cid_of
from offchain.storage.dag import CHUNK_SIZE
from offchain.storage.disk import DiskStore
from offchain.storage.ipfs import IpfsStore
from offchain.storage.upkeep import survey
from offchain.storage.walk import walk

CONTENT = b"hello world\n"

# Leaves that fill a node, a level of nodes, and the subtrees of a trickle layout.
BORDERS = [174, 2 * 174, 5 * 174, 9 * 174, 25 * 174, 109 * 174, 174**2]


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


@pytest.mark.parametrize("longer", [0, 1])
def test_a_block_has_no_more_bytes_than_any_may(answering, longer: int) -> None:
    block = bytes(MAX_BLOCK + longer)
    store, cid = IpfsStore(answering(200, block)), Cid.of("raw", block)
    if not longer:
        assert store.block(cid) == block
        return
    with pytest.raises(CorruptContent, match=f"more than {MAX_BLOCK} bytes as block {cid}"):
        store.block(cid)


@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_without_end_is_broken_off(server, chunked: bool) -> None:
    sent = []

    class Endless(Answer):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.send_response(200)
            if chunked:
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.close_connection = True
            with suppress(OSError):
                self.wfile.write(b"FFFFFFFFFF\r\n" if chunked else b"")
                while sum(sent) < 100 * MAX_BLOCK:
                    sent.append(self.wfile.write(bytes(MAX_BLOCK)))

    server.RequestHandlerClass = Endless
    cid = cid_of(CONTENT)
    with pytest.raises(CorruptContent, match=f"as block {cid}"):
        IpfsStore(f"http://127.0.0.1:{server.server_port}").get(cid)
    assert sum(sent) < 50 * MAX_BLOCK


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


@pytest.mark.ipfs
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_cids_of_any_size_and_layout_are_those_of_the_daemon(daemon, content, draw) -> None:
    """Chunks of 16 bytes reach every border of the layouts with little content."""
    layout = draw.draw(st.sampled_from(["balanced", "trickle"]))
    leaves = draw.draw(st.one_of(st.integers(0, 1000), st.sampled_from(BORDERS)))
    size = max(0, 16 * leaves + draw.draw(st.integers(-17, 17)))
    client = ipfs._ipfshttpclient().Client(daemon.address.removeprefix("ipfs:"))
    added = client.add_bytes(
        content(size),
        opts={
            "cid-version": 1,
            "raw-leaves": "true",
            "chunker": "size-16",
            "trickle": "true" if layout == "trickle" else "false",
            "cid-base": "base32",
            "only-hash": "true",
        },
    )
    assert added == str(dag.lay_out(dag.chunks(content(size), 16), layout=layout))


@pytest.mark.ipfs
@pytest.mark.parametrize("layout", ["balanced", "trickle"])
@pytest.mark.parametrize("size", [0, 1, CHUNK_SIZE, 3 * CHUNK_SIZE + 5])
def test_stores_are_interchangeable_block_by_block(
    daemon, content, tmp_path: Path, size: int, layout: dag.Layout
) -> None:
    """What one store took, the other takes over in the middle, and back, as blocks."""
    here, there = DiskStore(tmp_path / "here"), IpfsStore(daemon.address, timeout=2)
    data = layout.encode() + content(size)
    cid = here.put(data, layout)
    there.put_blocks((visit.cid, visit.block) for visit in walk([Cid.parse(cid)], here.block))
    assert there.has(cid)
    assert there.put(data, layout) == cid
    back = DiskStore(tmp_path / "back")
    back.put_blocks((visit.cid, visit.block) for visit in walk([Cid.parse(cid)], there.block))
    assert back.get(cid) == there.get(cid) == data
    with pytest.raises(CorruptContent):
        there.put_blocks([(Cid.of("raw", b"x"), b"y")])


@pytest.mark.ipfs
def test_the_daemon_reads_our_cars_and_we_read_the_daemons(daemon, content, tmp_path: Path) -> None:
    data = b"in a car" + content(3 * CHUNK_SIZE)
    store = DiskStore(tmp_path / "store")
    root = Cid.parse(store.put(data))
    path = tmp_path / "ours.car"
    assert write_car([root], store.block, path) == []
    client = ipfs._ipfshttpclient().Client(daemon.address.removeprefix("ipfs:"))
    with path.open("rb") as file:
        client.dag.imprt(file)
    there = IpfsStore(daemon.address, timeout=2)
    assert there.get(str(root)) == data
    theirs = tmp_path / "theirs.car"
    theirs.write_bytes(client.dag.export(str(root)))
    car = CarStore(theirs)
    assert car.roots == (root,)
    assert car.get(str(root)) == data
    other = b"taken in from a car" + data
    root = Cid.parse(store.put(other))
    write_car([root], store.block, path)
    assert import_car(CarStore(path), there) == []
    assert there.get(str(root)) == other
    assert str(root) in there.pins()
    assert survey(there).faults == []


@pytest.mark.ipfs
def test_pins_come_and_go_in_the_daemon(daemon, content) -> None:
    store = IpfsStore(daemon.address, timeout=2)
    cid = store.put(b"pinned for a while" + content(CHUNK_SIZE))
    assert cid in store.pins()
    store.unpin(cid)
    assert cid not in store.pins()
    with pytest.raises(MissingContent, match="is not pinned"):
        store.unpin(cid)
    store.pin(cid)
    assert cid in store.pins()
    with pytest.raises(MissingContent):
        store.pin(cid_of(b"nobody has this either"))
