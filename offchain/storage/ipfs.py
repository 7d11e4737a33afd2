"""A store in an IPFS daemon, reached over its RPC API by ipfshttpclient."""

from __future__ import annotations

import io
import ipaddress
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from marketplace.protocol.errors import (
    ConfigurationError,
    CorruptContent,
    MissingContent,
    StorageError,
    StoreUnreachable,
)
from offchain.storage import dag
from offchain.storage.block import MAX_BLOCK, Cid
from offchain.storage.disk import not_pinned, require_named
from offchain.storage.node import Link

_PATIENCE = 120.0  # seconds that a daemon may be silent after it was given a whole file
_GRACE = 5.0  # seconds that it may be late to say that it found no block
_PIECE = 65_536  # bytes of a block that are read at once
_STRANGER = "answers, but not as a daemon's RPC API does"


class IpfsStore:
    """Content in an IPFS daemon, pinned there, and verified on this side of the wire.

    Parameters
    ----------
    address
        The daemon's RPC API: ``ipfs:/ip4/127.0.0.1/tcp/5001`` or ``http://127.0.0.1:5001``.
    timeout
        Seconds that the daemon may search its network for one block.

    Raises
    ------
    ConfigurationError
        If `address` is malformed or ipfshttpclient isn't installed. Nothing is sent yet.
    """

    def __init__(self, address: str, timeout: float = 30.0) -> None:
        self.address = address
        self.timeout = timeout
        self._ipfs = _ipfshttpclient()
        try:
            self._multiaddress = _multiaddress(address)
            self._ipfs.Client(self._multiaddress)
        except (ValueError, self._ipfs.exceptions.AddressError):
            shown = re.sub("//.*@", "//", address)  # a password is not repeated
            raise ConfigurationError(
                f"{shown!r} is not the address of an IPFS daemon's RPC API",
                "give it as ipfs:/ip4/127.0.0.1/tcp/5001 or http://127.0.0.1:5001",
            ) from None

    def __repr__(self) -> str:
        return f"IpfsStore({self.address!r})"

    def put(self, content: bytes | BinaryIO, layout: dag.Layout = "balanced") -> str:
        """Store `content`, pin it and return its CID; see `Store.put`."""
        upload = _Upload(content)
        with self._daemon(_PATIENCE) as daemon:
            added = self._add(daemon, upload, layout)
        cid = upload.cid(layout)
        if added != cid:
            raise CorruptContent(
                f"the IPFS daemon at {self.address} named content {added} whose CID is {cid}",
                "set its Import options back to their defaults, or use another daemon",
            )
        return cid

    def _add(self, daemon: Any, upload: _Upload, layout: dag.Layout) -> str:
        try:
            # The layout is asked for in full, since daemons differ in their defaults.
            answer = daemon.add(
                upload,
                cid_version=1,
                raw_leaves=True,
                chunker=f"size-{dag.CHUNK_SIZE}",
                trickle=layout == "trickle",
                opts={"cid-base": "base32"},
            )
            return str(answer.as_json()["Hash"])
        except (AssertionError, LookupError, TypeError) as error:
            # ipfshttpclient takes any JSON for a daemon's, or asserts that it is.
            raise self._unreachable(_STRANGER) from error

    def get(self, cid: str, *, limit: int = dag.DEFAULT_LIMIT) -> bytes:
        """Return the content that `cid` names, verified; see `Store.get`."""
        return b"".join(self.stream(cid, limit=limit))

    def stream(self, cid: str, *, limit: int = dag.DEFAULT_LIMIT) -> Iterator[bytes]:
        """Yield the content that `cid` names in verified pieces; see `Store.stream`."""
        return self._stream(Cid.parse(cid), limit)

    def _stream(self, root: Cid, limit: int) -> Iterator[bytes]:
        with self._daemon(self.timeout + _GRACE) as daemon:
            yield from dag.read(root, partial(self._read, daemon), limit)

    def has(self, cid: str) -> bool:
        """Tell whether the daemon finds every block within `timeout`; see `Store.has`."""
        root = Cid.parse(cid)
        with self._daemon(self.timeout + _GRACE) as daemon:
            try:
                for block in dag.blocks(root, partial(self._read, daemon)):
                    self._ask(daemon.block.stat, block)
            except MissingContent:
                return False
        return True

    def block(self, cid: Cid) -> bytes:
        """Return one block, verified; see `Store.block`."""
        with self._daemon(self.timeout + _GRACE) as daemon:
            return self._read(daemon, cid)

    def put_blocks(self, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Store blocks that others made, not pinned; see `Store.put_blocks`."""
        with self._daemon(_PATIENCE) as daemon:
            for cid, block in blocks:
                require_named(cid, block)
                # Kubo took `format` for the codec before it had `cid-codec`, and still does.
                codec = {"format": cid.codec, "mhtype": "sha2-256", "version": "1"}
                answer = daemon.block.put(io.BytesIO(block), opts=codec)
                named = str(answer.as_json().get("Key"))
                if named != str(cid):
                    raise CorruptContent(
                        f"the IPFS daemon at {self.address} named block {cid} {named}",
                        "put it into another daemon; this one is damaged",
                    )

    def pin(self, cid: str) -> None:
        """Keep content from the daemon's collection of garbage; see `Store.pin`."""
        if not self.has(cid):
            raise MissingContent(
                f"not every block of {cid} is in the IPFS daemon at {self.address}",
                "put the content there first",
            )
        with self._daemon(_PATIENCE) as daemon:
            daemon.pin.add(cid)

    def unpin(self, cid: str) -> None:
        """Take a pin back; see `Store.unpin`."""
        if str(Cid.parse(cid)) not in self.pins():
            raise not_pinned(cid, repr(self))
        with self._daemon(_PATIENCE) as daemon:
            daemon.pin.rm(cid)

    def pins(self) -> list[str]:
        """Return what is pinned with all below it, also by others; see `Store.pins`."""
        with self._daemon(_PATIENCE) as daemon:
            answer = daemon.pin.ls(type="recursive", opts={"cid-base": "base32"})
            return sorted(answer.as_json().get("Keys") or {})

    def _read(self, daemon: Any, cid: Cid) -> bytes:
        block: bytes = self._ask(partial(self._limited, daemon), cid)
        if not cid.names(block):
            raise CorruptContent(
                f"the IPFS daemon at {self.address} returned other bytes than {cid} names",
                "put the content into another daemon and ask that one; this one is damaged",
            )
        return block

    def _limited(self, daemon: Any, cid: str, opts: dict[str, str]) -> bytes:
        """Read a block as it comes, and no more of it than a block may have.

        ipfshttpclient's own `block.get` takes an answer of any size into memory first, and so
        does its streaming, for which it sets no size of the pieces. This is the call below.
        """
        closables, pieces = daemon._client._request(
            "POST",
            "/block/get",
            [("arg", cid), *opts.items()],
            auth=None,
            data=None,
            headers=None,
            timeout=None,
            chunk_size=_PIECE,
        )
        block = b""
        try:
            for piece in pieces:
                block += piece
                if len(block) > MAX_BLOCK:
                    raise CorruptContent(
                        f"the IPFS daemon at {self.address} sends more than {MAX_BLOCK} bytes"
                        f" as block {cid}",
                        "put the content into another daemon and ask that one",
                    )
        finally:
            for closable in closables:
                closable.close()
        return block

    def _ask(self, request: Any, cid: Cid) -> Any:
        try:
            return request(str(cid), opts={"timeout": f"{self.timeout}s"})
        except self._ipfs.exceptions.ErrorResponse as error:
            raise MissingContent(
                f"the IPFS daemon at {self.address} has no block {cid} ({_message(error)})",
                f"check the CID, or let the daemon search for more than {self.timeout:g} s",
            ) from None

    @contextmanager
    def _daemon(self, patience: float) -> Iterator[Any]:
        """Open a session with the daemon and turn its failures into the project's errors."""
        exceptions = self._ipfs.exceptions
        try:
            with self._ipfs.Client(self._multiaddress, timeout=patience) as daemon:
                yield daemon
        except exceptions.ErrorResponse as error:
            raise StorageError(
                f"the IPFS daemon at {self.address} refused ({_message(error)})",
                "look into the daemon's log",
            ) from error
        except exceptions.TimeoutError as error:
            raise self._unreachable(f"was silent for {patience:g} s") from error
        except (exceptions.StatusError, exceptions.EncoderError) as error:
            raise self._unreachable(_STRANGER) from error
        except (exceptions.CommunicationError, OSError) as error:  # OSError: cut off half-way
            raise self._unreachable("does not answer") from error

    def _unreachable(self, symptom: str) -> StoreUnreachable:
        return StoreUnreachable(
            f"the IPFS daemon at {self.address} {symptom}",
            "start it (`ipfs daemon`), or correct the address",
        )


class _Upload:
    """What ipfshttpclient reads from: content without its file's name, hashed as it goes."""

    def __init__(self, content: bytes | BinaryIO) -> None:
        self._pieces = dag.chunks(content)
        self._leaves: list[Link] = []

    def read(self, size: int) -> bytes:
        for piece in self._pieces:
            self._leaves.append(dag.leaf(piece))
            return piece
        return b""

    def cid(self, layout: dag.Layout) -> str:
        return str(dag.root_over(self._leaves, layout=layout))


def _ipfshttpclient() -> Any:
    """Import the client on first use, so that a store on disk needs none of it."""
    # It replaces parts of requests to choose between IPv4 and IPv6, by way of a parameter
    # that urllib3 has deprecated. This is its own switch to leave requests alone.
    os.environ.setdefault("PY_IPFS_HTTP_CLIENT_PATCH_REQUESTS", "no")
    try:
        import ipfshttpclient
    except ImportError:
        raise ConfigurationError(
            "ipfshttpclient is not installed", "pip install 'moemarket[ipfs]', or name a folder"
        ) from None
    return ipfshttpclient


def _multiaddress(address: str) -> str:
    if not address.startswith(("http://", "https://")):
        return address.removeprefix("ipfs:")
    url = urlsplit(address)
    if url.hostname is None or url.username or url.path not in ("", "/") or url.query:
        raise ValueError(address)
    try:
        kind = f"ip{ipaddress.ip_address(url.hostname).version}"
    except ValueError:
        kind = "dns"
    return f"/{kind}/{url.hostname}/tcp/{url.port or 5001}/{url.scheme}"


def _message(error: Exception) -> str:
    """Return what the daemon said, on one line."""
    return " ".join(str(error).split())[:200]
