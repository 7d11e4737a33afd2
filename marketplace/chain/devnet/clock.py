"""Chain time: the wall clock, moved forward by whoever tests a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

MAX_TIMESTAMP = 2**64 - 1

Now = Callable[[], float]


@dataclass
class Clock:
    """Decides the timestamp of each new block.

    Attributes
    ----------
    offset
        Seconds that chain time is ahead of the wall clock.
    pinned
        Timestamp that the next block must carry, or None.
    now
        Wall clock, in seconds since the epoch.
    """

    offset: int = 0
    pinned: int | None = None
    now: Now = time.time

    def next_timestamp(self, parent: int) -> int:
        """Return the timestamp of the block after one stamped `parent`, in seconds.

        Two blocks never share a second, so a chain that mines faster than one block
        a second runs ahead of the wall clock.
        """
        if self.pinned is not None:
            return self.pinned
        return max(parent + 1, int(self.now()) + self.offset)

    def advance(self, seconds: int, newest: int) -> int:
        """Move chain time forward from now, or from the newest block if that is later.

        Parameters
        ----------
        seconds
            How far.
        newest
            Timestamp of the newest block.

        Returns
        -------
        int
            Seconds that chain time is now ahead of the wall clock.
        """
        wall = int(self.now())
        self.offset = max(wall + self.offset, newest) + seconds - wall
        return self.offset

    def block_sealed(self, timestamp: int) -> None:
        """Go on from a pinned timestamp once a block has carried it."""
        if self.pinned is not None:
            self.offset = timestamp - int(self.now())
            self.pinned = None
