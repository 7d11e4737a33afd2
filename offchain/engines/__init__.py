"""Where training and evaluation are done: in this process, or on a Ray cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any, Protocol, TypeVar

from marketplace.protocol.errors import ConfigurationError

VARIABLE = "MOEMARKET_ENGINE"
T = TypeVar("T")


class Engine(Protocol):
    """Does pieces of work that don't depend on each other."""

    def each(
        self, work: Callable[..., T], jobs: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Callable[[], T]]]:
        """Do ``work(*job)`` for each job.

        Parameters
        ----------
        work
            A function of a module, of its arguments alone: it may run in another process,
            and again if that process is lost.
        jobs
            Its arguments. Taken one at a time here, all at once by a cluster.

        Yields
        ------
        tuple
            The number of a job, from 0, in the order in which they finish, and what returns
            its result, or raises what the work raised.
        """
        ...


class InProcess:
    """Does one piece after another, in this process."""

    def each(
        self, work: Callable[..., T], jobs: Iterable[tuple[Any, ...]]
    ) -> Iterator[tuple[int, Callable[[], T]]]:
        """Do a piece when its result is asked for; see :class:`Engine`."""
        for number, job in enumerate(jobs):
            yield number, partial(work, *job)


def engine() -> Engine:
    """Return the engine that ``MOEMARKET_ENGINE`` names: ``here`` (default) or ``ray``.

    Raises
    ------
    ConfigurationError
        If the variable names none, Ray is not installed, or its cluster doesn't answer.
    """
    wish = os.environ.get(VARIABLE, "here")
    if wish == "here":
        return InProcess()
    if wish == "ray":
        return _cluster()
    raise ConfigurationError(f"{VARIABLE} is {wish!r}, which is no engine", "choose here or ray")


@cache
def _cluster() -> Engine:
    from offchain.engines.cluster import Cluster

    return Cluster()
