"""Asking experts for probabilities, and believing only what has the form of an answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offchain.experts import FittedExpert
from offchain.packing import unreadable

TOLERANCE = 1e-3


def predict(
    fitted: FittedExpert, features: NDArray[np.float32], classes: int
) -> NDArray[np.float32]:
    """Return an expert's probabilities (n, C), each row summing to one.

    Raises
    ------
    UnreadableModel
        If the expert answers with anything else than probabilities.
    """
    answer = np.asarray(fitted.predict_proba(features), np.float32)
    if answer.shape != (len(features), classes):
        raise unreadable(f"it answers {len(features)} rows with shape {answer.shape}")
    totals = answer.sum(axis=1, dtype=np.float64, keepdims=True)
    if not np.all(np.isfinite(answer) & (answer >= 0)) or np.any(np.abs(totals - 1) > TOLERANCE):
        raise unreadable("its answers are not probabilities")
    return np.asarray(answer / totals, np.float32)
