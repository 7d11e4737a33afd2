"""Step 6, first half: all providers' rows together, and which of them serve which stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from marketplace.protocol.errors import UnusableData
from offchain.data.dataset import Dataset, Task
from offchain.storage.cid import cid_of
from offchain.training.subset import Subset

PROBE_SHARE = 0.25
LEAST_ROWS = 40


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows of all providers.

    Parameters
    ----------
    task
        What the buyer asks for.
    dataset
        n rows.
    weights
        Float32 (n,), mean one: what a row counts under the task's metric.
    providers
        Names, in the order of the numbers in ``provider``.
    provider
        Int64 (n,): who a row comes from.
    probe, gate
        Row numbers: those every expert is probed on, and those only the gate learns from
        until the experts are chosen.
    """

    task: Task
    dataset: Dataset
    weights: NDArray[np.float32]
    providers: tuple[str, ...]
    provider: NDArray[np.int64]
    probe: NDArray[np.int64]
    gate: NDArray[np.int64]

    @property
    def cid(self) -> str:
        """CID of the rows, their weights and what each serves for."""
        return cid_of(
            save(
                {
                    "features": np.ascontiguousarray(self.dataset.features),
                    "labels": self.dataset.labels,
                    "weights": self.weights,
                    "probe": self.probe,
                }
            )
        )

    def subset(self, rows: NDArray[np.int64], weights: NDArray[np.float32] | None = None) -> Subset:
        """Return some rows, weighted by the metric and, if given, by ``weights`` (len(rows),)."""
        scale = 1.0 if weights is None else weights
        return Subset(self.dataset.take(rows), np.asarray(self.weights[rows] * scale, np.float32))


def pool(datasets: Mapping[str, Dataset], task: Task, seed: int) -> Pool:
    """Pool the providers' rows, each distinct row once, and divide them by seed.

    A row that repeats an earlier one, features and label, is dropped: a copy of another
    provider's data adds nothing. The order of providers is that of their names.

    Raises
    ------
    UnusableData
        If too few rows are left to train on and to judge by.
    """
    names = tuple(sorted(datasets))
    features = np.concatenate([datasets[name].features for name in names])
    labels = np.concatenate([datasets[name].labels for name in names])
    provider = np.repeat(np.arange(len(names)), [len(datasets[name]) for name in names])
    kept = _first_of_each(features, labels)
    if len(kept) < LEAST_ROWS:
        raise UnusableData(
            f"the providers have {len(kept)} distinct rows together",
            f"buy data until there are at least {LEAST_ROWS}",
        )
    dataset = Dataset(features[kept], labels[kept])
    generator = np.random.default_rng([seed, 1])
    probe = _stratified(provider[kept] * len(task.classes) + dataset.labels, generator)
    gate = np.setdiff1d(np.arange(len(kept)), probe)
    weights = _metric_weights(dataset.labels, task)
    return Pool(task, dataset, weights, names, provider[kept], probe, gate)


def _first_of_each(features: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    seen: dict[tuple[bytes, int], int] = {}
    for row, label in enumerate(labels.tolist()):
        seen.setdefault((features[row].tobytes(), label), row)
    return np.array(list(seen.values()), np.int64)


def _stratified(strata: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Return a quarter of the rows of each stratum, ascending."""
    order = generator.permutation(len(strata))
    order = order[np.argsort(strata[order], kind="stable")]
    offset = generator.random()
    places = np.floor((np.arange(len(order)) + 1) * PROBE_SHARE + offset)
    return np.sort(order[np.diff(places, prepend=np.floor(offset)) > 0])


def _metric_weights(labels: NDArray[np.int64], task: Task) -> NDArray[np.float32]:
    """Return what each row counts under the metric, scaled to mean one."""
    if task.metric == "accuracy":
        return np.ones(len(labels), np.float32)
    counts = np.bincount(labels, minlength=len(task.classes))
    present = np.count_nonzero(counts)
    return (len(labels) / (present * counts[labels])).astype(np.float32)
