"""`moemarket reexecute`: do an attempt's work again from the stored evidence, and compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.arguments import (
    account_option,
    address_of,
    chain_id_option,
    keystore_option,
    market_option,
    open_account,
    open_source,
    saved_chain_option,
    source_rpc_option,
    store_option,
    trade_id_of,
    trade_option,
)
from marketplace.cli.output import as_json, command, conclude, console, timed_progress
from marketplace.protocol.errors import AuditFailed

if TYPE_CHECKING:
    from marketplace.protocol.documents import Execution
    from offchain.oracle.reexecution import Compared


@click.command("reexecute")
@source_rpc_option
@saved_chain_option
@chain_id_option
@market_option
@store_option
@trade_option
@click.option(
    "--attempt",
    type=click.IntRange(1, 255),
    help="Which attempt.  [default: the last one]",
)
@keystore_option
@account_option
@as_json
@command
def reexecute_command(
    rpc: str | None,
    chain: Path | None,
    chain_id: int | None,
    market: str,
    store_location: str,
    trade: str,
    attempt: int | None,
    keystore: Path | None,
    account: int,
    json_output: bool,
) -> None:
    """Execute an attempt again: pool, probes, gate, training, predictions, score, allocation.

    Needs the key of an account that the evidence is sealed for: a seat of the committee
    executes all steps, a panel's seat or the auditor those that it can open. Says of each
    step whether it is equal bit for bit, within the stated bounds, or different, and exits
    non-zero if one is different.
    """
    from marketplace.chain.market import Market
    from offchain.exchange import Exchange
    from offchain.oracle.reexecution import Reexecution, first_difference, overall
    from offchain.storage.store import open_store

    trade_id = trade_id_of(trade)
    opened = Market(open_source(rpc, chain, chain_id), address_of(market, "the market"))
    holder = open_account(opened.node, keystore, account)
    exchange = Exchange(open_store(store_location), holder, opened.encryption_key_of)
    number = attempt or max(1, opened.status(trade_id).attempts)
    again = Reexecution(opened, exchange, trade_id, number, progress=timed_progress())
    steps = list(again.steps())
    outcome, first = overall(steps), first_difference(steps)
    conclude(
        {
            "trade": trade,
            "attempt": number,
            "outcome": outcome,
            "firstDifference": first.step if first else None,
            "steps": [{"step": s.step, "outcome": s.outcome, "detail": s.detail} for s in steps],
            "recorded": {
                name: {"code": made.code, "environment": made.environment, "seed": made.seed}
                for name, made in again.recorded().items()
            },
            "here": _here(),
        },
        json_output,
        lambda: _show(steps, outcome, first, again.recorded()),
        _objection(first_different(steps)),
    )


def first_different(steps: list[Compared]) -> Compared | None:
    """Return the first step beyond the stated bounds."""
    return next((step for step in steps if step.outcome == "different"), None)


def _objection(step: Compared | None) -> AuditFailed | None:
    if step is None:
        return None
    return AuditFailed(
        f"executed again, {step.step} is different ({step.detail})",
        "compare code and environment, then challenge the verdict if they agree",
    )


def _here() -> dict[str, object]:
    from offchain.environment import code_version, environment

    return {"code": code_version(), "environment": environment()}


def _show(
    steps: list[Compared], outcome: str, first: Compared | None, recorded: dict[str, Execution]
) -> None:
    from rich.markup import escape
    from rich.table import Table

    from offchain.environment import code_version, environment

    table = Table("step", "outcome", "detail", box=None, pad_edge=False)
    for step in steps:
        table.add_row(escape(step.step), step.outcome, escape(step.detail))
    console().print(table)
    where = f", first at {first.step}" if first else ""
    click.echo(f"executed again: {outcome}{where}")
    here = environment()
    for name, made in recorded.items():
        other = {key for key, value in made.environment.items() if here.get(key) != value}
        other |= {"code"} if made.code != code_version() else set()
        if other:
            click.echo(f"{name} was computed with another {', '.join(sorted(other))}")
