"""Work on a Ray cluster: pieces that a lost process was busy with are done again."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, TypeVar

from marketplace.protocol.errors import ConfigurationError, WorkLost

ADDRESS, GPUS = "RAY_ADDRESS", "MOEMARKET_RAY_GPUS"
TRIES_AGAIN = 3
T = TypeVar("T")
LEAST_SHARED = 64 * 1024
"""Bytes from which an argument that several jobs have is stored once in the cluster."""


class Cluster:
    """The cluster at ``RAY_ADDRESS``, or one on this machine for as long as this process lives.

    A job takes one core, and ``MOEMARKET_RAY_GPUS`` (0 by default) of a GPU.

    Raises
    ------
    ConfigurationError
        If Ray is not installed, or the cluster doesn't answer.
    """

    def __init__(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anyone
        try:
            import ray
        except ImportError as error:
            raise ConfigurationError(
                "Ray is not installed", "pip install 'moemarket[cluster]', or work here"
            ) from error
        self._ray = ray
        if ray.is_initialized():
            return
        address = os.environ.get(ADDRESS, "local")
        try:
            ray.init(
                address=address,
                include_dashboard=False if address == "local" else None,
                log_to_driver=False,
                logging_level=logging.ERROR,
                # A piece of work does not hand out pieces in turn.
                runtime_env={"env_vars": {"MOEMARKET_ENGINE": "here"}},
            )
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigurationError(
                f"the Ray cluster at {address} doesn't answer ({error})",
                f"start it, or set {ADDRESS}",
            ) from error
        _complain_on_stderr()

    def each(
        self, work: Callable[..., T], jobs: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Callable[[], T]]]:
        """Hand all pieces out, and yield them as they finish; see :class:`Engine`."""
        ray = self._ray
        # Only what a lost process was busy with is tried again; what the work raises counts.
        remote = ray.remote(num_cpus=1, num_gpus=gpus(), max_retries=TRIES_AGAIN)(work)
        stored: dict[int, tuple[Any, Any]] = {}
        pending = {
            remote.remote(*(self._shared(part, stored) for part in job)): number
            for number, job in enumerate(jobs)
        }
        try:
            while pending:
                (done,), _ = ray.wait(list(pending), num_returns=1)
                yield pending.pop(done), partial(self._result, done)
        finally:
            for reference in pending:
                ray.cancel(reference)

    def _shared(self, part: Any, stored: dict[int, tuple[Any, Any]]) -> Any:
        size = len(part) if isinstance(part, bytes) else getattr(part, "nbytes", 0)
        if size < LEAST_SHARED:
            return part
        if id(part) not in stored:
            stored[id(part)] = part, self._ray.put(part)  # kept, so that its id stays its own
        return stored[id(part)][1]

    def _result(self, reference: Any) -> Any:
        errors = self._ray.exceptions
        try:
            return self._ray.get(reference)
        except errors.RayTaskError as error:
            raise error.cause from None
        except errors.RayError as error:
            raise WorkLost(
                f"the cluster lost a piece of work {TRIES_AGAIN + 1} times"
                f" ({type(error).__name__})",
                "see whether its processes run out of memory, then start again",
            ) from error


def _complain_on_stderr() -> None:
    """Let Ray say what died on standard error: standard output is what a command answers.

    Ray has no setting for it; where its own function is gone, it says so where it likes.
    """
    from ray._private import worker

    tell = getattr(worker, "print_to_stdstream", None)
    if tell is not None:
        worker.print_to_stdstream = lambda data, **how: tell({**data, "is_err": True}, **how)


def gpus() -> float:
    """Return the part of a GPU that a job takes.

    Raises
    ------
    ConfigurationError
        If ``MOEMARKET_RAY_GPUS`` is no number of zero or more.
    """
    wish = os.environ.get(GPUS, "0")
    try:
        share = float(wish)
    except ValueError:
        share = -1.0
    if not 0 <= share < float("inf"):
        raise ConfigurationError(f"{GPUS} is {wish!r}, which is no part of a GPU", "such as 0.25")
    return share
