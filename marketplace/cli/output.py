"""How commands speak: text for people, one JSON envelope for machines, errors for both.

The envelope is ``{"ok": true, "data": …}`` or
``{"ok": false, "error": {"kind", "cause", "remedy", "exitCode"}}``, on standard output;
an audit that found a fault has both ``error`` and ``data``. Progress goes to standard
error.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import click
from rich.console import Console

from marketplace.protocol.errors import ConfigurationError, MarketError

as_json = click.option("--json", "json_output", is_flag=True, help="Print one JSON object.")

OURS = {"marketplace", "offchain"}


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """Turn errors raised on purpose into one line, or one JSON object, and an exit status."""

    @functools.wraps(function)
    def guarded(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except MarketError as error:
            _fail(error, bool(options.get("json_output")))
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if not package or package in OURS:
                raise
            missing = ConfigurationError(
                f"this command needs the package {package!r}, which is not installed",
                "pip install 'moemarket[all]'",
            )
            _fail(missing, bool(options.get("json_output")))

    return guarded


def conclude(
    data: Any,
    json_output: bool,
    show: Callable[[], object],
    objection: MarketError | None = None,
) -> None:
    """Give a result to machines or to people.

    Parameters
    ----------
    data
        What machines get; JSON-ready.
    show
        Prints it for people.
    objection
        An error that the result itself amounts to; ends the program with its status.
    """
    if not json_output:
        show()
    if objection is not None:
        _fail(objection, json_output, data=data)
    if json_output:
        _print_json({"ok": True, "data": data})


def console() -> Console:
    """Return the console for people; wide enough for its tables when piped."""
    return Console(width=None if sys.stdout.isatty() else 110, highlight=False)


def timed_progress() -> Callable[[str], None]:
    """Return a function that prints a line with the seconds since now, to standard error."""
    start = time.monotonic()

    def report(message: str) -> None:
        click.echo(f"{time.monotonic() - start:7.1f} s  {message}", err=True)

    return report


def _fail(error: MarketError, json_output: bool, **more: Any) -> NoReturn:
    if json_output:
        details = {
            "kind": type(error).__name__,
            "cause": error.cause,
            "remedy": error.remedy,
            "exitCode": error.exit_code,
        }
        _print_json({"ok": False, "error": details, **more})
    else:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        for note in getattr(error, "__notes__", ()):  # what a compiler said, for example
            click.echo(note, err=True)
    sys.exit(error.exit_code)


def _print_json(content: dict[str, Any]) -> None:
    click.echo(json.dumps(content, indent=2))
