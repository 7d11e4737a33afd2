"""`moemarket index`: keep a read model of a market in SQL, and hold it against the audit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.arguments import address_of, chain_id_option, market_option, rpc_option
from marketplace.cli.looking import poll_option, until_stopped
from marketplace.cli.output import as_json, command, conclude, timed_progress
from marketplace.protocol.errors import ConfigurationError, IndexDiffers

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from marketplace.index.store import Cursor, Index

database_option = click.option(
    "--database",
    metavar="URL",
    default="sqlite:///moemarket-index.sqlite",
    show_default=True,
    help="sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/NAME.",
)


@click.group("index")
def index_commands() -> None:
    """Keep a market's trades, payments and balances in SQL, for who shows or searches them.

    Nothing that decides about money reads the index. It can be thrown away and made again.
    """


@index_commands.command("follow")
@database_option
@rpc_option
@chain_id_option
@market_option
@click.option("--once", is_flag=True, help="End at the head of the chain.")
@poll_option
@as_json
@command
def follow_command(
    database: str,
    rpc: str,
    chain_id: int | None,
    market: str,
    once: bool,
    poll: float,
    json_output: bool,
) -> None:
    """Bring the index to the head of the chain, and keep it there until interrupted.

    Makes the database's tables, or migrates them. Goes back with the chain where up to 64
    blocks were replaced. May be killed at any time, and goes on from there.
    """
    index = _opened(database)
    look = _follower(index, rpc, chain_id, market)
    cursor = look() if once else until_stopped(look, poll, timed_progress())
    _conclude_at(cursor, json_output)


@index_commands.command("rebuild")
@database_option
@rpc_option
@chain_id_option
@market_option
@as_json
@command
def rebuild_command(
    database: str, rpc: str, chain_id: int | None, market: str, json_output: bool
) -> None:
    """Empty the index, and make it again from the chain's log, up to the head.

    Equal chains give equal bytes: compare `moemarket index digest`.
    """
    from marketplace.chain.client import connect
    from marketplace.index.contracts import Contracts

    address = address_of(market, "the market")
    Contracts(connect(rpc, chain_id), address)  # before anything is thrown away
    index = _opened(database)
    index.clear()
    _conclude_at(_follower(index, rpc, chain_id, market)(), json_output)


@index_commands.command("status")
@database_option
@click.option("--rpc", metavar="URL", help="Also tell how far the chain is ahead.")
@as_json
@command
def status_command(database: str, rpc: str | None, json_output: bool) -> None:
    """Tell whose index it is, up to which block, and how much it holds."""
    from marketplace.chain.client import connect
    from marketplace.chain.headers import header
    from marketplace.index.database import revision
    from marketplace.index.summary import counts, trades_by_state

    engine = _readable(database)
    cursor = _cursor_of(engine)
    status: dict[str, Any] = {
        **_shown(cursor),
        "revision": revision(engine),
        "rows": counts(engine),
        "trades": trades_by_state(engine),
    }
    if rpc is not None:
        head = header(connect(rpc, cursor.chain_id))
        status["behind"] = None if head is None else head.number - cursor.block

    def show() -> None:
        for name, value in status.items():
            if isinstance(value, dict):
                value = ", ".join(f"{count} {kind}" for kind, count in value.items()) or "none"
            click.echo(f"{name:10} {value}")

    conclude(status, json_output, show)


@index_commands.command("digest")
@database_option
@as_json
@command
def digest_command(database: str, json_output: bool) -> None:
    """Print the SHA-256 over all rows in order: equal for indexes that say the same."""
    from marketplace.index.digest import digest

    engine = _readable(database)
    found = {**_shown(_cursor_of(engine)), "digest": digest(engine)}
    conclude(found, json_output, lambda: click.echo(found["digest"]))


@index_commands.command("compare")
@database_option
@rpc_option
@chain_id_option
@as_json
@command
def compare_command(database: str, rpc: str, chain_id: int | None, json_output: bool) -> None:
    """Hold every row against the audit's own replay of the log, and name the first that differs.

    The audit reads the chain and never the index. Ends with status 51 if the two differ.
    """
    from marketplace.chain.client import connect
    from marketplace.crosscheck.compare import compare

    found = compare(connect(rpc, chain_id), _readable(database))
    difference = found.difference
    data = {
        **_shown(found.cursor),
        "equal": found.equal,
        "difference": None if difference is None else vars(difference),
    }
    objection = None
    if difference is not None:
        objection = IndexDiffers(
            str(difference), "run `moemarket index rebuild`, and find out who wrote to the database"
        )

    def show() -> None:
        for table, rows in found.equal.items():
            click.echo(f"{rows:7} {table} equal")

    conclude(data, json_output, show, objection)


def _opened(database: str) -> Index:
    from marketplace.index.database import open_database
    from marketplace.index.store import Index

    return Index(open_database(database))


def _readable(database: str) -> Engine:
    from marketplace.index.database import open_database

    return open_database(database, to_write=False)


def _follower(index: Index, rpc: str, chain_id: int | None, market: str) -> Callable[[], Cursor]:
    from marketplace.chain.client import connect
    from marketplace.index.follow import Follower

    address = address_of(market, "the market")
    return Follower(connect(rpc, chain_id), address, index, timed_progress()).look


def _cursor_of(engine: Engine) -> Cursor:
    from marketplace.index.store import Index

    cursor = Index(engine).cursor()
    if cursor is None:
        raise ConfigurationError("the index is empty", "run `moemarket index follow` first")
    return cursor


def _shown(cursor: Cursor) -> dict[str, Any]:
    return {
        "chainId": cursor.chain_id,
        "market": cursor.market,
        "block": cursor.block,
        "blockHash": cursor.hash,
    }


def _conclude_at(cursor: Cursor | None, json_output: bool) -> None:
    data = None if cursor is None else _shown(cursor)

    def show() -> None:
        if cursor is not None:
            click.echo(f"the index is at block {cursor.block}, {cursor.hash}")

    conclude(data, json_output, show)
