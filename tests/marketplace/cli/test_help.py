"""Every command and every option says what it is for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import click
import pytest
from command_line import Run
from small_trade import MOEMARKET

from marketplace.cli import main


def walk(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, *path, name)


COMMANDS = dict(walk(main))


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "moemarket")
def test_help(run: Run, path: tuple[str, ...]) -> None:
    for word in ("--help", "-h"):
        ran = run(*path, word)
        assert ran.status == 0
        assert ran.out.startswith(f"Usage: {' '.join(('main', *path))}")
    command = COMMANDS[path]
    assert command.help
    assert len(command.get_short_help_str(limit=200)) > 20
    for option in command.params:
        if isinstance(option, click.Option) and option.name not in ("port", "seed", "out"):
            assert option.help, f"{' '.join(path)} {option.name}"


def test_commands_that_answer_do_so_for_machines_too() -> None:
    without_json = {
        path
        for path, command in COMMANDS.items()
        if not isinstance(command, click.Group)
        and not any(option.name == "json_output" for option in command.params)
    }
    serving = {("devnet",), ("expert", "serve"), ("oracle", "run"), ("oracle", "expert")}
    assert without_json == {*serving, ("store", "get")}


def test_bad_usage_is_status_2(run: Run) -> None:
    for words in (["unheard-of"], ["store", "cid"], ["demo", "--seed", "-1"], ["audit"]):
        assert run(*words).status == 2


def test_as_a_program() -> None:
    shown = subprocess.run([*MOEMARKET, "--version"], capture_output=True, text=True, check=True)
    assert "version 0." in shown.stdout
    wrong = subprocess.run([*MOEMARKET, "nope"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "No such command 'nope'" in wrong.stderr
