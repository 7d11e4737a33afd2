"""`moemarket store`: content by its CID."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from marketplace.cli.output import as_json, command, print_data
from marketplace.protocol.errors import ConfigurationError

location = click.option(
    "--store",
    "store_location",
    required=True,
    help="Folder of an on-disk store, or ipfs:/ip4/127.0.0.1/tcp/5001 for a daemon.",
)


@click.group("store")
def store_commands() -> None:
    """Add, fetch and name content; CIDs equal those of `ipfs add --cid-version=1`."""


@store_commands.command("cid")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@as_json
@command
def cid_command(file: Path, json_output: bool) -> None:
    """Print the CID that FILE would get, storing nothing."""
    from offchain.storage.cid import cid_of

    _say(cid_of(_read(file)), json_output)


@store_commands.command("add")
@location
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@as_json
@command
def add_command(store_location: str, file: Path, json_output: bool) -> None:
    """Store FILE and print its CID."""
    from offchain.storage.store import open_store

    _say(open_store(store_location).put(_read(file)), json_output)


@store_commands.command("get")
@location
@click.argument("cid")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file.")
@command
def get_command(store_location: str, cid: str, out: Path | None) -> None:
    """Fetch the content of CID, verifying every block."""
    from offchain.storage.store import open_store

    content = open_store(store_location).get(cid)
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        out.write_bytes(content)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{file} can't be read: {error.strerror}", "name a file"
        ) from error


def _say(cid: str, json_output: bool) -> None:
    if json_output:
        print_data({"cid": cid})
    else:
        click.echo(cid)
