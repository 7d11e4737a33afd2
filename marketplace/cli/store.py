"""`moemarket store`: content by its CID."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from marketplace.cli.arguments import store_option
from marketplace.cli.output import as_json, command, conclude
from marketplace.protocol.errors import ConfigurationError

trickle_option = click.option(
    "--trickle", is_flag=True, help="Lay out as `ipfs add --trickle` does, which gives other CIDs."
)


@click.group("store")
def store_commands() -> None:
    """Add, fetch and name content; CIDs equal those of `ipfs add --cid-version=1`."""


@store_commands.command("cid")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@trickle_option
@as_json
@command
def cid_command(file: Path, trickle: bool, json_output: bool) -> None:
    """Print the CID that FILE would get, storing nothing."""
    from offchain.storage.cid import cid_of

    _say(cid_of(read_file(file), "trickle" if trickle else "balanced"), json_output)


@store_commands.command("add")
@store_option
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@trickle_option
@as_json
@command
def add_command(store_location: str, file: Path, trickle: bool, json_output: bool) -> None:
    """Store FILE and print its CID."""
    from offchain.storage.store import open_store

    store = open_store(store_location)
    _say(store.put(read_file(file), "trickle" if trickle else "balanced"), json_output)


@store_commands.command("get")
@store_option
@click.argument("cid")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to a file.  [default: standard output]",
)
@command
def get_command(store_location: str, cid: str, out: Path | None) -> None:
    """Fetch the content of CID, verifying every block."""
    from marketplace.chain.files import write_whole
    from offchain.storage.store import open_store

    content = open_store(store_location).get(cid)
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        write_whole(out, content)


def read_file(file: Path) -> bytes:
    """Read a file that a user named.

    Raises
    ------
    ConfigurationError
        If it can't be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{file} can't be read: {error.strerror}", "name a readable file"
        ) from error


def _say(cid: str, json_output: bool) -> None:
    conclude({"cid": cid}, json_output, lambda: click.echo(cid))
