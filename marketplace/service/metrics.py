"""Figures of one process for Prometheus; each process has a registry of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400)


class Metrics:
    """What `/metrics` shows, and what `/healthz` goes by.

    Parameters
    ----------
    stale_seconds
        A process that has seen no chain for longer is not healthy.
    """

    def __init__(self, stale_seconds: float) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._stale_seconds = stale_seconds
        self._seen_at = time.monotonic()

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"moemarket_{name}", what, registry=self.registry)

        self.block = gauge("block", "Number of the latest block seen.")
        self.block_time = gauge("block_timestamp_seconds", "Its timestamp, since 1970.")
        self.lag = gauge("lag_seconds", "How far the latest block seen is behind this clock.")
        self.trades = gauge("trades", "Trades in which something may still be due.")
        self.queue = gauge("queue", "Questions of peers that are worked on or wait.")
        self.balance = gauge("balance_wei", "What the seat's account has to pay gas with.")
        self.steps = Counter(
            "moemarket_steps", "Steps by outcome.", ["step", "outcome"], registry=self.registry
        )
        self.seconds = Histogram(
            "moemarket_step_seconds",
            "How long steps took.",
            ["step"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.questions = Counter(
            "moemarket_questions",
            "Questions of others by kind and outcome.",
            ["kind", "outcome"],
            registry=self.registry,
        )
        self.errors = Counter(
            "moemarket_errors", "Errors by class.", ["kind"], registry=self.registry
        )

    def saw(self, block: int, timestamp: int) -> None:
        """Note the latest block."""
        self._seen_at = time.monotonic()
        self.block.set(block)
        self.block_time.set(timestamp)
        self.lag.set(time.time() - timestamp)

    def count_question(self, kind: str, outcome: str) -> None:
        """Count a question."""
        self.questions.labels(kind, outcome).inc()

    @contextmanager
    def timing(self, step: str) -> Iterator[None]:
        """Measure a step and count how it went."""
        start, outcome = time.monotonic(), "failed"
        try:
            yield
            outcome = "done"
        finally:
            self.steps.labels(step, outcome).inc()
            self.seconds.labels(step).observe(time.monotonic() - start)

    def queue_is(self, waiting: Callable[[], int]) -> None:
        """Show a queue's length whenever it is asked for."""
        self.queue.set_function(waiting)

    @property
    def silent_seconds(self) -> float:
        """How long ago the chain was last seen."""
        return time.monotonic() - self._seen_at

    @property
    def healthy(self) -> bool:
        """Whether the chain was seen of late."""
        return self.silent_seconds <= self._stale_seconds

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self.registry)
