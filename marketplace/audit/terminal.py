"""The report for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from marketplace.audit.report import Check, Report, Verdict

_STYLES: dict[Verdict, tuple[str, str]] = {
    "passed": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "missing": ("?", "bold yellow"),
    "sealed": ("●", "cyan"),
    "open": ("…", "dim"),
    "unchecked": ("~", "yellow"),
    "warned": ("!", "magenta"),
}


def show_report(console: Console, report: Report) -> None:
    """Print every check, those of the market first, and a summary."""
    console.print(
        Text(f"market {report.market} on chain {report.chain_id}, up to block {report.block}")
    )
    console.print(_table("the market", (c for c in report.checks if c.trade is None)))
    for trade in report.trades:
        checks = (check for check in report.checks if check.trade == trade.id)
        console.print(_table(f"trade {trade.id}: {trade.state}", checks))
    console.print(_summary(report))


def _table(title: str, checks: Iterable[Check]) -> Table:
    # Text, never markup: strangers wrote some of the words.
    table = Table(title=Text(title), title_justify="left", box=None, pad_edge=False)
    table.add_column("verdict", no_wrap=True)
    table.add_column("check", no_wrap=True)
    table.add_column("found", overflow="fold")
    for check in checks:
        mark, style = _STYLES[check.verdict]
        table.add_row(
            Text(f"{mark} {check.verdict}", style=style), Text(check.name), Text(check.detail)
        )
    return table


def _summary(report: Report) -> Text:
    counts = Counter(check.verdict for check in report.checks)
    numbers = ", ".join(f"{counts[verdict]} {verdict}" for verdict in _STYLES if counts[verdict])
    if not report.trades:
        return Text("there are no trades here; nothing was audited", style="yellow")
    if report.ok:
        return Text(f"{numbers}; nothing speaks against what was paid", style="green")
    names = ", ".join(sorted({check.name for check in report.objections}))
    return Text(f"{numbers}; objections: {names}", style="bold red")
