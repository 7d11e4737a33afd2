"""Methods that no real chain has: time travel, snapshots and saving, as in Anvil."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from marketplace.chain.devnet.backend import DevnetBackend
from marketplace.chain.devnet.clock import MAX_TIMESTAMP
from marketplace.chain.devnet.encoding import quantity
from marketplace.chain.devnet.json_types import Json
from marketplace.chain.devnet.methods import Method
from marketplace.chain.devnet.params import quantity_of
from marketplace.chain.devnet.rpc_errors import invalid_params
from marketplace.chain.devnet.state import ChainSnapshot

_MAX_BLOCKS = 10_000
_MAX_INCREASE = 2**40


class ControlMethods:
    """Moves chain time, goes back to earlier states, and saves the chain.

    Parameters
    ----------
    backend
        The chain.
    save
        Writes the state file and returns its path.
    """

    def __init__(self, backend: DevnetBackend, save: Callable[[], str]) -> None:
        self._backend = backend
        self._save = save
        self._snapshots: dict[int, ChainSnapshot] = {}
        self._snapshot_ids = itertools.count()

    def table(self) -> dict[str, Method]:
        """Return the methods by name."""
        return {
            "evm_increaseTime": self.increase_time,
            "evm_setNextBlockTimestamp": self.set_next_block_timestamp,
            "evm_mine": self.mine,
            "evm_snapshot": self.snapshot,
            "evm_revert": self.revert,
            "devnet_save": self._save,
        }

    def increase_time(self, seconds: object) -> Json:
        """Move chain time forward; return by how much it is now ahead of the wall clock."""
        increase = quantity_of(seconds, "seconds", _MAX_INCREASE)
        return self._backend.clock.advance(increase, self._backend.head.timestamp)

    def set_next_block_timestamp(self, timestamp: object) -> Json:
        """Fix the timestamp of the next block; time goes on from there."""
        moment = quantity_of(timestamp, "timestamp", MAX_TIMESTAMP)
        newest = self._backend.head.timestamp
        if moment <= newest:
            raise invalid_params(f"timestamp: {moment} is not after the newest block's, {newest}")
        self._backend.clock.pinned = moment
        return None

    def mine(self, options: object = None) -> Json:
        """Seal empty blocks: one, or as ``{"blocks": n, "timestamp": t}`` says."""
        given = options if isinstance(options, dict) else {"timestamp": options}
        count = given.get("blocks")
        blocks = 1 if count is None else quantity_of(count, "blocks", _MAX_BLOCKS)
        if given.get("timestamp") is not None:
            self.set_next_block_timestamp(given["timestamp"])
        for _ in range(blocks):
            self._backend.seal()
        return "0x0"

    def snapshot(self) -> Json:
        """Remember the chain as it is; return an id for `revert`."""
        snapshot_id = next(self._snapshot_ids)
        self._snapshots[snapshot_id] = self._backend.snapshot()
        return quantity(snapshot_id)

    def revert(self, snapshot_id: object) -> Json:
        """Go back to a snapshot; it and all later ones are used up."""
        wanted = quantity_of(snapshot_id, "snapshot id")
        snapshot = self._snapshots.get(wanted)
        if snapshot is None:
            return False
        self._backend.restore(snapshot)
        self._snapshots = {key: kept for key, kept in self._snapshots.items() if key < wanted}
        return True
