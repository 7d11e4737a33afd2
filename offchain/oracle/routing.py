"""Step 6: the gate's decision as anyone can recompute it: chosen experts, weights, routing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from marketplace.protocol.units import PARTS, largest_remainder
from offchain.data import Dataset
from offchain.oracle.case import Case
from offchain.training import Pool, Routing, pool, probe_subset, route, train_expert
from offchain.validation import quantise_gate


@dataclass(frozen=True, eq=False)
class GateDecision:
    """What the gate decided over the pooled data.

    Attributes
    ----------
    pooled, routing
        The pool and the gate with its weighted subsets.
    candidates
        Lowercase addresses of all experts that were considered, ascending.
    routed
        Int16 (rows, candidates): the gate's integer weights over the pool.
    """

    pooled: Pool
    routing: Routing
    candidates: tuple[str, ...]
    routed: NDArray[np.int16]

    @property
    def weights(self) -> dict[str, int]:
        """Return each chosen expert's share of the load in parts per million; they sum to 1e6."""
        return expert_weights(self.candidates, self.routed)

    def routing_bytes(self) -> bytes:
        """Serialise the routing array for storage."""
        return save({"routing": np.ascontiguousarray(self.routed)})


def decide_gate(
    case: Case,
    datasets: Mapping[str, Dataset],
    roster: Mapping[str, str],
    progress: Callable[[str], None],
) -> GateDecision:
    """Pool the data, probe every candidate's kind, fit the gate and route the pool.

    The oracle fits the probes itself, because an expert that ends with weight zero must
    not have seen any data.

    Parameters
    ----------
    datasets
        Accepted datasets by the provider's lowercase address.
    roster
        Kind of each candidate, by lowercase address.
    """
    pooled = pool(datasets, case.task, case.seed)
    probe = probe_subset(pooled)
    by_kind: dict[str, bytes] = {}
    for kind in dict.fromkeys(roster.values()):
        progress(f"probing {kind} on {len(probe)} rows")
        by_kind[kind] = train_expert(kind, probe, case.task, case.seed)
    probes = {name: by_kind[kind] for name, kind in roster.items()}
    progress(f"fitting the gate over {len(roster)} experts")
    routing = route(pooled, roster, probes, case.seed)
    candidates = tuple(sorted(roster))
    columns = [candidates.index(name) for name in routing.experts]
    routed = np.zeros((len(pooled.dataset), len(candidates)), np.int16)
    routed[:, columns] = quantise_gate(routing.gate.weights(pooled.dataset.features))
    return GateDecision(pooled, routing, candidates, routed)


def expert_weights(candidates: tuple[str, ...], routed: NDArray[np.int16]) -> dict[str, int]:
    """Return the weights that go on chain: column sums as parts per million, zeros left out."""
    loads = [int(load) for load in routed.sum(axis=0, dtype=np.int64)]
    shares = largest_remainder(PARTS, loads)
    return {name: share for name, share in zip(candidates, shares, strict=True) if share > 0}
