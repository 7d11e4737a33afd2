"""The work behind a service: one fit at a time, none done twice, models kept a while."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.errors import (
    DataError,
    ExpertError,
    ExpertUnreachable,
    NotFinite,
    UnreadableDataset,
    UnreadableModel,
    UnusableData,
    WrongShape,
)
from offchain.compute import work_on_one_core
from offchain.experts import Expert, FittedExpert
from offchain.packing import pack, unpack
from offchain.serving.messages import Job, name_of
from offchain.training import checked_subset, fit_subset

KEPT = 32
WAITING = 8


class Workshop:
    """An expert with a queue.

    Parameters
    ----------
    offered
        The expert that is served.
    waiting
        Most fits that are under way or wait.
    kept
        Most models, and answers to fits, that are remembered.
    """

    def __init__(self, offered: Expert, *, waiting: int = WAITING, kept: int = KEPT) -> None:
        self.offered = offered
        self.fits = 0
        self._most_waiting, self._kept = waiting, kept
        self._jobs: OrderedDict[str, Future[bytes]] = OrderedDict()
        self._models: OrderedDict[str, FittedExpert] = OrderedDict()
        self._lock = Lock()
        self._bench = ThreadPoolExecutor(1, "expert-fit", initializer=work_on_one_core)

    @property
    def waiting(self) -> int:
        """How many fits are under way or wait."""
        return sum(not job.done() for job in list(self._jobs.values()))

    def fit(self, body: bytes) -> Future[bytes]:
        """Take a fit on, or join the one that has the same content.

        Raises
        ------
        ExpertUnreachable
            If too many wait.
        """
        name = name_of(body)
        with self._lock:
            job = self._jobs.get(name)
            if job is None:
                if self.waiting >= self._most_waiting:
                    raise ExpertUnreachable(
                        f"{self._most_waiting} fits wait already", "ask again later"
                    )
                job = self._jobs[name] = self._bench.submit(self._fitted, body)
            self._jobs.move_to_end(name)
            self._forget_oldest()
        return job

    def predict(self, model: str, body: bytes) -> bytes:
        """Answer for rows with a model that was fitted here.

        Raises
        ------
        ExpertError
            If the model is not known, or not any more.
        DataError, UnreadableModel
            If the rows are not such that it can answer.
        """
        with self._lock:
            fitted = self._models.get(model)
            if fitted is None:
                raise ExpertError(f"no model {model[:16]} is here", "fit it again")
            self._models.move_to_end(model)
        _, arrays = _unpacked(body)
        features = arrays.get("features")
        if arrays.keys() != {"features"} or features is None or features.dtype != np.float32:
            raise WrongShape("the rows are not float32 features", "send features alone")
        if not np.isfinite(features).all():
            raise NotFinite("a feature is not finite", "replace missing values")
        answers = np.ascontiguousarray(fitted.predict_proba(features), np.float32)
        return pack({}, {"probabilities": answers})

    def close(self) -> None:
        """Give up what waits, and end what is under way."""
        self._bench.shutdown(cancel_futures=True)

    def _fitted(self, body: bytes) -> bytes:
        header, arrays = _unpacked(body)
        try:
            job = Job.of(header)
            subset = checked_subset(arrays, job.task())
        except (KeyError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UnreadableDataset(f"this is no job ({reason})", "send it as Job says") from error
        self.fits += 1
        try:
            model = fit_subset(self.offered, subset, job.task(), job.seed, job.effort)
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise UnusableData("it can't be fitted to these rows", "send other rows") from error
        with self._lock:
            self._models[name_of(model)] = self.offered.load(model)
            while len(self._models) > self._kept:
                self._models.popitem(last=False)
        return model

    def _forget_oldest(self) -> None:
        done = [name for name, job in self._jobs.items() if job.done()]
        for name in done[: max(0, len(self._jobs) - self._kept)]:
            del self._jobs[name]


def _unpacked(body: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    try:
        return unpack(body)
    except UnreadableModel as error:
        raise UnreadableDataset(
            "the bytes are not rows in a safetensors file", "write them with offchain.packing"
        ) from error


REFUSALS: tuple[type[Exception], ...] = (DataError, ExpertError, UnreadableModel)
"""What is the asker's fault, and is said to it."""
