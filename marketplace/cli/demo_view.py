"""The demo's summary as tables for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from marketplace.audit.terminal import show_report
from marketplace.protocol.units import in_coins, in_percent
from marketplace.scripted.play import CHAIN_FILE, Played
from marketplace.scripted.summary import LicenceLine, Summary


def show_summary(console: Console, played: Played) -> None:
    """Print price, attempts, experts, payments, licence, gas, CIDs and the audit."""
    summary = played.summary
    console.rule(f"{summary.script}: {summary.state}")
    console.print(f"trade {summary.trade}")
    console.print(f"market {summary.market} on chain {summary.chain_id}, seed {summary.seed}")
    console.print(_price(summary))
    if summary.attempts:
        console.print(_attempts(summary))
    if summary.experts:
        console.print(_experts(summary))
    if summary.payments:
        console.print(_payments(summary))
    if summary.awards:
        console.print(_awards(summary))
    if summary.licence:
        console.print(_licence(summary.licence))
    console.print(_gas(summary))
    console.print(_cids(summary))
    show_report(console, played.report)
    _next_steps(console, played)


def _price(summary: Summary) -> Table:
    table = _table("Price", "component", ">amount")
    for part in summary.price_parts:
        table.add_row(part.name, in_coins(part.amount, summary.currency))
    table.add_section()
    table.add_row("price", in_coins(summary.price, summary.currency))
    return table


def _attempts(summary: Summary) -> Table:
    table = _table(
        f"Validation attempts, threshold {in_percent(summary.threshold_ppm)}",
        "attempt",
        "verdict",
        ">score",
        ">opened by",
        ">best single expert",
        ">uniform average",
    )
    for line in summary.attempts:
        table.add_row(
            str(line.attempt),
            "overturned" if line.overturned else "passed" if line.passed else "failed",
            in_percent(line.score_ppm),
            str(line.scores_opened),
            f"{in_percent(line.best_single_ppm)} ({line.best_single.removeprefix('expert ')})",
            in_percent(line.uniform_ppm),
        )
    return table


def _experts(summary: Summary) -> Table:
    rule = "Shapley" if summary.division == "shapley" else summary.division
    table = _table("Experts", "expert", ">gate weight", f">{rule} share (95 %)", ">paid")
    for line in summary.experts:
        table.add_row(
            line.name.removeprefix("expert "),
            in_percent(line.weight_ppm),
            f"{line.share:.1%} ({line.share_low:.1%} to {line.share_high:.1%})"
            if line.contribution
            else "—",
            in_coins(line.amount, summary.currency),
        )
    return table


def _payments(summary: Summary) -> Table:
    table = _table("Paid out of the escrow", "to", "for", ">amount")
    for payment in summary.payments:
        table.add_row(payment.name, payment.purpose, in_coins(payment.amount, summary.currency))
    table.add_section()
    total = sum(payment.amount for payment in summary.payments)
    table.add_row("sum", "", in_coins(total, summary.currency))
    return table


def _awards(summary: Summary) -> Table:
    table = _table("Paid out of bonds and stakes", "to", "out of", ">amount")
    for award in summary.awards:
        table.add_row(award.name, award.purpose, in_coins(award.amount, award.currency))
    return table


def _licence(licence: LicenceLine) -> Table:
    table = _table("Licence token", "field", "value")
    table.add_row("token", licence.token)
    table.add_row("holder", licence.holder)
    table.add_row("text", licence.text)
    table.add_row("transfers", licence.transfers)
    return table


def _gas(summary: Summary) -> Table:
    table = _table("Gas", "step", ">transactions", ">gas")
    for line in summary.gas:
        table.add_row(line.step, str(line.transactions), f"{line.gas:,}")
    table.add_section()
    table.add_row("the trade itself", "", f"{summary.trade_gas:,}")
    return table


def _cids(summary: Summary) -> Table:
    table = _table("Documents", "document", "CID")
    for name, cid in summary.cids.items():
        table.add_row(name, cid)
    return table


def _next_steps(console: Console, played: Played) -> None:
    source = f"--rpc {played.rpc}" if played.rpc else f"--chain {played.folder / CHAIN_FILE}"
    console.print(f"\nsaved in {played.folder}; audit it again, as a stranger would:")
    console.print(
        f"  moemarket audit {source} --market {played.summary.market} --store {played.store}"
        f" --anchor {played.report.block_hash}",
        soft_wrap=True,
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", min_width=60)
    for column in columns:
        table.add_column(
            column.removeprefix(">"), justify="right" if column.startswith(">") else "left"
        )
    return table
