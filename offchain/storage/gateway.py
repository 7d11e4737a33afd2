"""Content from a trustless gateway over HTTP, verified block by block as it comes.

A gateway gives single blocks (``?format=raw``) and whole DAGs as a CAR
(``?format=car``), https://specs.ipfs.tech/http-gateways/trustless-gateway/. It is a stranger:
it may send other bytes, too many, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests

from marketplace.protocol.errors import (
    ConfigurationError,
    CorruptContent,
    MissingContent,
    StorageError,
    StoreUnreachable,
)
from offchain.storage import dag
from offchain.storage.block import MAX_BLOCK, Cid
from offchain.storage.car import CarReader, Section
from offchain.storage.reading import ReadOnlyStore

RAW = "application/vnd.ipld.raw"
CAR = "application/vnd.ipld.car"
_PIECE = 65_536
_OVERHEAD = 2**20  # bytes of a CAR that are not content: header, names, nodes; 1 % of content more


class GatewayStore(ReadOnlyStore):
    """Content behind a gateway.

    Parameters
    ----------
    url
        Without the path, as ``https://ipfs.example``.
    timeout
        Seconds that the gateway may be silent.

    Raises
    ------
    ConfigurationError
        If `url` is none. Nothing is sent yet.
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ConfigurationError(
                f"{url!r} is not the address of a gateway", "give it as https://ipfs.example"
            )
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._session = requests.Session()

    def __repr__(self) -> str:
        return f"GatewayStore({self.url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def block(self, cid: Cid) -> bytes:
        """Return one block, verified; see `Store.block`."""
        with self._asked(cid, "raw", RAW) as answer:
            block = b""
            for piece in answer.iter_content(_PIECE):
                block += piece
                if len(block) > MAX_BLOCK:
                    raise CorruptContent(
                        f"the gateway {self.url} sends more than {MAX_BLOCK} bytes as block {cid}",
                        "ask another gateway; this one sends something else",
                    )
        if not cid.names(block):
            raise CorruptContent(
                f"the gateway {self.url} sent other bytes than {cid} names",
                "ask another gateway; this one sends something else",
            )
        return block

    def stream(self, cid: str, *, limit: int = dag.DEFAULT_LIMIT) -> Iterator[bytes]:
        """Yield content in verified pieces, from one CAR where the gateway makes them.

        A block that the CAR doesn't hold where it is due is asked for alone, so a gateway
        that can't make CARs, orders them otherwise or leaves repeated blocks out costs more
        questions, and nothing else. At most one block is held in memory.
        """
        return self._stream(Cid.parse(cid), limit)

    def _stream(self, root: Cid, limit: int) -> Iterator[bytes]:
        if root.codec == "raw":  # one block, so that a CAR would only add to it
            yield from dag.read(root, self.block, limit)
            return
        try:
            with self._asked(root, "car", f"{CAR};version=1;order=dfs;dups=y") as answer:
                if not answer.headers.get("Content-Type", "").startswith(CAR):
                    yield from dag.read(root, self.block, limit)
                    return
                most = limit + limit // 100 + _OVERHEAD
                reader = CarReader(_Body(answer).read, f"the CAR from {self.url}", most)
                yield from dag.read(root, _InOrder(reader.sections(), self.block), limit)
        except _NoCar:
            yield from dag.read(root, self.block, limit)

    @contextmanager
    def _asked(self, cid: Cid, form: str, accept: str) -> Iterator[requests.Response]:
        try:
            with self._session.get(
                f"{self.url}/ipfs/{cid}",
                params={"format": form},
                headers={"Accept": accept, "Accept-Encoding": "identity"},
                timeout=self.timeout,
                stream=True,
            ) as answer:
                self._require_content(answer, cid, form)
                yield answer
        except requests.RequestException as error:
            raise StoreUnreachable(
                f"the gateway {self.url} does not answer, or broke off",
                "check the address, or ask another gateway",
            ) from error

    def _require_content(self, answer: requests.Response, cid: Cid, form: str) -> None:
        if answer.status_code in (404, 410, 504):
            raise MissingContent(
                f"the gateway {self.url} has no block {cid} (HTTP {answer.status_code})",
                "check the CID, or ask another gateway",
            )
        if answer.status_code != 200 and form == "car":
            raise _NoCar
        if answer.status_code != 200:
            raise StoreUnreachable(
                f"the gateway {self.url} answers with HTTP {answer.status_code}",
                "wait, or ask another gateway",
            )


class _NoCar(Exception):
    """The gateway makes no CARs."""


class _InOrder:
    """Gives blocks as they are wanted: the next of a CAR, or asked for alone."""

    def __init__(self, sections: Iterator[Section], alone: Callable[[Cid], bytes]) -> None:
        self._sections = sections
        self._alone = alone
        self._next: Section | None = None

    def __call__(self, cid: Cid) -> bytes:
        self._next = self._next or self._following()
        if self._next is None or self._next.cid != cid:
            return self._alone(cid)
        block, self._next = self._next.block, None
        return block

    def _following(self) -> Section | None:
        try:
            return next(self._sections, None)
        except CorruptContent:
            raise
        except StorageError:  # cut short, as a gateway does that finds no more: ask for the rest
            self._sections = iter(())
            return None


class _Body:
    """The body of an answer, read in pieces of any length."""

    def __init__(self, answer: requests.Response) -> None:
        self._pieces: Iterator[bytes] = answer.iter_content(_PIECE)
        self._held = memoryview(b"")

    def read(self, length: int) -> bytes:
        """Return up to that many bytes, and none at the end."""
        if not self._held:
            self._held = memoryview(next(self._pieces, b""))
        piece, self._held = self._held[:length], self._held[length:]
        return bytes(piece)
