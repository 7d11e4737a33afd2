"""Sockets of the servers that ship, which are for programs on this machine only."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from marketplace.protocol.errors import ConfigurationError

_MAX_PORT = 65_535
_DEVNET_ADVICE = "use 127.0.0.1: everybody knows the keys of a devnet's accounts"


def listen(host: str, port: int, advice: str = _DEVNET_ADVICE) -> socket.socket:
    """Open a socket on a loopback address.

    Parameters
    ----------
    port
        0 for any free one.
    advice
        What to do instead of using another host.

    Raises
    ------
    ConfigurationError
        If the host is not loopback, or the port is taken or none.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ConfigurationError(f"host {host} is not a loopback address", advice)
    if not 0 <= port <= _MAX_PORT:
        raise ConfigurationError(f"port {port} doesn't exist", f"choose one up to {_MAX_PORT}")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.create_server((address, port), family=family)
    except OSError as error:
        raise ConfigurationError(
            f"port {port} on {host} can't be used: {error}",
            "stop the program that listens there, or choose another port",
        ) from error
    # asyncio does this only for sockets that it opened itself; without it, each
    # response waits 40 ms for an acknowledgement that the client delays.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
