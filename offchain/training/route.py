"""Step 6 and 7: the gate chooses experts and gives each its weighted subset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offchain.experts import load_fitted
from offchain.gating import Gate
from offchain.packing import pack, unpack
from offchain.training.pool import Pool
from offchain.training.predictions import predict_each
from offchain.training.subset import Subset

LEAST_LOAD = 0.01
CALLED_FLOOR = 0.2
DOUBT_FLOOR = 0.5


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
    importance
        Float32 (n, E): what each row of the pool counts in each chosen expert's training.
    """

    gate: Gate
    experts: tuple[str, ...]
    loads: Mapping[str, float]
    subsets: Mapping[str, Subset]
    importance: NDArray[np.float32]

    @classmethod
    def over(
        cls,
        pooled: Pool,
        gate: Gate,
        experts: tuple[str, ...],
        loads: Mapping[str, float],
        importance: NDArray[np.float32],
    ) -> Routing:
        """Return the routing of a pool, with each expert's subset of it."""
        subsets = {name: _subset(pooled, importance[:, at]) for at, name in enumerate(experts)}
        return cls(gate, experts, loads, subsets, importance)

    def to_bytes(self) -> bytes:
        """Serialise all but the rows themselves; :meth:`from_bytes` is the inverse."""
        gate = np.frombuffer(self.gate.to_bytes(), np.uint8)
        header = {"experts": list(self.experts), "loads": list(self.loads.items())}
        return pack(header, {"gate": gate, "importance": self.importance})

    @classmethod
    def from_bytes(cls, data: bytes, pooled: Pool) -> Routing:
        """Read what this machine itself wrote about this pool."""
        header, arrays = unpack(data)
        gate = Gate.from_bytes(arrays["gate"].tobytes())
        experts, loads = tuple(header["experts"]), dict(header["loads"])
        return cls.over(pooled, gate, experts, loads, arrays["importance"])


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
    rows, classes = pooled.dataset, len(pooled.task.classes)
    fitted = [load_fitted(roster[name], probes[name]) for name in names]
    answers = predict_each(fitted, rows.features, classes)
    judged = pooled.gate
    gate = Gate.fit(
        rows.features[judged],
        answers[:, judged],
        rows.labels[judged],
        pooled.weights[judged],
        seed,
    )
    kept = np.flatnonzero(gate.weights(rows.features).mean(axis=0) >= LEAST_LOAD)
    gate, kept, shares = restricted_to_called(gate, kept, rows.features)
    importance = _importance(shares)
    if pooled.task.metric != "gini":
        importance *= _doubt(shares, gate.calibrated(answers[kept]), rows.labels)
    experts = tuple(names[index] for index in kept)
    loads = dict(zip(experts, shares.mean(axis=0).tolist(), strict=True))
    return Routing.over(pooled, gate, experts, dict.fromkeys(names, 0.0) | loads, importance)


def restricted_to_called(
    gate: Gate, kept: NDArray[np.int64], features: NDArray[np.float32]
) -> tuple[Gate, NDArray[np.int64], NDArray[np.float32]]:
    """Restrict a gate to some experts, less those that it then calls in no row.

    Among experts that answer alike it is arbitrary who is called, and without some of the
    others it may be somebody else: one that was called before may be left without rows.

    Returns
    -------
    tuple
        The gate, its experts, and their weights (n, E).
    """
    gate = gate.restricted(kept)
    shares = gate.weights(features)
    called = shares.any(axis=0)
    return gate.restricted(np.flatnonzero(called)), kept[called], shares[:, called]


def _importance(shares: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what each row counts in each expert's training, (n, E); zero if not routed there.

    A row counts the more for an expert, the more the gate calls it there than elsewhere.
    The range is bounded, so that no expert is starved of ordinary rows.
    """
    called = np.minimum(1.0, CALLED_FLOOR + shares / shares.mean(axis=0))
    return np.where(shares > 0, called, 0.0).astype(np.float32)


def _doubt(
    shares: NDArray[np.float32], answers: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return a factor (n, 1) that is larger where the probe models doubt the label.

    Decisions are won at the boundary between classes, so rows near it are worth more. It is
    bounded, so that a wrong label can't take over. A ranking has no boundary: there the
    factor costs more in calibration than it brings.
    """
    certain = answers[:, np.arange(len(labels)), labels].T
    unsure = 1.0 - (shares * certain).sum(axis=1, keepdims=True)
    return np.asarray(DOUBT_FLOOR + unsure, np.float32)


def _subset(pooled: Pool, importance: NDArray[np.float32]) -> Subset:
    """Return the rows that count for one expert."""
    rows = np.flatnonzero(importance > 0)
    return pooled.subset(rows, importance[rows])
