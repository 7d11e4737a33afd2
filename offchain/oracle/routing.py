"""Step 6: the gate's decision as anyone can recompute it: chosen experts, weights, routing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from marketplace.protocol.errors import MarketError, TradeRefused, UnreadableDataset, UnusableData
from marketplace.protocol.units import PARTS, largest_remainder
from offchain.data import Dataset
from offchain.engines import engine
from offchain.experts import load_fitted
from offchain.oracle.case import Case
from offchain.oracle.numerics import refusing
from offchain.storage.cid import cid_of
from offchain.training import (
    Journal,
    Pool,
    Routing,
    Step,
    encode_subset,
    pool,
    probe_subset,
    route,
    train_batch,
    training_inputs,
    training_job,
)
from offchain.validation import SCALE, quantise_gate


@dataclass(frozen=True, eq=False)
class GateDecision:
    """What the gate decided over the pooled data.

    Attributes
    ----------
    roster
        Kind of each candidate by lowercase address, ascending.
    pooled, routing
        The pool and the gate with its weighted subsets.
    routed
        Int16 (rows, candidates): the gate's integer weights over the pool.
    steps
        Pool, probes and gate by CID.
    """

    roster: Mapping[str, str]
    pooled: Pool
    routing: Routing
    routed: NDArray[np.int16]
    steps: tuple[Step, ...]

    @property
    def weights(self) -> dict[str, int]:
        """Return each chosen expert's share of the load in parts per million; they sum to 1e6."""
        return expert_weights(tuple(self.roster), self.routed)


def decide_gate(
    case: Case,
    datasets: Mapping[str, Dataset],
    roster: Mapping[str, str],
    progress: Callable[[str], None],
    folder: Path | None = None,
) -> GateDecision:
    """Pool the data, probe every candidate's kind, fit the gate and route the pool.

    The oracle fits the probes itself, because an expert that ends with weight zero must
    not have seen any data. A kind that can't be fitted gets no weight.

    Parameters
    ----------
    datasets
        Accepted datasets by the provider's lowercase address.
    roster
        Kind of each candidate, by lowercase address.
    folder
        Where finished steps are kept, so that a signer that was killed goes on there.

    Raises
    ------
    TradeRefused
        If no candidate's kind can be fitted.
    UnusableData
        If the data can't be pooled or routed, or nobody can be chosen for them.
    """
    ordered, journal = dict(sorted(roster.items())), Journal(folder)
    with refusing("the data can't be pooled", "let the trade time out"):
        pooled = pool(datasets, case.task, case.seed)
    pool_cid = pooled.cid
    by_kind = _probes(case, pooled, ordered, journal, progress)
    probes = {name: by_kind[kind] for name, kind in ordered.items() if kind in by_kind}
    if not probes:
        raise TradeRefused("no candidate can be probed", "find experts that suit the task")

    def routed_pool() -> bytes:
        progress(f"fitting the gate over {len(probes)} experts")
        return route(pooled, ordered, probes, case.seed).to_bytes()

    names = [f"{name} {ordered[name]} {cid_of(model)}" for name, model in probes.items()]
    with refusing("the data can't be routed", "let the trade time out"):
        inputs = pool_cid, str(case.seed), *names
        decided = journal.do("gate", inputs, routed_pool, progress)
        routing = Routing.from_bytes(decided, pooled)
        chosen = quantise_gate(routing.gate.weights(pooled.dataset.features))
    if not chosen.any():
        raise UnusableData("the gate chooses nobody for these data", "let the trade time out")
    routed = np.zeros((len(pooled.dataset), len(ordered)), np.int16)
    routed[:, [list(ordered).index(name) for name in routing.experts]] = chosen
    steps = Step("pool", tuple(datasets), pool_cid), *journal.steps
    return GateDecision(ordered, pooled, routing, routed, steps)


def expert_weights(candidates: tuple[str, ...], routed: NDArray[np.int16]) -> dict[str, int]:
    """Return the weights that go on chain: column sums as parts per million, zeros left out."""
    loads = [int(load) for load in routed.sum(axis=0, dtype=np.int64)]
    shares = largest_remainder(PARTS, loads)
    return {name: share for name, share in zip(candidates, shares, strict=True) if share > 0}


def encode_routing(routed: NDArray[np.int16]) -> bytes:
    """Serialise a routing array for storage."""
    return save({"routing": np.ascontiguousarray(routed)})


def decode_routing(data: bytes) -> NDArray[np.int16]:
    """Read a routing array that a leader published.

    Raises
    ------
    UnreadableDataset
        If it is not an int16 array whose rows each share out the whole scale.
    """
    try:
        routed = load(data)["routing"]
    except (SafetensorError, KeyError, ValueError) as error:
        raise _unreadable(str(error)) from error
    if routed.dtype != np.int16 or routed.ndim != 2 or not routed.size or routed.min() < 0:
        raise _unreadable(f"it is {routed.dtype} of shape {routed.shape}")
    if np.any(routed.sum(axis=1, dtype=np.int64) != SCALE):
        raise _unreadable(f"its rows don't sum to {SCALE}")
    return routed


def _probes(
    case: Case,
    pooled: Pool,
    roster: Mapping[str, str],
    journal: Journal,
    progress: Callable[[str], None],
) -> dict[str, bytes]:
    """Fit one model of each kind that can be fitted, and whose model can be loaded."""
    by_kind: dict[str, bytes] = {}
    due: list[str] = []
    probe = probe_subset(pooled)
    given = encode_subset(probe)
    steps = {
        kind: (f"probe {kind}", training_inputs(kind, given, case.task, case.seed, 1))
        for kind in roster.values()
    }
    for kind, (name, inputs) in steps.items():
        found = journal.find(name, *inputs)
        if found is None:
            due.append(kind)
        else:
            progress(f"{name}: done before")
            by_kind[kind] = found

    def jobs() -> Iterator[tuple[Any, ...]]:
        for kind in due:
            progress(f"probing {kind} on {len(probe)} rows")
            yield training_job(kind, [given], case.task, case.seed, 1)

    for number, made in engine().each(train_batch, jobs()):
        kind = due[number]
        try:
            with refusing("it can't be fitted to these rows", "offer another kind"):
                (model,) = made()
                load_fitted(kind, model)
        except MarketError as error:
            progress(f"{kind} is left out: {error.cause}")
        else:
            journal.keep(*steps[kind], model)
            by_kind[kind] = model
    return by_kind


def _unreadable(why: str) -> UnreadableDataset:
    return UnreadableDataset(
        f"the bytes are not a routing array: {why}", "let the leader publish it again"
    )
