"""The index of one market: how far it has come, one block on, and some blocks back.

Each change of the cursor and all that goes with it are one transaction: whenever the process
is killed, the database is at some block, whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, insert, select, update

from marketplace.chain.headers import NOWHERE, REORGANISED_BLOCKS, Header
from marketplace.index import tables
from marketplace.index.contracts import Event
from marketplace.index.database import reading, refusals
from marketplace.index.fold import take
from marketplace.index.rows import Rows, undo_above
from marketplace.protocol.errors import ConfigurationError


@dataclass(frozen=True)
class Cursor:
    """Up to which block an index has read whose log.

    Attributes
    ----------
    block, hash
        The last block that was read; -1 before the first.
    horizon
        What is above this block can be undone.
    """

    chain_id: int
    market: str
    block: int
    hash: str
    horizon: int


class Index:
    """The index in a database.

    Parameters
    ----------
    engine
        From `marketplace.index.database.open_database`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def cursor(self) -> Cursor | None:
        """Return how far the index has come; None while it is nobody's."""
        with self._reading() as connection:
            return read_cursor(connection)

    def begin(self, chain_id: int, market: str) -> Cursor:
        """Let an empty index be of this market, or require that it is.

        Raises
        ------
        ConfigurationError
            If it is of another market or chain.
        """
        with self._writing() as connection:
            found = read_cursor(connection)
            if found is None:
                found = Cursor(chain_id, market, NOWHERE.number, NOWHERE.hash, NOWHERE.number)
                connection.execute(insert(tables.cursor), {"id": 1, **vars(found)})
        if (found.chain_id, found.market) != (chain_id, market):
            raise ConfigurationError(
                f"this index is of market {found.market} on chain {found.chain_id},"
                f" not of {market} on chain {chain_id}",
                "name another database for another market",
            )
        return found

    def apply(self, before: Cursor, block: Header, events: Sequence[Event]) -> Cursor:
        """Take the events of a block, and move to it.

        Parameters
        ----------
        before
            Where the index stands.
        block
            The next block, or a later one if those between hold no event.

        Raises
        ------
        ConfigurationError
            If the index stands elsewhere: another process writes it, too.
        """
        horizon = max(before.horizon, block.number - REORGANISED_BLOCKS)
        after = Cursor(before.chain_id, before.market, block.number, block.hash, horizon)
        with self._writing() as connection:
            _move(connection, before, after)
            rows = Rows(connection, block.number)
            rows.add(tables.blocks, **vars(block), events=len(events))
            for event in events:
                take(rows, event)
            rows.close()
            _forget(connection, horizon)
        return after

    def known(self) -> list[tuple[int, str]]:
        """Return height and hash of the blocks to which the index can go back, newest first."""
        with self._reading() as connection:
            found = read_cursor(connection)
            blocks, horizon = tables.blocks.c, found.horizon if found else NOWHERE.number
            wanted = select(blocks.number, blocks.hash).where(blocks.number >= horizon)
            rows = connection.execute(wanted.order_by(blocks.number.desc())).all()
        return [*((row.number, row.hash) for row in rows), *_before_the_first(horizon)]

    def go_back(self, before: Cursor, block: int, block_hash: str) -> Cursor:
        """Undo everything above a block that `known` has.

        Raises
        ------
        ConfigurationError
            If the index stands elsewhere: another process writes it, too.
        """
        after = Cursor(before.chain_id, before.market, block, block_hash, before.horizon)
        with self._writing() as connection:
            _move(connection, before, after)
            undo_above(connection, block)
        return after

    def clear(self) -> None:
        """Forget everything, whose index it is included."""
        with self._writing() as connection:
            for table in tables.METADATA.sorted_tables:
                connection.execute(delete(table))

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with refusals(self._engine), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with refusals(self._engine), reading(self._engine) as connection:
            yield connection


def read_cursor(connection: Connection) -> Cursor | None:
    """Return how far the index has come; None while it is nobody's."""
    row = connection.execute(select(tables.cursor)).mappings().first()
    return None if row is None else Cursor(**{k: v for k, v in row.items() if k != "id"})


def _before_the_first(horizon: int) -> list[tuple[int, str]]:
    return [(NOWHERE.number, NOWHERE.hash)] if horizon == NOWHERE.number else []


def _move(connection: Connection, before: Cursor, after: Cursor) -> None:
    """Move the cursor, which also locks it: the first statement of every change."""
    column = tables.cursor.c
    here = (column.block == before.block) & (column.hash == before.hash)
    moved = connection.execute(update(tables.cursor).where(here), vars(after))
    if moved.rowcount != 1:
        raise ConfigurationError(
            f"the index is no longer at block {before.block}: another process writes it, too",
            "let one process follow the chain into one database",
        )


def _forget(connection: Connection, horizon: int) -> None:
    """Drop what it takes to go back behind the horizon."""
    blocks = tables.blocks.c
    connection.execute(delete(tables.undo).where(tables.undo.c.block <= horizon))
    old = (blocks.number < horizon) & (blocks.events == 0)
    connection.execute(delete(tables.blocks).where(old))
