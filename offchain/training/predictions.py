"""Asking experts for probabilities once, and believing only what has the form of an answer."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from offchain.arithmetic import CHOICES, arithmetic, computing
from offchain.compute import work_on_one_core
from offchain.engines import engine
from offchain.experts import FittedExpert
from offchain.packing import unreadable

TOLERANCE = 1e-3
KEPT_BYTES = 64 * 1024 * 1024

Key = tuple[bytes, bytes, int, str]


class Answers:
    """Answers that were given before, by model and rows; the least recently used go first.

    Parameters
    ----------
    limit
        Most bytes of answers that are kept.

    Attributes
    ----------
    asked, given
        How often a model was asked, and how often it had to compute.
    """

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self.asked = self.given = 0
        self._limit, self._bytes = limit, 0
        self._kept: OrderedDict[Key, NDArray[np.float32]] = OrderedDict()
        self._names: WeakKeyDictionary[FittedExpert, bytes] = WeakKeyDictionary()

    def of(
        self, fitted: Sequence[FittedExpert], features: NDArray[np.float32], classes: int
    ) -> list[NDArray[np.float32]]:
        """Return each one's checked probabilities (n, C), read-only; raises as :func:`predict`."""
        rows, numbers = _digest(features), arithmetic().name
        keys = [(self._name(one), rows, classes, numbers) for one in fitted]
        answers = {}
        for key in keys:
            if key in self._kept:
                self._kept.move_to_end(key)
                answers[key] = self._kept[key]
        due = {key: one for key, one in zip(keys, fitted, strict=True) if key not in answers}
        order = list(due)
        jobs = ((one, features, classes, numbers) for one in due.values())
        for number, answer in engine().each(ask, jobs):
            answers[order[number]] = self._keep(order[number], answer())
        self.asked += len(keys)
        self.given += len(due)
        return [answers[key] for key in keys]

    def _keep(self, key: Key, answer: NDArray[np.float32]) -> NDArray[np.float32]:
        answer.setflags(write=False)
        self._kept[key] = answer
        self._bytes += answer.nbytes
        while self._bytes > self._limit:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        return answer

    def _name(self, fitted: FittedExpert) -> bytes:
        if fitted not in self._names:
            self._names[fitted] = hashlib.sha256(
                fitted.kind.encode() + b"\0" + fitted.to_bytes()
            ).digest()
        return self._names[fitted]


_ANSWERS = Answers()


def predict(
    fitted: FittedExpert, features: NDArray[np.float32], classes: int
) -> NDArray[np.float32]:
    """Return an expert's probabilities (n, C), each row summing to one; not to be written to.

    What this process has asked before is not computed again.

    Raises
    ------
    UnreadableModel
        If the expert answers with anything else than probabilities.
    """
    return _ANSWERS.of([fitted], features, classes)[0]


def predict_each(
    fitted: Sequence[FittedExpert], features: NDArray[np.float32], classes: int
) -> NDArray[np.float32]:
    """Return the probabilities of all experts, (E, n, C); see :func:`predict`."""
    return np.stack(_ANSWERS.of(fitted, features, classes))


def ask(
    fitted: FittedExpert, features: NDArray[np.float32], classes: int, numbers: str
) -> NDArray[np.float32]:
    """Ask an expert in whatever process this is, in the arithmetic of that name."""
    work_on_one_core()
    with computing(CHOICES[numbers]):
        answer = np.asarray(fitted.predict_proba(features), np.float32)
    totals = require_probabilities(answer, len(features), classes)
    return np.asarray(answer / totals, np.float32)


def _digest(features: NDArray[np.float32]) -> bytes:
    rows = hashlib.sha256(repr((features.shape, features.dtype.str)).encode())
    rows.update(np.ascontiguousarray(features).data)
    return rows.digest()


def require_probabilities(
    answer: NDArray[np.float32], rows: int, classes: int
) -> NDArray[np.float64]:
    """Return the sum of each row, (rows, 1), of an answer that has the form of one.

    Raises
    ------
    UnreadableModel
        If the shape is another, a value negative or not finite, or a sum not one.
    """
    if answer.shape != (rows, classes):
        raise unreadable(f"it answers {rows} rows with shape {answer.shape}")
    totals: NDArray[np.float64] = answer.sum(axis=1, dtype=np.float64, keepdims=True)
    if not np.all(np.isfinite(answer) & (answer >= 0)) or np.any(np.abs(totals - 1) > TOLERANCE):
        raise unreadable("its answers are not probabilities")
    return totals
