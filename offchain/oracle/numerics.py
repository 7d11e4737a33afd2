"""Strangers' numbers: routines that fail on them, and when two machines' results are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.errors import MarketError, UnusableData
from offchain.training import Subset
from offchain.validation import SCALE, Evidence

QUANTUM = 1
"""Another machine's floating point may move a prediction across one rounding border."""

ROUNDED_APART = 0.01
"""Share of an array that may lie on the other side of a border."""

TOLERANCE = 0.02
"""Gates that were fitted on two machines and differ by less than this are the same decision."""


@contextmanager
def refusing(what: str, remedy: str) -> Iterator[None]:
    """Turn a numerical routine's failure on a stranger's numbers into a refusal.

    Raises
    ------
    UnusableData
        In place of the routine's own exception.
    """
    try:
        yield
    except MarketError:
        raise
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise UnusableData(f"{what} ({reason})", remedy) from error


def same_votes(theirs: Evidence, ours: Evidence) -> bool:
    """Whether two machines quantised the same predictions and gate weights of one model."""
    return (
        theirs.experts == ours.experts
        and _rounded_alike(theirs.predictions, ours.predictions)
        and _rounded_alike(theirs.gates, ours.gates)
    )


def votes_apart(theirs: Evidence, ours: Evidence) -> float:
    """Return how far two gates' votes over the same experts lie apart, 0 to 1.

    The larger of the mean distance between gate weights and that between calibrated
    predictions.
    """
    if theirs.predictions.shape != ours.predictions.shape:
        return 1.0
    distance = int(np.abs(_wide(theirs.predictions) - _wide(ours.predictions)).sum())
    predictions = distance / max(1, 2 * SCALE * ours.predictions[..., 0].size)
    return max(routing_apart(theirs.gates, ours.gates), predictions)


def routing_apart(theirs: NDArray[np.int16], ours: NDArray[np.int16]) -> float:
    """Return the share of routed weight that differs between two arrays (rows, experts)."""
    if theirs.shape != ours.shape:
        return 1.0
    distance, whole = int(np.abs(_wide(theirs) - _wide(ours)).sum()), int(_wide(ours).sum())
    return distance / max(1, 2 * whole)


def subsets_apart(theirs: Subset, ours: Subset) -> float:
    """Return the share of weight by which two subsets differ, whatever the order of rows."""
    difference = _weight_by_row(ours)
    whole = sum(difference.values())
    for row, weight in _weight_by_row(theirs).items():
        difference[row] = difference.get(row, 0.0) - weight
    return sum(abs(weight) for weight in difference.values()) / whole


def _weight_by_row(subset: Subset) -> dict[tuple[bytes, int], float]:
    rows: dict[tuple[bytes, int], float] = {}
    labels = subset.dataset.labels.tolist()
    for features, label, weight in zip(
        subset.dataset.features, labels, subset.weights.tolist(), strict=True
    ):
        row = features.tobytes(), label
        rows[row] = rows.get(row, 0.0) + weight
    return rows


def _rounded_alike(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    if one.shape != other.shape:
        return False
    apart = np.abs(_wide(one) - _wide(other))
    share = np.count_nonzero(apart) / max(1, apart.size)
    return bool(apart.max(initial=0) <= QUANTUM and share <= ROUNDED_APART)


def _wide(array: NDArray[np.int16]) -> NDArray[np.int64]:
    return array.astype(np.int64)
