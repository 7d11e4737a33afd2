"""What a forked process runs; apart, so that it imports nothing of the tests."""

from __future__ import annotations

import os


def run_command(words: list[str], log: str, failpoints: str) -> None:
    """Run a command of the program in this process, its output in a file."""
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(target, 1)
    os.dup2(target, 2)
    from marketplace.cli import main
    from marketplace.service.failpoint import FAILPOINTS_VARIABLE

    if failpoints:
        os.environ[FAILPOINTS_VARIABLE] = failpoints
    main(words)
