"""`moemarket evidence`: all that a trade's log refers to, as one file to hand over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.arguments import (
    address_of,
    chain_id_option,
    from_block_option,
    market_option,
    open_source,
    saved_chain_option,
    source_rpc_option,
    store_option,
    trade_id_of,
)
from marketplace.cli.output import as_json, command, conclude
from marketplace.protocol.errors import ConfigurationError, MissingContent

if TYPE_CHECKING:
    from marketplace.audit.holdings import Holding


@click.group("evidence")
def evidence_commands() -> None:
    """Hand a trade's evidence over as one CAR, and take it in again."""


@evidence_commands.command("export")
@click.argument("trade")
@source_rpc_option
@saved_chain_option
@chain_id_option
@market_option
@store_option
@click.option(
    "--payouts",
    metavar="ADDRESS",
    help="Contract of payouts to many, whose lists of payees are to come along.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The CAR to write; its name ends in .car.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Archive the node's answers to an audit of the trade, too.",
)
@from_block_option
@as_json
@command
def export_command(
    trade: str,
    rpc: str | None,
    chain: Path | None,
    chain_id: int | None,
    market: str,
    store_location: str,
    payouts: str | None,
    out: Path,
    log: Path | None,
    from_block: int,
    json_output: bool,
) -> None:
    """Write every block that TRADE (0x-hex) refers to into one CAR.

    With --log, the CAR and the archived log suffice to audit the trade again:
    `moemarket audit --chain LOG --market ADDRESS --trade TRADE --store CAR --anchor HASH`,
    with the hash that this command says. Compare it with a node of your own. A log of more than
    512 MiB is not read back, so none is written, and no CAR: it holds all blocks' headers, so
    start it with --from-block shortly before the market, and the audit with the same.

    With --payouts, the CAR holds the lists of payees of that contract, with everybody's amounts
    and salts: hand it to those who audit only. The audit is then given --payouts, too.

    The CAR names what is missing among its roots; the status is then not zero.
    """
    from marketplace.audit import audit
    from marketplace.audit.auditor import replayed
    from marketplace.audit.chain import open_chain
    from marketplace.audit.holdings import holdings, lists_of_payees
    from marketplace.audit.recording import MAX_LOG_BYTES, Recorder
    from marketplace.audit.rpc import Rpc
    from marketplace.chain.files import write_whole
    from offchain.storage.car_store import CarStore, write_car
    from offchain.storage.disk import replacing
    from offchain.storage.store import open_store

    if out.suffix != ".car":
        raise ConfigurationError(f"{out} doesn't end in .car", "name the file so")
    name, address = trade_id_of(trade), address_of(market, "the market")
    paying = None if payouts is None else address_of(payouts, "the payouts' contract")
    store, source = open_store(store_location), open_source(rpc, chain, chain_id).web3.provider
    node = Recorder(source, None if log is None else MAX_LOG_BYTES)
    history = replayed(node, address, paying, from_block)
    if name not in history.trades:
        raise ConfigurationError(
            f"the market's log has no trade 0x{name.hex()}", "check the trade id and the market"
        )
    found = holdings(history.trades[name], history.disputes.acts.get(name, []), store)
    found += lists_of_payees(history.distributions, store)
    roots = [file.cid for file in found if file.standing == "there" or file.lacking]
    report = anchor = None
    with replacing(out) as car:
        write_car(roots, store.block, car)
        if log is not None:
            anchor = open_chain(Rpc(node), address).block.recomputed
            report = audit(
                node,
                address,
                CarStore(car),
                trade=name,
                anchor=anchor,
                first=from_block,
                payouts=paying,
            )
            write_whole(log, node.to_bytes())
    lacking = [file for file in found if file.lacking]
    conclude(
        {
            "trade": "0x" + name.hex(),
            "car": str(out),
            "bytes": out.stat().st_size,
            "log": None if log is None else str(log),
            "anchor": None if anchor is None else "0x" + anchor.hex(),
            "fromBlock": from_block,
            "auditOk": None if report is None else report.ok,
            "files": [_as_json(file) for file in found],
        },
        json_output,
        lambda: _show(found, out, anchor, from_block),
        _incomplete(lacking) if lacking else None,
    )


@evidence_commands.command("import")
@click.argument("car", type=click.Path(path_type=Path, dir_okay=False))
@store_option
@as_json
@command
def import_command(car: Path, store_location: str, json_output: bool) -> None:
    """Put every block of CAR into a store, each verified, and pin the roots that are whole."""
    from offchain.storage.car_store import CarStore, import_car
    from offchain.storage.store import open_store

    source, store = CarStore(car), open_store(store_location)
    gone = [str(cid) for cid in import_car(source, store)]
    conclude(
        {"roots": [str(root) for root in source.roots], "missing": gone},
        json_output,
        lambda: click.echo(f"{len(source.roots)} files named, {len(gone)} blocks missing"),
        MissingContent(
            f"{len(gone)} blocks that {car} needs are in neither place: {', '.join(gone[:3])}",
            "ask whoever made it for them; what is whole was stored",
        )
        if gone
        else None,
    )


def _as_json(file: Holding) -> dict[str, Any]:
    return {
        "what": file.what,
        "cid": str(file.cid),
        "standing": file.standing,
        **({"why": file.why} if file.lacking else {}),
    }


def _show(found: list[Holding], out: Path, anchor: bytes | None, from_block: int) -> None:
    for file in found:
        click.echo(f"{file.standing:8} {file.cid}  {file.what}")
    click.echo(f"{out}: {out.stat().st_size} bytes")
    if anchor is not None:
        start = f" --from-block {from_block}" if from_block else ""
        click.echo(f"audit it with --anchor 0x{anchor.hex()}{start}")


def _incomplete(lacking: list[Holding]) -> MissingContent:
    return MissingContent(
        f"{len(lacking)} of the files can't be had whole: "
        + ", ".join(file.what for file in lacking[:3]),
        "put them into the store and export again; the CAR holds the rest",
    )
