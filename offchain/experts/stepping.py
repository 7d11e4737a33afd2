"""One training step made cheaper on a CUDA device: captured as a graph, or compiled."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch

from marketplace.protocol.errors import ConfigurationError

VARIABLE = "MOEMARKET_STEP"
CHOICES = ("eager", "graph", "compile")
WARM_STEPS = 3


def step_choice(device: torch.device) -> str:
    """Return how steps are taken: eagerly on a CPU, else as ``MOEMARKET_STEP`` says.

    Raises
    ------
    ConfigurationError
        If the variable names no way.
    """
    wish = os.environ.get(VARIABLE, CHOICES[0])
    if wish not in CHOICES:
        raise ConfigurationError(
            f"{VARIABLE} is {wish!r}, which is no way of stepping",
            f"choose one of {', '.join(CHOICES)}",
        )
    return wish if device.type == "cuda" else CHOICES[0]


class Steps:
    """Takes a step again and again; what it reads and writes must stay in the same tensors.

    Parameters
    ----------
    step
        Takes no arguments.
    choice
        As :func:`step_choice`.
    """

    def __init__(self, step: Callable[[], None], choice: str) -> None:
        self._choice = choice
        self._step: Callable[[], None] = torch.compile(step) if choice == "compile" else step
        self._taken = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def take(self) -> None:
        """Take one step; a graph is captured after three, since libraries start up in those."""
        if self._choice != "graph":
            self._step()
            return
        if self._graph is None and self._taken >= WARM_STEPS:
            torch.cuda.synchronize()
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._step()
        if self._graph is not None:
            self._graph.replay()
            return
        self._taken += 1
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            self._step()
        torch.cuda.current_stream().wait_stream(side)
