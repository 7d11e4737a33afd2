"""The dispatcher: one chain, one lock, one table of JSON-RPC methods."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from eth.exceptions import CanonicalHeadNotFound
from eth_account.signers.local import LocalAccount

from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.devnet.backend import DevnetBackend
from marketplace.chain.devnet.chain_methods import ChainMethods
from marketplace.chain.devnet.clock import Clock, Now
from marketplace.chain.devnet.control_methods import ControlMethods
from marketplace.chain.devnet.fee_methods import FeeMethods
from marketplace.chain.devnet.json_types import Json
from marketplace.chain.devnet.log_methods import LogMethods
from marketplace.chain.devnet.methods import Endpoint
from marketplace.chain.devnet.proof_methods import ProofMethods
from marketplace.chain.devnet.rpc_errors import METHOD_NOT_FOUND, SERVER_ERROR, RpcError
from marketplace.chain.devnet.sending_methods import SendingMethods
from marketplace.chain.devnet.state import read_state, write_state
from marketplace.protocol.errors import ConfigurationError


class DevnetRpc:
    """A development chain and the JSON-RPC methods that use it.

    Safe to call from several threads: a lock lets one request in at a time.

    Parameters
    ----------
    backend
        The chain.
    state
        File that `save` writes unless it is given another, or None.

    Attributes
    ----------
    accounts
        The funded accounts with their private keys, which everybody knows.
    """

    def __init__(self, backend: DevnetBackend, state: Path | None = None) -> None:
        self.accounts: tuple[LocalAccount, ...] = well_known_accounts()
        self._backend = backend
        self._state = state
        self._saved: object = None
        self._lock = threading.RLock()
        groups = (
            ChainMethods(backend),
            FeeMethods(backend),
            LogMethods(backend),
            ProofMethods(backend),
            SendingMethods(backend, self.accounts),
            ControlMethods(backend, self._save_for_client),
        )
        self._endpoints = {
            name: Endpoint(name, method)
            for group in groups
            for name, method in group.table().items()
        }

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of all methods, in alphabetical order."""
        return tuple(sorted(self._endpoints))

    def handle(self, method: str, params: object = ()) -> Json:
        """Answer one request.

        Parameters
        ----------
        method
            Name, e.g. ``eth_getBalance``.
        params
            List of what JSON can say.

        Returns
        -------
        Json
            The ``result`` of the JSON-RPC response.

        Raises
        ------
        RpcError
            The ``error`` of the JSON-RPC response.
        """
        endpoint = self._endpoints.get(method)
        if endpoint is None:
            raise RpcError(METHOD_NOT_FOUND, f"method not found: {method}")
        with self._lock:
            return endpoint(params)

    def save(self, path: Path | None = None) -> Path:
        """Write the chain to a file, which `open_devnet` opens again.

        Parameters
        ----------
        path
            The file; the state file that this devnet was opened with by default.

        Raises
        ------
        ConfigurationError
            If there is no such file to write to.
        """
        target = path or self._state
        if target is None:
            raise ConfigurationError(
                "this devnet has no state file", "name one when you start or save it"
            )
        with self._lock:
            snapshot, version = self._backend.snapshot(), self._version()
        write_state(target, snapshot)
        if target == self._state:
            self._saved = version
        return target

    def save_if_changed(self) -> bool:
        """Write the state file if the chain has changed since it was last written.

        Returns
        -------
        bool
            Whether it was written.
        """
        with self._lock:
            changed = self._version() != self._saved
        if changed:
            self.save()
        return changed

    def _version(self) -> object:
        """Return a value that differs whenever a saved chain would."""
        clock = self._backend.clock
        return self._backend.head.hash, clock.offset, clock.pinned

    def _save_for_client(self) -> str:
        # A client names no path: it must not choose which files this process writes.
        try:
            return str(self.save())
        except ConfigurationError as error:
            raise RpcError(SERVER_ERROR, str(error)) from error


def open_devnet(
    state: Path | None = None, *, create: bool = True, now: Now = time.time
) -> DevnetRpc:
    """Open a saved chain, or start one at its genesis block.

    Parameters
    ----------
    state
        State file. None for a chain that lives as long as this process.
    create
        Whether a state file that doesn't exist yet means a fresh chain, which `save`
        then writes there; otherwise it is an error.
    now
        Wall clock, in seconds since the epoch.

    Raises
    ------
    ConfigurationError
        If the state file is missing though it may not be created, can't be read, is
        damaged, or is none.
    """
    backend = DevnetBackend(Clock(now=now))
    devnet = DevnetRpc(backend, state)
    if state is not None and (state.exists() or not create):
        _restore(backend, state)
    return devnet


def _restore(backend: DevnetBackend, state: Path) -> None:
    snapshot = read_state(state)
    try:
        backend.restore(snapshot)
        intact = backend.head.hash == snapshot.head
    except CanonicalHeadNotFound:
        intact = False
    if not intact:
        raise ConfigurationError(
            f"state file {state} holds no chain with head 0x{snapshot.head.hex()}",
            "open it with the versions of moemarket and py-evm that wrote it",
        )
