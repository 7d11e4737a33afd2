"""Content from a gateway over HTTP: honest, lazy, lying and endless ones."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from marketplace.protocol.errors import (
    ConfigurationError,
    CorruptContent,
    MissingContent,
    StorageError,
    StoreUnreachable,
)
from offchain.storage.block import Cid
from offchain.storage.car import header, section
from offchain.storage.cid import cid_of
from offchain.storage.dag import CHUNK_SIZE
from offchain.storage.disk import DiskStore
from offchain.storage.gateway import GatewayStore
from offchain.storage.store import open_store
from offchain.storage.walk import walk

Content = Callable[[int], bytes]
Car = Callable[[Cid, DiskStore], bytes]


def in_order(root: Cid, store: DiskStore) -> bytes:
    visits = walk([root], store.block)
    blocks = [section(visit.cid, visit.block) for visit in visits if visit.block is not None]
    return header([root]) + b"".join(blocks)


def backwards(root: Cid, store: DiskStore) -> bytes:
    visits = list(walk([root], store.block))[::-1]
    return header([root]) + b"".join(section(visit.cid, visit.block or b"") for visit in visits)


class Answer(BaseHTTPRequestHandler):
    """A trustless gateway over a store; what it does otherwise, its server says."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        cid = Cid.parse(url.path.removeprefix("/ipfs/"))
        form = parse_qs(url.query)["format"][0]
        self.server.asked.append((form, str(cid)))
        try:
            if form == "raw":
                body = self.server.raw(cid)
            elif self.server.car is None:
                self._send(406, "text/plain", b"")
                return
            else:
                body = self.server.car(cid, self.server.store)
        except MissingContent:
            self._send(404, "text/plain", b"not found")
            return
        self._send(200, f"application/vnd.ipld.{form}", body)

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.store = DiskStore(tmp_path / "store")
    server.raw, server.car, server.asked = server.store.block, in_order, []
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def gateway(server: ThreadingHTTPServer) -> Iterator[GatewayStore]:
    store = open_store(f"gateway:http://127.0.0.1:{server.server_port}/")
    assert isinstance(store, GatewayStore)
    yield store
    store.close()


@pytest.mark.parametrize("layout", ["balanced", "trickle"])
@pytest.mark.parametrize("size", [0, 1, CHUNK_SIZE, CHUNK_SIZE + 1, 4 * CHUNK_SIZE + 7])
def test_content_comes_whole(gateway, server, content: Content, size: int, layout) -> None:
    cid = server.store.put(content(size), layout)
    assert gateway.get(cid) == content(size)
    assert [form for form, _ in server.asked] == ["raw" if cid.startswith("bafk") else "car"]
    assert gateway.has(cid)
    assert not gateway.has(cid_of(b"elsewhere"))


@pytest.mark.parametrize("car", [backwards, None, lambda root, store: header([root])])
def test_a_gateway_without_ordered_cars_is_asked_for_blocks(
    gateway, server, content: Content, car: Car | None
) -> None:
    server.car = car
    data = content(3 * CHUNK_SIZE)
    assert gateway.get(server.store.put(data)) == data


def test_a_repeated_chunk_is_asked_for_again(gateway, server) -> None:
    data = bytes(3 * CHUNK_SIZE)
    assert gateway.get(server.store.put(data)) == data
    assert [form for form, _ in server.asked].count("raw") == 2


def test_a_car_cut_short_is_completed_or_the_missing_block_is_named(
    gateway, server, content: Content
) -> None:
    data = content(3 * CHUNK_SIZE)
    cid = server.store.put(data)
    server.car = lambda root, store: in_order(root, store)[: 2 * CHUNK_SIZE]
    assert gateway.get(cid) == data
    last = cid_of(data[2 * CHUNK_SIZE :])
    (server.store.path / "blocks" / last).unlink()
    with pytest.raises(MissingContent, match=last):
        gateway.get(cid)
    assert not gateway.has(cid)


def test_other_bytes_are_refused_and_those_before_were_right(
    gateway, server, content: Content
) -> None:
    data = content(3 * CHUNK_SIZE)
    cid = server.store.put(data)

    def flipped(root: Cid, store: DiskStore) -> bytes:
        whole = bytearray(in_order(root, store))
        whole[-1] ^= 1
        return bytes(whole)

    server.car = flipped
    received = io.BytesIO()
    with pytest.raises(CorruptContent, match=cid_of(data[2 * CHUNK_SIZE :])):
        received.writelines(gateway.stream(cid))
    assert received.getvalue() == data[: 2 * CHUNK_SIZE]
    server.raw = lambda cid: b"other bytes"
    with pytest.raises(CorruptContent, match="sent other bytes"):
        gateway.block(Cid.parse(cid))


def test_limits_are_kept(gateway, server, content: Content) -> None:
    cid = server.store.put(content(2 * CHUNK_SIZE))
    with pytest.raises(StorageError, match=f"where {CHUNK_SIZE} are allowed"):
        gateway.get(cid, limit=CHUNK_SIZE)
    server.raw = lambda cid: bytes(3 * 2**20)
    with pytest.raises(CorruptContent, match="more than 2097152 bytes"):
        gateway.block(Cid.parse(cid))


def test_an_endless_car_of_true_blocks_is_not_read(gateway, server, content: Content) -> None:
    """Blocks that nobody asked for stay unread, and the wanted ones are asked for alone."""
    cid = server.store.put(content(2 * CHUNK_SIZE))
    stray = section(Cid.of("raw", b"stray"), b"stray")
    server.car = lambda root, store: header([root]) + stray * 100_000
    assert gateway.get(cid) == content(2 * CHUNK_SIZE)


def test_what_is_no_gateway(server, gateway) -> None:
    for url in ("ftp://x", "127.0.0.1", "http://", "http://x?a=b"):
        with pytest.raises(ConfigurationError, match="not the address of a gateway"):
            GatewayStore(url)
    away = GatewayStore("http://127.0.0.1:9")
    with pytest.raises(StoreUnreachable, match="does not answer"):
        away.get(cid_of(b"x"))
    with pytest.raises(StorageError, match="can only be read"):
        gateway.put(b"x")
