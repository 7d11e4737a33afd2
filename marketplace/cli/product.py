"""`moemarket export`: a bought model as files that need nothing of this project."""

from __future__ import annotations

from pathlib import Path

import click

from marketplace.cli.arguments import (
    account_option,
    chain_id_option,
    keystore_option,
    market_option,
    open_account,
    open_market,
    rpc_option,
    store_option,
    trade_id_of,
    trade_option,
)
from marketplace.cli.output import as_json, command, conclude
from marketplace.cli.store import read_file


@click.command("export")
@rpc_option
@chain_id_option
@market_option
@trade_option
@store_option
@keystore_option
@account_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Write model.onnx, card.md and card.json into this folder.",
)
@click.option(
    "--rows",
    "rows_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Labelled rows (a dataset file): what the card measures is measured on them.",
)
@click.option(
    "--groups",
    "groups_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="One line for each of the rows: its group, to be measured apart.",
)
@click.option("--explain", is_flag=True, help="Say which inputs the answers depend on.")
@as_json
@command
def export_command(
    rpc: str,
    chain_id: int | None,
    market: str,
    trade: str,
    store_location: str,
    keystore: Path | None,
    account: int,
    out: Path,
    rows_file: Path | None,
    groups_file: Path | None,
    explain: bool,
    json_output: bool,
) -> None:
    """Open the delivered model with the buyer's key and write it as ONNX, with a model card.

    With rows the file is first held against the composite that the committee scored, and not
    written if it answers otherwise.
    """
    from marketplace.chain.files import write_whole
    from marketplace.roles.buyer import Buyer
    from marketplace.roles.product import origin_of
    from offchain.compute import work_on_one_core
    from offchain.data import decode
    from offchain.exchange import Exchange
    from offchain.product.card import page
    from offchain.product.making import make_product
    from offchain.storage.store import open_store

    trade_id = trade_id_of(trade)
    opened = open_market(rpc, chain_id, market)
    owner = open_account(opened.node, keystore, account)
    exchange = Exchange(open_store(store_location), owner, opened.encryption_key_of)
    composite = Buyer(opened, exchange).receive(trade_id)
    rows = None if rows_file is None else decode(read_file(rows_file), composite.task)
    groups = None
    if groups_file is not None:
        groups = read_file(groups_file).decode(errors="replace").splitlines()
    work_on_one_core()
    origin = origin_of(opened, exchange, trade_id)
    made = make_product(composite, origin, rows, groups, explain)
    files = {
        "model.onnx": made.model,
        "card.json": made.card.to_bytes(),
        "card.md": page(made.card).encode(),
    }
    for name, content in files.items():
        write_whole(out / name, content)
    data = {
        "files": [str(out / name) for name in files],
        "sha256": made.card.sha256,
        "bytes": len(made.model),
        "rowsCompared": made.agreement.rows if made.agreement else 0,
    }
    conclude(
        data,
        json_output,
        lambda: click.echo(
            f"{out}: model.onnx ({len(made.model)} bytes), card.json and card.md;"
            f" {data['rowsCompared']} rows answered as by the composite"
        ),
    )
