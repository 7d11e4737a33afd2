"""Step 6 and 7: the gate chooses experts and gives each its weighted subset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offchain.experts import load_fitted
from offchain.gating import Gate
from offchain.training.pool import Pool
from offchain.training.predictions import predict
from offchain.training.subset import Subset

LEAST_LOAD = 0.01
FLOOR = 0.2


@dataclass(frozen=True, eq=False)
class Routing:
    """What the gate decided.

    Parameters
    ----------
    gate
        Gate over the chosen experts, in the order of ``experts``.
    experts
        Names of the chosen experts.
    loads
        Mean weight of every probed expert over the pool, by name; zero if not chosen.
    subsets
        Weighted training rows of each chosen expert.
    """

    gate: Gate
    experts: tuple[str, ...]
    loads: Mapping[str, float]
    subsets: Mapping[str, Subset]


def route(
    pooled: Pool,
    roster: Mapping[str, str],
    probes: Mapping[str, bytes],
    seed: int,
) -> Routing:
    """Fit the gate to the probe models and route the whole pool through it.

    Parameters
    ----------
    pooled
        The pool that the probe subset came from.
    roster
        Kind of each expert, by name.
    probes
        Model of each expert that answered the probe, by name.
    seed
        Fixes every random choice.

    Raises
    ------
    UnreadableModel
        If a probe model cannot be loaded or does not answer with probabilities.
    """
    names = tuple(name for name in sorted(roster) if name in probes)
    classes = len(pooled.task.classes)
    judged = pooled.dataset.take(pooled.gate)
    answers = np.stack(
        [
            predict(load_fitted(roster[name], probes[name]), judged.features, classes)
            for name in names
        ]
    )
    gate = Gate.fit(judged.features, answers, judged.labels, pooled.weights[pooled.gate], seed)
    loads = gate.weights(pooled.dataset.features).mean(axis=0)
    kept = np.flatnonzero(loads >= LEAST_LOAD)
    gate = gate.restricted(kept)
    weights = gate.weights(pooled.dataset.features)
    experts = tuple(names[index] for index in kept)
    return Routing(
        gate,
        experts,
        dict.fromkeys(names, 0.0)
        | {name: float(load) for name, load in zip(experts, weights.mean(axis=0), strict=True)},
        {name: _subset(pooled, weights[:, index]) for index, name in enumerate(experts)},
    )


def _subset(pooled: Pool, weights: NDArray[np.float32]) -> Subset:
    """Return the rows routed to one expert; every routed row keeps a floor of weight."""
    rows = np.flatnonzero(weights > 0)
    scaled = np.minimum(1.0, FLOOR + weights[rows] / weights[rows].mean())
    return pooled.subset(rows, scaled.astype(np.float32))
