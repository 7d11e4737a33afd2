"""`moemarket caps`: what a cap on any one expert's load costs, for a broker to see beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.arguments import (
    address_of,
    chain_id_option,
    market_option,
    open_source,
    saved_chain_option,
    source_rpc_option,
    store_option,
    trade_id_of,
    trade_option,
)
from marketplace.cli.output import as_json, command, conclude, console
from marketplace.protocol.errors import ConfigurationError

if TYPE_CHECKING:
    from offchain.validation.load import LoadCost


@click.command("caps")
@source_rpc_option
@saved_chain_option
@chain_id_option
@market_option
@store_option
@trade_option
@click.option(
    "--cap",
    "caps",
    multiple=True,
    default=(0.5, 0.4, 0.25, 0.15),
    show_default=True,
    type=click.FloatRange(0.0, 1.0, min_open=True),
    help="Largest share of all calls that one expert may have; may be repeated.",
)
@as_json
@command
def caps_command(
    rpc: str | None,
    chain: Path | None,
    chain_id: int | None,
    market: str,
    store_location: str,
    trade: str,
    caps: tuple[float, ...],
    json_output: bool,
) -> None:
    """Say what score each cap would have cost a decided trade, on its validation rows.

    It reads the public evidence only and needs no key. The loss is that of taking calls away
    from the busiest expert, least weighted first; nobody is called in its place.
    """
    from marketplace.audit.archive import Archive, Unavailable
    from marketplace.audit.auditor import replayed
    from marketplace.audit.evidence import TradeEvidence
    from offchain.storage.store import open_store
    from offchain.validation.load import load_costs

    name, address = trade_id_of(trade), address_of(market, "the market")
    history = replayed(open_source(rpc, chain, chain_id).web3.provider, address)
    known = history.trades.get(name)
    if known is None or known.deciding is None:
        raise ConfigurationError(
            f"the market's log has no decided trade {trade}", "name one that has its verdict"
        )
    evidence = TradeEvidence(known, Archive(open_store(store_location)))
    try:
        votes, labels = evidence.votes(known.deciding), evidence.labels(known.deciding)
        metric = evidence.task().metric
    except Unavailable as error:
        raise ConfigurationError(
            f"the evidence of trade {trade} is {error.verdict}: {error.why}",
            "name a trade whose evidence is public, and the store that has it",
        ) from error
    table = load_costs(votes, labels, metric, caps)
    conclude(
        {
            "trade": trade,
            "metric": metric,
            "rows": len(labels),
            "caps": [
                {
                    "cap": line.cap,
                    "topShare": line.top_share,
                    "callsPerRow": line.calls,
                    "scorePpm": line.score.ppm,
                    "lossPpm": line.loss,
                }
                for line in table
            ],
        },
        json_output,
        lambda: _show(table, metric, len(labels)),
    )


def _show(lines: list[LoadCost], metric: str, rows: int) -> None:
    from rich.table import Table

    table = Table("cap", "largest share", "calls a row", metric, "loss", box=None, pad_edge=False)
    for line in lines:
        table.add_row(
            "none" if line.cap == 1.0 else f"{line.cap:.0%}",
            f"{line.top_share:.1%}",
            f"{line.calls:.2f}",
            f"{line.score.ppm / 10_000:.2f} %",
            f"{line.loss / 10_000:+.2f}",
        )
    console().print(table)
    click.echo(f"on {rows} validation rows; one row is {100 / rows:.2f} points of accuracy")
