"""One HTTP call to a stranger's server, bounded in time and size.

Python's own `http.client` does all that is wanted and nothing else: it follows no
redirect, unpacks nothing, keeps no cookies and asks no proxy. A server that sends a byte
now and then never runs into a socket's time-out, so a watchdog ends the call as a whole.
"""

from __future__ import annotations

import secrets
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import urlsplit

from marketplace.protocol.errors import (
    BadAnswer,
    ConfigurationError,
    ExpertError,
    ExpertUnreachable,
)
from offchain.data.names import shown
from offchain.serving.messages import MAX_JSON, Refusal

_CHUNK = 64 * 1024
_TRY_AGAIN = {429, 502, 503, 504}


@dataclass(frozen=True)
class Patience:
    """How long a client waits.

    Parameters
    ----------
    connect_seconds
        For a connection.
    answer_seconds
        For one whole answer, from the request to its last byte.
    tries
        Calls in all; a fit that is asked for again goes on where it is.
    pause_seconds
        Before the second try; it doubles from try to try, and half of it is random.
    """

    connect_seconds: float = 5.0
    answer_seconds: float = 120.0
    tries: int = 6
    pause_seconds: float = 0.25


USUAL = Patience()


@dataclass(frozen=True)
class Address:
    """Where a service is.

    Parameters
    ----------
    url
        As it was given, without the slash at its end.
    """

    url: str
    secure: bool
    host: str
    port: int | None
    path: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Read an address.

        Raises
        ------
        ConfigurationError
            If it is none of http or https, or says more than where to call.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        more = parts.query or parts.fragment or parts.username or parts.password
        clean = url.isascii() and url.isprintable() and " " not in url
        if parts.scheme not in ("http", "https") or not parts.hostname or more or not clean:
            raise ConfigurationError(
                f"{shown(url, 80)!r} is no address of an expert",
                "give http:// or https://, a host and perhaps a port and a path",
            )
        whole = url.rstrip("/")
        return cls(whole, parts.scheme == "https", parts.hostname, port, parts.path.rstrip("/"))


def call(
    address: Address,
    path: str,
    *,
    most: int,
    patience: Patience,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Call a service until it answers, and return the answer's body.

    Every call can be repeated without harm, so one that fails on the way is.

    Parameters
    ----------
    path
        Below the address.
    most
        Most bytes of an answer.
    body
        Makes it a POST.

    Raises
    ------
    ExpertUnreachable
        If no try got an answer.
    BadAnswer
        If the answer is too large, encoded, or a redirect.
    ExpertError
        If the service refuses, with its reason.
    """
    for number in range(patience.tries):
        try:
            return _once(address, path, most, patience, body, headers or {})
        except ExpertUnreachable:
            if number + 1 == patience.tries:
                raise
        time.sleep(_jittered(patience.pause_seconds * 2**number))
    raise ExpertUnreachable(f"{address.url} was never called", "allow one try or more")


def _jittered(seconds: float) -> float:
    """Return between half of the time and all of it, so that clients don't come in step."""
    return seconds * (0.5 + secrets.randbelow(1_000) / 2_000)


def _once(
    address: Address,
    path: str,
    most: int,
    patience: Patience,
    body: bytes | None,
    headers: Mapping[str, str],
) -> bytes:
    with _connected(address, patience) as connection:
        asked = {"Accept-Encoding": "identity", "Connection": "close", **headers}
        method = "GET" if body is None else "POST"
        connection.request(method, address.path + path, body, asked)
        answer = connection.getresponse()
        if answer.status in _TRY_AGAIN:
            raise _unreachable(address, f"it answers {answer.status}")
        content = _read(address, answer, most if answer.status == 200 else MAX_JSON)
    if answer.status == 200:
        return content
    if 300 <= answer.status < 400:
        raise bad_answer(address.url, "it sends elsewhere, and that is not followed")
    raise ExpertError(
        f"{address.url} refuses ({answer.status}): {_reason(content)}", "mend what is asked for"
    )


@contextmanager
def _connected(address: Address, patience: Patience) -> Iterator[HTTPConnection]:
    """Give a connection that is cut when its time is over."""
    connection = (
        HTTPSConnection(
            address.host,
            address.port,
            timeout=patience.connect_seconds,
            context=ssl.create_default_context(),
        )
        if address.secure
        else HTTPConnection(address.host, address.port, timeout=patience.connect_seconds)
    )
    late = threading.Event()
    watchdog: threading.Timer | None = None
    try:
        connection.connect()
        opened: socket.socket = connection.sock
        opened.settimeout(2 * patience.answer_seconds)  # the watchdog comes first
        watchdog = threading.Timer(patience.answer_seconds, _cut, (opened, late))
        watchdog.daemon = True
        watchdog.start()
        yield connection
        if late.is_set():
            raise TimeoutError
    except (OSError, HTTPException) as error:
        why = f"it takes longer than {patience.answer_seconds:g} s" if late.is_set() else ""
        raise _unreachable(address, why or shown(str(error) or type(error).__name__)) from error
    finally:
        if watchdog is not None:
            watchdog.cancel()
        connection.close()


def _cut(opened: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):  # it may be closed already
        opened.shutdown(socket.SHUT_RDWR)


def _read(address: Address, answer: HTTPResponse, most: int) -> bytes:
    if answer.getheader("Content-Encoding", "identity").lower() != "identity":
        raise bad_answer(address.url, "its answer is packed, and is not unpacked")
    promised = answer.length
    content = bytearray()
    while chunk := answer.read(min(_CHUNK, most + 1 - len(content))):
        content += chunk
        if len(content) > most:
            raise bad_answer(address.url, f"its answer has more than {most} bytes")
    if promised is not None and len(content) < promised:
        raise HTTPException(f"it hung up after {len(content)} of {promised} bytes")
    return bytes(content)


def _reason(content: bytes) -> str:
    try:
        return shown(Refusal.read(content).cause, 200)
    except ValueError:
        return "without a reason that can be read"


def bad_answer(url: str, why: str) -> BadAnswer:
    """Return the error for an answer that nobody asked for."""
    return BadAnswer(f"{url} answers badly: {why}", "go on without this expert")


def _unreachable(address: Address, why: str) -> ExpertUnreachable:
    return ExpertUnreachable(
        f"{address.url} gives no answer: {why}", "check that the expert is served there"
    )
