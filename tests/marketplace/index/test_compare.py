"""The audit's replay and an index say the same; a row that somebody changed is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from played_chain import Played, follow, mine, revert, snapshot
from sqlalchemy import Boolean, Column, Connection, Engine, String, Table, delete, insert, select
from sqlalchemy import update as updating

from marketplace.chain.client import Node
from marketplace.crosscheck.compare import compare, first_difference, replayed
from marketplace.crosscheck.expected import Expected
from marketplace.index import tables
from marketplace.index.database import open_database, reading
from marketplace.index.store import Index, read_cursor
from marketplace.protocol.errors import ConfigurationError, WrongChain

Row = dict[str, Any]


@pytest.fixture(scope="module")
def followed(played: Played, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An index at the end of the played chain; what a test changes, it takes back."""
    url = f"sqlite:///{tmp_path_factory.mktemp('followed')}/index.sqlite"
    follow(played.node(), played.market, url)
    engine = open_database(url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def expected(played: Played, followed: Engine) -> Mapping[str, Expected]:
    with reading(followed) as connection:
        cursor = read_cursor(connection)
    assert cursor is not None
    return replayed(played.node(), cursor)


@pytest.fixture
def connection(followed: Engine) -> Iterator[Connection]:
    """A transaction that is taken back."""
    with followed.connect() as connection:
        yield connection
        connection.rollback()


def test_equal_in_every_row(node: Node, followed: Engine) -> None:
    found = compare(node, followed)
    assert found.difference is None
    assert found.equal.keys() == {table.name for table in tables.CONTENT}
    assert min(found.equal.values()) > 0


COLUMNS = [
    pytest.param(table, column, id=f"{table.name}.{column.name}")
    for table in tables.CONTENT
    for column in table.columns
    if not column.primary_key and not (table is tables.blocks and column.name == "events")
]


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_a_changed_value_is_named(
    connection: Connection, expected: Mapping[str, Expected], table: Table, column: Column[Any]
) -> None:
    row = last_row(connection, table)
    wished = other(column, row[column.name])
    connection.execute(updating(table).where(*at(table, row)), {column.name: wished})
    _, found = first_difference(connection, expected)
    assert found is not None
    assert (found.table, found.column) == (table.name, column.name)
    assert dict(found.key) == {name.name: row[name.name] for name in table.primary_key}
    assert (found.index, found.audit) == (wished, row[column.name])
    assert f"{table.name} (" in str(found)
    assert repr(wished) in str(found)


@pytest.mark.parametrize("table", tables.CONTENT, ids=lambda table: table.name)
def test_a_removed_and_an_added_row_are_named(
    connection: Connection, expected: Mapping[str, Expected], table: Table
) -> None:
    row = last_row(connection, table)
    connection.execute(delete(table).where(*at(table, row)))
    _, missing = first_difference(connection, expected)
    assert missing is not None
    assert (missing.table, missing.index, missing.audit) == (table.name, None, row)
    assert "is missing from the index" in str(missing)
    connection.execute(insert(table), row)
    key = list(table.primary_key)[-1]
    added = row | {key.name: other(key, row[key.name])}
    connection.execute(insert(table), added)
    _, extra = first_difference(connection, expected)
    assert extra is not None
    assert (extra.table, extra.index, extra.audit) == (table.name, added, None)
    assert "does not bear it out" in str(extra)


def last_row(connection: Connection, table: Table) -> Row:
    newest = [column.desc() for column in table.primary_key]
    question = select(table).order_by(*newest).limit(1)
    if table is tables.blocks:
        question = question.where(tables.blocks.c.events > 0)
    return dict(connection.execute(question).mappings().one())


def at(table: Table, row: Row) -> list[Any]:
    return [column == row[column.name] for column in table.primary_key]


def other(column: Column[Any], value: Any) -> Any:
    """Return what somebody would rather see there."""
    if isinstance(column.type, Boolean):
        return not value
    if isinstance(column.type, String):
        return f"{value[:-1]}{'z' if value[-1:] != 'z' else 'y'}"
    return value + 1


def test_what_can_not_be_compared(
    played: Played, node: Node, followed: Engine, tmp_path: Path
) -> None:
    empty = open_database(f"sqlite:///{tmp_path}/empty.sqlite")
    with pytest.raises(ConfigurationError, match="the index is empty"):
        compare(node, empty)
    Index(empty).begin(1, played.market)
    with pytest.raises(ConfigurationError, match="the index is empty"):
        compare(node, empty)
    empty.dispose()
    with reading(followed) as connection:
        cursor = read_cursor(connection)
    assert cursor is not None
    with pytest.raises(WrongChain):
        replayed(node, type(cursor)(1, *list(vars(cursor).values())[1:]))


def test_an_index_on_another_branch(played: Played, node: Node, tmp_path: Path) -> None:
    url, fork = f"sqlite:///{tmp_path}/branch.sqlite", snapshot(node)
    mine(node, 2)
    follow(node, played.market, url)
    revert(node, fork)
    engine = open_database(url)
    for blocks in (0, 3):  # a shorter chain, and one that is longer and another
        if blocks:
            mine(node, blocks)
        with pytest.raises(ConfigurationError, match="is not in the chain"):
            compare(node, engine)
    follow(node, played.market, url)
    assert compare(node, engine).difference is None
    engine.dispose()
