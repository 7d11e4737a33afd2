"""How commands look at a chain again and again until they are interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import TypeVar

import click

from marketplace.protocol.errors import NodeUnreachable, StoreUnreachable

T = TypeVar("T")

LONGEST_PAUSE_SECONDS = 60.0

poll_option = click.option(
    "--poll",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0.01, 3_600),
    metavar="SECONDS",
    help="Pause between two looks at the chain.",
)


def until_stopped(look: Callable[[], T], pause: float, progress: Callable[[str], None]) -> T | None:
    """Look until SIGINT or SIGTERM comes, which lets a look that has begun come to its end.

    A node or store that does not answer is asked again, after pauses of up to a minute.

    Parameters
    ----------
    pause
        Between two looks, in seconds.
    progress
        Told of what does not answer.

    Returns
    -------
    What the last look returned; None if none came to its end.
    """
    stopping, found, wait = threading.Event(), None, pause
    with _stopped_by_signals(stopping):
        while not stopping.is_set():
            try:
                found, wait = look(), pause
            except (NodeUnreachable, StoreUnreachable) as error:
                wait = min(2 * wait, LONGEST_PAUSE_SECONDS)
                progress(f"{error.cause}; asking again in {wait:.0f} s")
            stopping.wait(wait)
    return found


def _stopped_by_signals(stopping: threading.Event) -> ExitStack:
    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    handlers = ExitStack()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.signal(number, stop)
        handlers.callback(signal.signal, number, before)
    return handlers
