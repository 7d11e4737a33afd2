"""What a cap on any one expert's load costs, so that whoever sets the cap sees the price.

Only the choice of whom to call is biased against the busy (as in the loss-free balancing of
Wang et al. 2024); a vote, once given, counts as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from offchain.gating.sequential import SequentialGate

STEPS = 30
RATE = 8.0


@dataclass(frozen=True)
class CapCost:
    """One line of the table.

    Parameters
    ----------
    cap
        Largest share of all calls that was asked for.
    top_share
        Largest share that one expert then has.
    calls
        Calls per row.
    accuracy
        Share of rows that are decided rightly.
    """

    cap: float
    top_share: float
    calls: float
    accuracy: float


def capped(
    gate: SequentialGate,
    features: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    cap: float,
) -> SequentialGate:
    """Return the gate with the least bias found under which no expert has more of the calls.

    Parameters
    ----------
    features, probabilities
        Rows (n, *feature_shape) and the experts' answers (E, n, C); no labels are needed.
    cap
        Share of all calls. Below 1 / E none can be reached, and the evenest found is returned.
    """
    best, lowest = gate, np.inf
    bias = gate.bias.clone()
    for step in range(STEPS):
        tried = replace(gate, bias=bias)
        called = tried.decide(features, probabilities).weights > 0
        shares = called.sum(axis=0) / called.sum()
        if shares.max() < lowest:
            best, lowest = tried, shares.max()
        if lowest <= cap:
            break
        over = torch.from_numpy(shares - cap).to(bias)
        bias = bias - RATE / (1.0 + step / 10.0) * over.clamp(min=0.0)
    return best


def cap_costs(
    gate: SequentialGate,
    features: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    labels: NDArray[np.int64],
    caps: Sequence[float],
) -> list[CapCost]:
    """Return what each cap costs, on rows that the gate was not fitted to."""
    table = []
    for cap in caps:
        found = capped(gate, features, probabilities, cap).decide(features, probabilities)
        called = found.weights > 0
        table.append(
            CapCost(
                cap,
                float(called.sum(axis=0).max() / called.sum()),
                float(called.sum(axis=1).mean()),
                float((found.chances.argmax(axis=1) == labels).mean()),
            )
        )
    return table
