"""`moemarket store pin`, `verify` and `gc`: what keeps a store sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.arguments import (
    address_of,
    chain_id_option,
    open_source,
    saved_chain_option,
    source_rpc_option,
    store_option,
)
from marketplace.cli.output import as_json, command, conclude
from marketplace.protocol.errors import ConfigurationError, CorruptContent, StorageError

if TYPE_CHECKING:
    from marketplace.audit.history import History
    from offchain.storage.block import Cid
    from offchain.storage.store import Store


@click.group("pin")
def pin_commands() -> None:
    """Keep content, with all below it, from being swept."""


@pin_commands.command("add")
@click.argument("cid")
@store_option
@as_json
@command
def pin_add_command(cid: str, store_location: str, json_output: bool) -> None:
    """Pin CID; every block of it has to be there."""
    from offchain.storage.store import open_store

    open_store(store_location).pin(cid)
    conclude({"cid": cid}, json_output, lambda: click.echo(f"pinned {cid}"))


@pin_commands.command("rm")
@click.argument("cid")
@store_option
@as_json
@command
def pin_rm_command(cid: str, store_location: str, json_output: bool) -> None:
    """Take the pin on CID back."""
    from offchain.storage.store import open_store

    open_store(store_location).unpin(cid)
    conclude({"cid": cid}, json_output, lambda: click.echo(f"unpinned {cid}"))


@pin_commands.command("ls")
@store_option
@as_json
@command
def pin_ls_command(store_location: str, json_output: bool) -> None:
    """List what was pinned."""
    from offchain.storage.store import open_store

    pins = open_store(store_location).pins()
    conclude({"cids": pins}, json_output, lambda: click.echo("\n".join(pins)))


@click.command("verify")
@store_option
@as_json
@command
def verify_command(store_location: str, json_output: bool) -> None:
    """Hash every block again and name those that are damaged or missing.

    Of an IPFS daemon, all that is pinned is looked at.
    """
    from offchain.storage.store import open_store
    from offchain.storage.upkeep import survey

    found = survey(open_store(store_location))

    def show() -> None:
        for fault in found.faults:
            click.echo(fault)
        click.echo(f"{found.sound} blocks are sound, {len(found.faults)} are not")

    objection = CorruptContent(
        f"{len(found.faults)} blocks are damaged or missing", "put what they belong to again"
    )
    data = {"sound": found.sound, "faults": found.faults}
    conclude(data, json_output, show, objection if found.faults else None)


@click.command("gc")
@store_option
@source_rpc_option
@saved_chain_option
@chain_id_option
@click.option(
    "--market",
    "markets",
    multiple=True,
    required=True,
    metavar="ADDRESS",
    help="A market whose open trades need the store; give each of them.",
)
@click.option(
    "--min-age",
    type=click.FloatRange(min=0),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="Leave younger blocks alone: what is being written isn't on chain yet.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option(
    "--despite-gaps",
    is_flag=True,
    help="Sweep though something that an open trade needs is missing, and what is below it.",
)
@as_json
@command
def gc_command(
    store_location: str,
    rpc: str | None,
    chain: Path | None,
    chain_id: int | None,
    markets: tuple[str, ...],
    min_age: float,
    dry_run: bool,
    despite_gaps: bool,
    json_output: bool,
) -> None:
    """Delete the blocks that no pin and no open trade needs.

    What only ended trades refer to goes, too: export or pin their evidence first.
    """
    from marketplace.audit.auditor import replayed
    from offchain.storage.disk import DiskStore
    from offchain.storage.store import open_store
    from offchain.storage.upkeep import sweep

    store = open_store(store_location)
    if not isinstance(store, DiskStore):
        raise ConfigurationError(
            f"{store_location} is no folder", "let the daemon collect: `ipfs repo gc` keeps pins"
        )
    node = open_source(rpc, chain, chain_id).web3.provider
    needed = {
        cid
        for market in markets
        for cid in _needed(
            replayed(node, address_of(market, "the market")), store, despite_gaps=despite_gaps
        )
    }
    done = sweep(store, needed, min_age=min_age, dry_run=dry_run, despite_gaps=despite_gaps)
    verb = "would be swept" if dry_run else "swept"

    def show() -> None:
        for cid in done.swept:
            click.echo(cid)
        click.echo(
            f"{len(done.swept)} blocks of {done.size} bytes {verb}; {done.kept} are needed,"
            f" {done.young} are younger than {min_age:g} s"
        )

    conclude({**done._asdict(), "dryRun": dry_run}, json_output, show)


def _needed(history: History, store: Store, *, despite_gaps: bool) -> set[Cid]:
    """Return what the open trades refer to and the store has, some of it in parts perhaps."""
    from marketplace.audit.holdings import holdings

    needed = set()
    for trade in history.trades.values():
        if trade.ended:
            continue
        for file in holdings(trade, history.disputes.acts.get(trade.id, []), store):
            if file.lacking and not despite_gaps:
                raise StorageError(
                    f"open trade {trade.name} needs its {file.what}: {file.why}",
                    "put it there again, or give --despite-gaps",
                )
            if file.lacking or file.standing == "there":
                needed.add(file.cid)
    return needed
