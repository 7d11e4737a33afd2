"""`moemarket watch`: audit what is new, block after block, and raise the alarm at a fault."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from marketplace.cli.arguments import (
    address_of,
    chain_id_option,
    market_option,
    open_market,
    rpc_option,
    store_option,
)
from marketplace.cli.looking import poll_option, until_stopped
from marketplace.cli.output import as_json, command, conclude, timed_progress
from marketplace.protocol.errors import AuditFailed

SECRET_VARIABLE = "MOEMARKET_WEBHOOK_SECRET"  # noqa: S105  # the variable's name, not a secret


@click.command("watch")
@rpc_option
@chain_id_option
@market_option
@store_option
@click.option(
    "--state",
    "state_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File that remembers how far the watch has come; without it, all is audited at the start.",
)
@click.option(
    "--webhook",
    metavar="URL",
    help=f"Is sent each new fault, as a JSON POST; signed if {SECRET_VARIABLE} is set.",
)
@click.option(
    "--patience",
    default=600,
    show_default=True,
    type=click.IntRange(0),
    metavar="SECONDS",
    help="How long evidence may be missing: of a trade after its end, and lists of payees.",
)
@click.option("--bids", metavar="ADDRESS", help="Contract of tenders to watch, too.")
@click.option("--payouts", metavar="ADDRESS", help="Contract of payouts to many to watch, too.")
@click.option("--keep-going", is_flag=True, help="Go on after a fault.")
@click.option(
    "--proven", is_flag=True, help="Take it for a fault, too, where a check could not be made."
)
@click.option("--once", is_flag=True, help="End after one look.")
@poll_option
@as_json
@command
def watch_command(
    rpc: str,
    chain_id: int | None,
    market: str,
    store_location: str,
    state_file: Path | None,
    webhook: str | None,
    patience: int,
    bids: str | None,
    payouts: str | None,
    keep_going: bool,
    proven: bool,
    once: bool,
    poll: float,
    json_output: bool,
) -> None:
    """Audit each trade as it ends and the log as it comes, until interrupted or a check fails.

    Ends with status 50 at the first fault. May be killed at any time, and goes on from its
    state file; a fault that was not mended is found again.
    """
    from marketplace.watch.state import StateFile
    from marketplace.watch.watcher import Watcher, failed
    from marketplace.watch.webhook import Webhook
    from offchain.storage.store import open_store

    secret = os.environ.get(SECRET_VARIABLE)
    watcher = Watcher(
        open_market(rpc, chain_id, market),
        open_store(store_location),
        StateFile(state_file),
        None if webhook is None else Webhook(webhook, secret.encode() if secret else None),
        patience=patience,
        keep_going=keep_going,
        proven=proven,
        progress=timed_progress(),
        bids=None if bids is None else address_of(bids, "the tenders' contract"),
        payouts=None if payouts is None else address_of(payouts, "the payouts' contract"),
    )
    objection: AuditFailed | None = None
    try:
        if once:
            watcher.look()
        else:
            until_stopped(watcher.look, poll, watcher.progress)
    except AuditFailed as error:
        objection = error
    if watcher.faults and objection is None:
        objection = failed(watcher.faults[0])
    checkpoints = watcher.state.checkpoints
    data: dict[str, Any] = {
        "block": checkpoints[-1].block if checkpoints else None,
        "waiting": [waiting.trade for waiting in watcher.state.waiting],
        "faults": [fault.model_dump(mode="json", by_alias=True) for fault in watcher.faults],
    }

    def show() -> None:
        if objection is None:
            click.echo(f"nothing speaks against the market up to block {data['block']}")

    conclude(data, json_output, show, objection)
