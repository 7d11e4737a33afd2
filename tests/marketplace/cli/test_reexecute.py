"""The work of an attempt again, from a terminal."""

from __future__ import annotations

from command_line import Run, Serve

from marketplace.protocol.errors import ConfigurationError, EnvelopeError, TradeRefused
from marketplace.protocol.states import State

SEAT, BROKER = 5, 2  # places among the well-known accounts


def test_a_seat_finds_everything_equal(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    words = ("reexecute", *served.place, "--store", served.store, "--trade", served.trade)
    data = run(*words, "--account", SEAT, "--json").data
    assert data["outcome"] == "equal"
    assert data["firstDifference"] is None
    assert data["attempt"] == 1
    assert {step["outcome"] for step in data["steps"]} == {"equal"}
    assert data["recorded"]["gate"]["code"] == data["here"]["code"]
    shown = run(*words, "--account", SEAT, "--attempt", 1)
    assert shown.status == 0
    assert "executed again: equal" in shown.out


def test_who_holds_no_key_is_told(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    words = ("reexecute", *served.place, "--store", served.store, "--trade", served.trade)
    assert run(*words, "--account", BROKER, "--json").status == EnvelopeError.exit_code
    missing = run(*words, "--account", SEAT, "--attempt", 3, "--json")
    assert missing.error["exitCode"] == TradeRefused.exit_code


def test_one_source_is_needed(run: Run) -> None:
    words = ("--market", "0x" + "11" * 20, "--store", "s", "--trade", "0x" + "22" * 32)
    assert run("reexecute", *words).status == ConfigurationError.exit_code
