"""One line or one JSON object for every error, and the status of its class."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner, Result

from marketplace.cli.output import as_json, command, conclude
from marketplace.protocol import errors
from marketplace.protocol.errors import AuditFailed, MarketError


def classes(root: type[MarketError] = MarketError) -> Iterator[type[MarketError]]:
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from classes(child)


def ran(error: Exception | None, *words: str, objection: MarketError | None = None) -> Result:
    @click.command()
    @as_json
    @command
    def program(json_output: bool) -> None:
        if error is not None:
            raise error
        conclude({"lamp": "on"}, json_output, lambda: click.echo("the lamp is on"), objection)

    return CliRunner().invoke(program, words)


@pytest.mark.parametrize("kind", list(classes()), ids=lambda kind: kind.__name__)
def test_each_class_of_error_has_its_status_and_one_line(kind: type[MarketError]) -> None:
    error = kind("the lamp\nis off", "press the switch")
    shown = ran(error)
    assert shown.exit_code == kind.exit_code
    assert shown.stdout == ""
    assert shown.stderr == "error: the lamp is off; press the switch\n"


@pytest.mark.parametrize("kind", list(classes()), ids=lambda kind: kind.__name__)
def test_machines_get_the_same_as_an_object(kind: type[MarketError]) -> None:
    shown = ran(kind("the lamp is off", "press the switch"), "--json")
    assert shown.exit_code == kind.exit_code
    assert shown.stderr == ""
    assert json.loads(shown.stdout) == {
        "ok": False,
        "error": {
            "kind": kind.__name__,
            "cause": "the lamp is off",
            "remedy": "press the switch",
            "exitCode": kind.exit_code,
        },
    }


def test_results_for_people_and_for_machines() -> None:
    assert ran(None).stdout == "the lamp is on\n"
    shown = ran(None, "--json")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert json.loads(shown.stdout) == {"ok": True, "data": {"lamp": "on"}}


def test_a_result_that_is_a_failure_comes_with_it() -> None:
    objection = AuditFailed("the audit found a fault", "read it")
    shown = ran(None, objection=objection)
    assert shown.exit_code == AuditFailed.exit_code
    assert shown.stdout == "the lamp is on\n"
    assert shown.stderr == "error: the audit found a fault; read it\n"
    envelope = json.loads(ran(None, "--json", objection=objection).stdout)
    assert envelope["ok"] is False
    assert envelope["data"] == {"lamp": "on"}
    assert envelope["error"]["kind"] == "AuditFailed"


def test_a_missing_package_is_named_with_what_brings_it() -> None:
    shown = ran(ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn"))
    assert shown.exit_code == 3
    assert shown.stderr == (
        "error: this command needs the package 'torch', which is not installed;"
        " pip install 'moemarket[all]'\n"
    )


@pytest.mark.parametrize(
    "crash", [ModuleNotFoundError("gone", name="offchain.nowhere"), ZeroDivisionError("by zero")]
)
def test_a_bug_is_not_dressed_up(crash: Exception) -> None:
    shown = ran(crash)
    assert shown.exit_code == 1
    assert shown.exception is crash
