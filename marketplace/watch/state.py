"""How far a watch has come, in a small file that is there whole or not at all."""

from __future__ import annotations

from pathlib import Path

from marketplace.chain.files import write_whole
from marketplace.protocol.documents import Document
from marketplace.protocol.errors import ConfigurationError, ProtocolError

CHECKPOINTS = 65
"""Blocks that are remembered, to find where a reorganised chain branches off."""


class Checkpoint(Document):
    """A block up to which everything was audited; its hash as 0x-hex."""

    kind = "watch-checkpoint"
    block: int
    hash: str


class Waiting(Document):
    """An ended trade whose evidence is not there yet, and since when (seconds since 1970).

    Without a trade: what belongs to the market as a whole, as lists of payees do. That one stays
    until nothing is missing, so that what was missed for too long doesn't get another time.
    """

    kind = "watch-waiting"
    trade: str | None
    since: int


class WatchState(Document):
    """What one watch remembers.

    Attributes
    ----------
    chain_id, market
        Whose watch it is; another one's file is refused.
    checkpoints
        The newest blocks at which it looked, oldest first.
    waiting
        What is audited again, until the evidence is there or patience is over.
    alerted
        Ids of the alerts that were delivered, so that none is delivered twice while its check
        doesn't pass.
    """

    kind = "watch-state"
    chain_id: int
    market: str
    checkpoints: tuple[Checkpoint, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    alerted: tuple[str, ...] = ()

    def at(self, block: int, block_hash: str) -> WatchState:
        """Return the state with one more checkpoint; those at or above its height are gone."""
        kept = [known for known in self.checkpoints if known.block < block]
        kept.append(Checkpoint(block=block, hash=block_hash))
        return self.model_copy(update={"checkpoints": tuple(kept[-CHECKPOINTS:])})


class StateFile:
    """The file of a watch; without a path, a state that lives as long as the process."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self, chain_id: int, market: str) -> WatchState:
        """Return what the file holds, or the state of a watch that begins.

        Raises
        ------
        ConfigurationError
            If it can't be read, is none, or is of another chain or market.
        """
        try:
            content = self._path.read_bytes() if self._path is not None else None
        except FileNotFoundError:
            content = None
        except OSError as error:
            raise ConfigurationError(
                f"the state file {self._path} can't be read: {error.strerror}",
                "name a file in a folder that is readable and writable",
            ) from error
        if content is None:
            return WatchState(chain_id=chain_id, market=market)
        try:
            state = WatchState.from_bytes(content)
        except ProtocolError as error:
            raise ConfigurationError(
                f"{self._path} is no state file of a watch: {error.cause}",
                "name another file; without one, everything is audited from the start",
            ) from error
        if (state.chain_id, state.market) != (chain_id, market):
            raise ConfigurationError(
                f"the state file is of market {state.market} on chain {state.chain_id},"
                f" not of {market} on chain {chain_id}",
                "name a state file for each market",
            )
        return state

    def write(self, state: WatchState) -> None:
        """Replace what the file holds, wholly or not at all."""
        if self._path is not None:
            write_whole(self._path, state.to_bytes())
