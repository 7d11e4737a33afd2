"""How long and how fast a network learns."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network learns.

    Parameters
    ----------
    epochs
        Passes over the rows.
    rate
        Peak learning rate of AdamW; warms up over a fifth of the steps, then falls to zero
        by a cosine.
    decay
        AdamW's weight decay.
    batch
        Rows per step.
    least_steps
        Steps to take even if the rows are few.
    shift
        Most pixels by which a batch of images is moved in each direction, at random.
    """

    epochs: int
    rate: float
    decay: float = 1e-2
    batch: int = 64
    least_steps: int = 150
    shift: int = 0

    def steps(self, rows: int) -> int:
        """Return how many steps are taken over so many rows, in whole passes."""
        batches = math.ceil(rows / self.batch)
        return batches * max(self.epochs, math.ceil(self.least_steps / batches))

    def rate_at(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, counted from zero, of so many."""
        warm = max(1, steps // 5)
        if step < warm:
            return self.rate * (step + 1) / warm
        done = (step - warm) / max(1, steps - warm)
        return self.rate * 0.5 * (1.0 + math.cos(math.pi * done))
