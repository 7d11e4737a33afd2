"""What a terminal shows of a report."""

from __future__ import annotations

from io import StringIO

import pytest
from made_reports import MARKET, check, report, trade
from rich.console import Console

from marketplace.audit.report import Report, Verdict
from marketplace.audit.terminal import show_report


def shown(given: Report) -> str:
    console = Console(file=StringIO(), width=120)
    show_report(console, given)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_each_check_is_shown_once_where_it_belongs() -> None:
    checks = [check("log", None), check("gate", "one"), check("terms", "one"), check("gate", "two")]
    text = shown(report(trade(), trade(name="two", state="PASSED"), checks=checks))
    assert f"market {MARKET} on chain 1, up to block 7" in text
    parts = text.replace("trade two: PASSED", "trade one: SETTLED").split("trade one: SETTLED")
    named = [
        [line.split()[2] for line in part.splitlines() if "is as it should be" in line]
        for part in parts
    ]
    assert named == [["log"], ["gate", "terms"], ["gate"]]


def test_nothing_speaks_against_what_is_as_it_should_be() -> None:
    checks = [check("log", None), check("gate", "one"), check("anchor", None, "unchecked")]
    text = shown(report(trade(), checks=checks))
    assert text.endswith("2 passed, 1 unchecked; nothing speaks against what was paid\n")


@pytest.mark.parametrize("verdict", ["failed", "missing"])
def test_objections_are_named_once(verdict: Verdict) -> None:
    checks = [check("log", None), check("terms", "one", verdict), check("gate", "one", verdict)]
    told = report(trade(), trade(name="two"), checks=[*checks, check("gate", "two", verdict)])
    assert shown(told).endswith(f"1 passed, 3 {verdict}; objections: gate, terms\n")


def test_without_trades_nothing_was_audited() -> None:
    text = shown(report(checks=[check("log", None)]))
    assert text.endswith("there are no trades here; nothing was audited\n")
