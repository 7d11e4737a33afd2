"""One number for all that an index says, the same in every database that says the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Engine, Table, select

from marketplace.index import tables
from marketplace.index.database import reading, refusals

_ROWS_AT_ONCE = 1_000


def dump(engine: Engine) -> Iterator[bytes]:
    """Yield an index as lines of JSON: the cursor, then each table, its rows by their keys.

    What only serves the index's going back is left out: blocks without events, what can be
    undone, and how far.
    """
    with refusals(engine), reading(engine) as connection:
        for cursor in connection.execute(select(tables.cursor)).mappings():
            names = ("chain_id", "market", "block", "hash")
            yield _line("cursor", [cursor[name] for name in names])
        for table in tables.CONTENT:
            for row in rows_of(connection, table):
                yield _line(table.name, list(row.values()))


def digest(engine: Engine) -> str:
    """Return the SHA-256 over `dump`, as 0x-hex."""
    state = hashlib.sha256()
    for line in dump(engine):
        state.update(line)
    return "0x" + state.hexdigest()


def rows_of(connection: Connection, table: Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table that say something, by their keys."""
    question = select(table).order_by(*table.primary_key)
    if table is tables.blocks:
        question = question.where(tables.blocks.c.events > 0)
    streamed = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(question)
    for row in streamed.mappings():
        yield dict(row)


def _line(table: str, values: list[Any]) -> bytes:
    return json.dumps([table, *values], separators=(",", ":")).encode() + b"\n"
