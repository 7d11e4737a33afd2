"""Web applications beside the main thread's work, on this machine's own addresses."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from marketplace.chain.listening import listen

ADVICE = "use 127.0.0.1, and a proxy with TLS for other machines"
MOST_CONNECTIONS = 64
STOP_SECONDS = 5.0


@contextmanager
def served(app: FastAPI, host: str, port: int) -> Iterator[str]:
    """Serve an application in a thread while a with statement lasts; gives its URL.

    Parameters
    ----------
    host
        A loopback address.
    port
        0 for any free one.

    Raises
    ------
    ConfigurationError
        If it can't be listened there.
    """
    with listen(host, port, ADVICE) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                lifespan="off",
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=int(STOP_SECONDS),
            )
        )
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name=f"http-{port}", daemon=True
        )
        thread.start()
        try:
            yield _url(listener)
        finally:
            server.should_exit = True
            thread.join(2 * STOP_SECONDS)


@contextmanager
def set_by_signals(stopping: threading.Event) -> Iterator[None]:
    """Set an event at SIGTERM and SIGINT, while a with statement lasts."""

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
