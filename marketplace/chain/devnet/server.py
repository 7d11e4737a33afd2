"""The devnet as a process of its own: ``moemarket devnet``."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import uvicorn

from marketplace.chain.devnet.accounts import BALANCE_WEI, CHAIN_ID, MNEMONIC
from marketplace.chain.devnet.app import create_app
from marketplace.chain.devnet.rpc import DevnetRpc, open_devnet
from marketplace.chain.listening import listen
from marketplace.protocol.errors import ConfigurationError

DEFAULT_PORT = 8545
SAVE_SECONDS = 1.0

Say = Callable[[str], object]


def serve(
    port: int = DEFAULT_PORT,
    state: Path | None = None,
    *,
    host: str = "127.0.0.1",
    save_seconds: float = SAVE_SECONDS,
    say: Say = click.echo,
) -> None:
    """Serve a devnet over HTTP until SIGINT or SIGTERM; call it in the main thread.

    Parameters
    ----------
    port
        TCP port; 0 for any free one.
    state
        File to restore the chain from, if it exists, and to save it to: while it
        runs, and at the end. None for a chain that is forgotten.
    host
        Loopback address to listen on.
    save_seconds
        Longest time that a sealed block stays unsaved, in seconds.
    say
        Receives what a user should read, line by line.

    Raises
    ------
    ConfigurationError
        If the host is not loopback, the port is taken, or the state file is unusable.
    """
    listener = listen(host, port)
    with listener:
        rpc = open_devnet(state)
        if state is not None:
            rpc.save()
        _announce(rpc, listener, state, say)
        server = uvicorn.Server(
            uvicorn.Config(create_app(rpc), log_level="warning", access_log=False, lifespan="off")
        )
        with _saving(rpc, state, save_seconds, say), _terminate_as_interrupt():
            try:
                server.run(sockets=[listener])
            except KeyboardInterrupt:
                # uvicorn has shut down in order, and raises the signal once more.
                say("stopped")


def _announce(rpc: DevnetRpc, listener: socket.socket, state: Path | None, say: Say) -> None:
    host, port = listener.getsockname()[:2]
    shown_host = f"[{host}]" if ":" in host else host
    head = int(str(rpc.handle("eth_blockNumber")), 16)
    say(f"endpoint   http://{shown_host}:{port}")
    say(f"chain id   {CHAIN_ID}")
    say(f"block      {head}")
    say(f"state      {state or 'not saved'}")
    say(f"mnemonic   {MNEMONIC}")
    say(f"accounts   {len(rpc.accounts)}, each with {BALANCE_WEI // 10**18} ETH at genesis")
    for index, account in enumerate(rpc.accounts):
        say(f"  ({index:2}) {account.address}")
    say("Everybody knows these accounts' keys: never send them anything of value.")


@contextmanager
def _saving(rpc: DevnetRpc, state: Path | None, seconds: float, say: Say) -> Iterator[None]:
    """Save the chain every few seconds while the body runs, and once after it."""
    if state is None:
        yield
        return
    stop = threading.Event()

    def save_regularly() -> None:
        while not stop.wait(seconds):
            try:
                rpc.save_if_changed()
            except ConfigurationError as error:
                say(f"warning: {error}")

    saver = threading.Thread(target=save_regularly, name="devnet-saver", daemon=True)
    saver.start()
    try:
        yield
    finally:
        stop.set()
        saver.join()
        rpc.save_if_changed()


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Turn SIGTERM into KeyboardInterrupt, so that the process gets to save."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
