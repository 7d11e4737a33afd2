"""Step 6, second half: what each expert is probed with before one is chosen."""

from __future__ import annotations

from offchain.training.pool import Pool
from offchain.training.subset import Subset


def probe_subset(pooled: Pool) -> Subset:
    """Return the rows that every expert fits first; the gate judges it on the others."""
    return pooled.subset(pooled.probe)
