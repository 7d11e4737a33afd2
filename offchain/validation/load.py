"""What a cap on any one expert's load would have cost a trade, from its public integers.

Calls are taken from the busiest, its least weighted ones first, where another expert is called
for the same row; weights of those who stay are shared out anew. Nobody is called instead: what
others would answer better is not in the evidence of their weights, so the loss shown is that of
the plainest way to keep a cap. `offchain.gating.caps` caps a gate that is at hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offchain.data.dataset import Metric
from offchain.validation.evidence import Evidence
from offchain.validation.quantise import quantise_gate
from offchain.validation.score import Score, score_votes


@dataclass(frozen=True)
class LoadCost:
    """One line of the table.

    Parameters
    ----------
    cap
        Largest share of all calls that was asked for; one is no cap.
    top_share
        Largest share that one expert then has; above the cap if none lower can be had.
    calls
        Calls per row.
    score
        What the composite scores on the validation rows, none of which an expert has seen.
    loss
        Parts per million of the score that the cap costs; below zero if it gains.
    """

    cap: float
    top_share: float
    calls: float
    score: Score
    loss: int


def load_costs(
    evidence: Evidence, labels: NDArray[np.int64], metric: Metric, caps: Sequence[float]
) -> list[LoadCost]:
    """Return what each cap costs on a trade's validation rows; first, without a cap.

    Parameters
    ----------
    labels
        Int64 (n,): opened labels.
    caps
        Shares above 0.
    """
    free = score_votes(evidence.predictions, evidence.gates, labels, metric)
    table = []
    for cap in (1.0, *caps):
        gates = capped_gates(evidence.gates, cap)
        score = score_votes(evidence.predictions, gates, labels, metric)
        called = gates > 0
        share = float(called.sum(axis=0).max() / max(called.sum(), 1))
        calls = float(called.sum(axis=1).mean())
        table.append(LoadCost(cap, share, calls, score, free.ppm - score.ppm))
    return table


def capped_gates(gates: NDArray[np.int16], cap: float) -> NDArray[np.int16]:
    """Take calls from the busiest until none has more than ``cap`` of all, or as near as can be.

    Parameters
    ----------
    gates
        Int16 (n, E), rows summing to 2047 or 0. A row keeps its last call.
    """
    left = gates.astype(np.int64)
    taken = _taken(left, cap)
    if taken:
        left[tuple(np.transpose(taken))] = 0
    return quantise_gate(left)


def _taken(left: NDArray[np.int64], cap: float) -> list[tuple[int, int]]:
    """Return the calls to take away, as rows and experts."""
    each_row, load = (left > 0).sum(axis=1), (left > 0).sum(axis=0)
    # Of each expert, its rows from the least weighted on; the earlier row first on ties.
    queues = [[int(row) for row in np.argsort(column, kind="stable")] for column in left.T]
    for queue, column in zip(queues, left.T, strict=True):
        queue[:] = [row for row in reversed(queue) if column[row] > 0]
    taken: list[tuple[int, int]] = []
    lowest, enough = 1.0, 0
    while load.sum():
        share = float(load.max() / load.sum())
        if share < lowest:
            lowest, enough = share, len(taken)
        if share <= cap:
            break
        busiest = int(load.argmax())
        queue = queues[busiest]
        while queue and each_row[queue[-1]] < 2:
            queue.pop()
        if not queue:
            break
        row = queue.pop()
        taken.append((row, busiest))
        each_row[row] -= 1
        load[busiest] -= 1
    # Where the cap can't be had, what was taken in vain is given back.
    return taken[:enough]
