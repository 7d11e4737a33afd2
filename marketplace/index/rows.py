"""Writes rows on behalf of one block, so that all of it can be undone.

Before a row changes, its key and what it was are put into the table `undo`, as JSON; null where
there was no row. To go back, the newest entries are taken first.
"""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, select, update

from marketplace.index.tables import METADATA, undo

Row = dict[str, Any]


class Rows:
    """The rows of all tables, while the events of one block are applied.

    Parameters
    ----------
    connection
        In a transaction that ends with the block.
    block
        Its height.
    """

    def __init__(self, connection: Connection, block: int) -> None:
        self._connection = connection
        self._block = block
        self._undo: list[Row] = []

    def get(self, table: Table, *key: Any) -> Row | None:
        """Return the row with a key, if there is one."""
        names = [column.name for column in table.primary_key]
        return _read(self._connection, table, dict(zip(names, key, strict=True)))

    def find(self, table: Table, **values: Any) -> list[Row]:
        """Return the rows with some values, by their key."""
        wanted = and_(*(table.c[name] == value for name, value in values.items()))
        question = select(table).where(wanted).order_by(*table.primary_key)
        return [dict(row) for row in self._connection.execute(question).mappings()]

    def add(self, table: Table, **row: Any) -> None:
        """Insert a row that is not there yet."""
        self._connection.execute(insert(table), row)
        self._remember(table, row, None)

    def put(self, table: Table, **row: Any) -> None:
        """Insert a row, or write over the one with its key."""
        before = _read(self._connection, table, _key_of(table, row))
        if before is None:
            self.add(table, **row)
        elif before != row:
            self._connection.execute(update(table).where(_is(table, row)), row)
            self._remember(table, row, before)

    def change(self, table: Table, *key: Any, **changes: Any) -> Row | None:
        """Change some columns of a row; return it as it is then, None if there is none."""
        row = self.get(table, *key)
        if row is None:
            return None
        self.put(table, **(row | changes))
        return row | changes

    def close(self) -> None:
        """Write down what it takes to undo all that was written."""
        if self._undo:
            self._connection.execute(insert(undo), self._undo)
        self._undo.clear()

    def _remember(self, table: Table, row: Row, before: Row | None) -> None:
        self._undo.append(
            {
                "block": self._block,
                "step": len(self._undo),
                "name": table.name,
                "row_key": json.dumps(_key_of(table, row)),
                "row_before": json.dumps(before),
            }
        )


def undo_above(connection: Connection, block: int) -> None:
    """Take back what the blocks above a height wrote, the newest first."""
    newest_first = (undo.c.block.desc(), undo.c.step.desc())
    steps = select(undo).where(undo.c.block > block).order_by(*newest_first)
    for step in connection.execute(steps).all():
        table, before = METADATA.tables[step.name], json.loads(step.row_before)
        here = _is(table, json.loads(step.row_key))
        if before is None:
            connection.execute(delete(table).where(here))
        else:
            connection.execute(update(table).where(here), before)
    connection.execute(delete(undo).where(undo.c.block > block))


def _read(connection: Connection, table: Table, row: Row) -> Row | None:
    found = connection.execute(select(table).where(_is(table, row))).mappings().first()
    return None if found is None else dict(found)


def _key_of(table: Table, row: Row) -> Row:
    return {column.name: row[column.name] for column in table.primary_key}


def _is(table: Table, row: Row) -> ColumnElement[bool]:
    return and_(*(column == row[column.name] for column in table.primary_key))
