"""Services: real ones from a thread, and servers that misbehave on purpose."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import numpy as np
import pytest
import uvicorn

from offchain.data import Dataset
from offchain.experts import Expert, expert
from offchain.serving.app import create_app
from offchain.serving.client import RemoteExpert
from offchain.serving.transport import Patience
from offchain.serving.workshop import Workshop

QUICK = Patience(connect_seconds=1.0, answer_seconds=5.0, tries=2, pause_seconds=0.01)


@pytest.fixture(scope="session")
def rows() -> Dataset:
    """60 rows of two clouds of points."""
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 2
    points = generator.normal(size=(60, 3)) + 3.0 * labels[:, None]
    return Dataset(points.astype(np.float32), labels.astype(np.int64))


@contextmanager
def served(workshop: Workshop, **options: int) -> Iterator[str]:
    """Serve a workshop from a thread while a with statement lasts."""
    config = uvicorn.Config(create_app(workshop, **options), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            workshop.close()


Serve = Callable[..., tuple[RemoteExpert, Workshop]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve an expert until the test ends; gives the client and the workshop."""
    with ExitStack() as servers:

        def at(offered: Expert | None = None, waiting: int = 8, **options: int):
            workshop = Workshop(offered or expert("nearest-neighbours"), waiting=waiting)
            url = servers.enter_context(served(workshop, **options))
            return RemoteExpert(url, QUICK), workshop

        yield at


Answer = Callable[[socket.socket, bytes], None]
Misbehave = Callable[[Answer], str]


def read_request(connection: socket.socket) -> bytes:
    """Read one HTTP request whole."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65_536)
        if not chunk:
            return data
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < length:
        body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


@pytest.fixture
def misbehave() -> Iterator[Misbehave]:
    """Serve connections as told, each with the request that it brought."""
    listeners: list[socket.socket] = []

    def at(answer: Answer) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=reply, args=(connection,), daemon=True).start()

        def reply(connection: socket.socket) -> None:
            with connection, suppress(OSError):  # the client hangs up, as it should
                answer(connection, read_request(connection))

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield at
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
