"""`moemarket audit`: recompute from log and store everything that moved money."""

from __future__ import annotations

from pathlib import Path

import click

from marketplace.cli.output import as_json, command, console, print_data
from marketplace.protocol.errors import AuditFailed, ConfigurationError


@click.command("audit")
@click.option("--rpc", metavar="URL", help="Endpoint of an EVM node.")
@click.option(
    "--chain", type=click.Path(path_type=Path, dir_okay=False), help="A saved devnet, instead."
)
@click.option("--market", required=True, metavar="ADDRESS", help="The marketplace contract.")
@click.option("--store", "store_location", required=True, help="Where the evidence lies.")
@click.option("--trade", metavar="ID", help="Only this trade (0x-hex).")
@as_json
@command
def audit_command(
    rpc: str | None,
    chain: Path | None,
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

    report = audit(
        _provider(rpc, chain), market, open_store(store_location), trade=_trade_id(trade)
    )
    if json_output:
        print_data(report.to_json())
    else:
        show_report(console(), report)
    if not report.ok:
        raise AuditFailed("the audit found a fault", "read the failed checks above")


def _provider(rpc: str | None, chain: Path | None) -> object:
    from marketplace.chain.client import connect

    if (rpc is None) == (chain is None):
        raise ConfigurationError("one source is needed", "give either --rpc or --chain")
    if rpc is not None:
        return connect(rpc).web3.provider
    from marketplace.chain.devnet import DevnetProvider, open_devnet

    if chain is None or not chain.is_file():
        raise ConfigurationError(f"there is no saved chain at {chain}", "name the saved file")
    return DevnetProvider(open_devnet(chain))


def _trade_id(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        trade_id = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        trade_id = b""
    if len(trade_id) != 32:
        raise ConfigurationError(f"{text!r} is no trade id", "give 0x and 64 hex digits")
    return trade_id
