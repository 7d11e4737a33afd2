"""`moemarket oracle`: a seat of the committee, or an expert's owner, as a process."""

from __future__ import annotations

from datetime import UTC, datetime
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
    open_market,
    password_file_option,
    rpc_option,
    store_option,
)
from marketplace.cli.output import as_json, command, conclude

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from marketplace.service.settings import ExpertEntry

state_option = click.option(
    "--state",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the seat's journal; one for each seat.",
)
host_option = click.option(
    "--host", default="127.0.0.1", show_default=True, help="A loopback address."
)
port_option = click.option(
    "--port",
    default=8800,
    show_default=True,
    type=click.IntRange(0, 65_535),
    help="Where others ask; 0 for any free one.",
)
metrics_port_option = click.option(
    "--metrics-port",
    default=0,
    type=click.IntRange(0, 65_535),
    help="Of /healthz and /metrics.  [default: any free one]",
)


@click.group("oracle")
def oracle_commands() -> None:
    """Run a seat of the oracle committee, or an expert's owner, as a process."""


@oracle_commands.command("run")
@rpc_option
@chain_id_option
@market_option
@store_option
@state_option
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file that names the other seats and the experts on offer.",
)
@keystore_option
@password_file_option
@account_option
@host_option
@port_option
@metrics_port_option
@command
def run_command(
    rpc: str,
    chain_id: int | None,
    market: str,
    store_location: str,
    state: Path,
    settings_file: Path | None,
    keystore: Path | None,
    password_file: Path | None,
    account: int,
    host: str,
    port: int,
    metrics_port: int,
) -> None:
    """Follow the chain and do what is due for one seat, until SIGINT or SIGTERM.

    May be killed at any moment: started again, it goes on where the chain and its journal
    stand. Logs JSON lines to standard error. See docs/oracle.md.
    """
    from marketplace.chain.market import Market
    from marketplace.service.oracle import Place, journaled_node, run_seat
    from marketplace.service.settings import Settings
    from offchain.storage.store import open_store

    settings = Settings() if settings_file is None else Settings.load(settings_file)
    node = journaled_node(rpc, chain_id)
    opened = Market(node, address_of(market, "the market"))
    seat = open_account(node, keystore, account, password_file)

    def open_key(entry: ExpertEntry) -> LocalAccount:
        return open_account(node, entry.keystore, entry.account or 0, entry.password_file)

    run_seat(
        node,
        opened,
        seat,
        open_store(store_location),
        state,
        settings,
        open_key,
        Place(host, port, metrics_port),
        click.echo,
    )


@oracle_commands.command("expert")
@rpc_option
@chain_id_option
@market_option
@store_option
@click.option("--kind", required=True, help="The kind of expert that it trains.")
@keystore_option
@password_file_option
@account_option
@host_option
@port_option
@metrics_port_option
@command
def expert_command(
    rpc: str,
    chain_id: int | None,
    market: str,
    store_location: str,
    kind: str,
    keystore: Path | None,
    password_file: Path | None,
    account: int,
    host: str,
    port: int,
    metrics_port: int,
) -> None:
    """Serve an expert's owner to committees: it trains what the gate gave it, and signs for it."""
    from marketplace.service.oracle import Place, run_owner
    from offchain.experts import expert
    from offchain.storage.store import open_store

    expert(kind)
    opened = open_market(rpc, chain_id, market)
    owner = open_account(opened.node, keystore, account, password_file)
    place = Place(host, port, metrics_port)
    run_owner(opened, owner, open_store(store_location), kind, place, click.echo)


@oracle_commands.command("status")
@state_option
@as_json
@command
def status_command(state: Path, json_output: bool) -> None:
    """Say what a seat's journal tells: trades, steps, and what became of transactions."""
    from marketplace.service.journal import read_journal

    read = read_journal(state)
    chain, market, seat = read.facts["owner"].split("/")
    steps = [
        {
            "trade": step.trade,
            "step": step.name,
            "begun": step.begun,
            "outcome": step.outcome or ("under way" if step.begun else "waiting"),
            "dueSince": _time(step.due_since),
            "detail": step.detail,
        }
        for step in read.steps
    ]
    sent = [
        {
            "trade": each.trade,
            "step": each.step,
            "hash": each.hash,
            "nonce": each.nonce,
            "outcome": each.outcome or "in doubt",
            "at": _time(each.at),
        }
        for each in read.sent
    ]
    data = {
        "seat": seat,
        "chainId": int(chain),
        "market": market,
        "block": int(read.facts.get("block", 0)),
        "trades": [{"trade": trade, "state": name} for trade, name in read.trades.items()],
        "steps": steps,
        "transactions": sent,
    }

    def show() -> None:
        click.echo(f"seat {seat} on chain {chain}, seen up to block {data['block']}")
        for trade, name in read.trades.items():
            click.echo(f"{trade} {name}")
            for line in (each for each in steps if each["trade"] == trade):
                click.echo(
                    f"  {line['step']:20} {line['outcome']:10} {line['dueSince']}"
                    f" {line['detail']}".rstrip()
                )
        for line in (each for each in sent if each["outcome"] != "mined"):
            click.echo(f"{line['hash']} {line['step']} nonce {line['nonce']}: {line['outcome']}")

    conclude(data, json_output, show)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
