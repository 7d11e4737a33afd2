"""How commands speak: text for people, one JSON envelope for machines, errors for both.

The envelope is ``{"ok": true, "data": …}`` or
``{"ok": false, "error": {"kind", "cause", "remedy", "exitCode"}}``, on standard output;
progress goes to standard error.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from marketplace.protocol.errors import MarketError

as_json = click.option("--json", "json_output", is_flag=True, help="Print one JSON object.")


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn errors raised on purpose into one line, or one JSON object, and an exit status."""

    @functools.wraps(function)
    def guarded(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except MarketError as error:
            if options.get("json_output"):
                print_json(
                    {
                        "ok": False,
                        "error": {
                            "kind": type(error).__name__,
                            "cause": error.cause,
                            "remedy": error.remedy,
                            "exitCode": error.exit_code,
                        },
                    }
                )
            else:
                click.echo(f"error: {error}", err=True)
            sys.exit(error.exit_code)

    return guarded


def print_data(data: Any) -> None:
    """Print a result in the envelope."""
    print_json({"ok": True, "data": data})


def print_json(content: dict[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(content, indent=2))


def console() -> Console:
    """Return the console for people; wide enough for its tables when piped."""
    return Console(width=None if sys.stdout.isatty() else 110, highlight=False)


def timed_progress() -> Callable[[str], None]:
    """Return a function that prints a line with the seconds since now, to standard error."""
    start = time.monotonic()

    def report(message: str) -> None:
        click.echo(f"{time.monotonic() - start:7.1f} s  {message}", err=True)

    return report
