"""`moemarket audit`: recompute from log and store everything that moved money."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.arguments import (
    address_of,
    chain_id_option,
    market_option,
    store_option,
    trade_id_of,
)
from marketplace.cli.output import as_json, command, conclude, console
from marketplace.protocol.errors import AuditFailed, ConfigurationError

if TYPE_CHECKING:
    from marketplace.chain.client import Node


@click.command("audit")
@click.option("--rpc", metavar="URL", help="Endpoint of an EVM node.")
@click.option(
    "--chain", type=click.Path(path_type=Path, dir_okay=False), help="A saved devnet, instead."
)
@chain_id_option
@market_option
@store_option
@click.option("--trade", metavar="ID", help="Report on this trade only (0x-hex).")
@as_json
@command
def audit_command(
    rpc: str | None,
    chain: Path | None,
    chain_id: int | None,
    market: str,
    store_location: str,
    trade: str | None,
    json_output: bool,
) -> None:
    """Replay the log and recompute sums, signatures, scores, Shapley values and payouts.

    Prints a verdict per check and exits non-zero if any check failed or evidence is missing.
    """
    from marketplace.audit import audit
    from marketplace.audit.terminal import show_report
    from offchain.storage.store import open_store

    address = address_of(market, "the market")
    chosen = None if trade is None else trade_id_of(trade)
    store = open_store(store_location)
    report = audit(_node(rpc, chain, chain_id).web3.provider, address, store, trade=chosen)
    conclude(
        report.to_json(),
        json_output,
        lambda: show_report(console(), report),
        None if report.ok else audit_failed(),
    )


def audit_failed() -> AuditFailed:
    """Return what an audit that is not clean ends with."""
    return AuditFailed("the audit found a fault", "read the checks that did not pass")


def _node(rpc: str | None, chain: Path | None, chain_id: int | None) -> Node:
    from marketplace.chain.client import Node, connect

    if (rpc is None) == (chain is None):
        raise ConfigurationError("one source is needed", "give either --rpc or --chain")
    if rpc is not None:
        return connect(rpc, chain_id)
    from marketplace.chain.devnet import DevnetProvider, open_devnet

    if chain is None or not chain.is_file():
        raise ConfigurationError(f"there is no saved chain at {chain}", "name the saved file")
    return Node(DevnetProvider(open_devnet(chain)), chain_id)
