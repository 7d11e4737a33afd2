"""Databases: their tables are those of the migrations, amounts are exact, order is by bytes."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from databases import Databases
from sqlalchemy import insert, inspect, select, text

from marketplace.index import tables
from marketplace.index.database import (
    migrations,
    newest_revision,
    open_database,
    reading,
    revision,
)
from marketplace.protocol.errors import ConfigurationError


def test_migrations_make_the_tables(databases: Databases) -> None:
    engine = open_database(databases.new())
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.METADATA) == []
    assert revision(engine) == newest_revision()
    with engine.begin() as connection:
        command.downgrade(migrations(connection), "base")
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_amounts_of_256_bits(databases: Databases) -> None:
    engine, most = open_database(databases.new()), 2**256 - 1
    with engine.begin() as connection:
        names = {"ledger": "market", "currency": "0x0"}
        for account, amount in (("0xa", most), ("0xb", 0), ("0xc", 10**18 + 1)):
            row = {**names, "account": account, "amount": amount}
            connection.execute(insert(tables.balances), row)
    with reading(engine) as connection:
        found = connection.execute(select(tables.balances.c.amount)).scalars().all()
    assert sorted(found) == [0, 10**18 + 1, most]
    assert {type(amount) for amount in found} == {int}
    engine.dispose()


def test_rows_are_in_the_order_of_their_bytes(databases: Databases) -> None:
    """A dictionary's order would be a, B, c; that of bytes is the same everywhere."""
    engine = open_database(databases.new())
    with engine.begin() as connection:
        for account in ("c", "a", "B"):
            connection.execute(
                insert(tables.parties), {"account": account, "trade": "0x", "role": "buyer"}
            )
        order = select(tables.parties.c.account).order_by(tables.parties.c.account)
        assert connection.execute(order).scalars().all() == ["B", "a", "c"]
    engine.dispose()


def test_a_transaction_sees_one_state(databases: Databases) -> None:
    url = databases.new()
    writer, reader = open_database(url), open_database(url, to_write=False)
    question = select(tables.parties.c.account)
    with reading(reader) as connection:
        assert connection.execute(question).all() == []
        with writer.begin() as other:
            other.execute(insert(tables.parties), {"account": "a", "trade": "0x", "role": "b"})
        assert connection.execute(question).all() == []
    for engine in (writer, reader):
        engine.dispose()


def test_another_version(databases: Databases) -> None:
    url = databases.new()
    engine = open_database(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="the version of moemarket that wrote it"):
        open_database(url)
    with pytest.raises(ConfigurationError, match="its revision is 9999, not 0001"):
        open_database(url, to_write=False)
    engine.dispose()


def test_passwords_are_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_database("postgresql://me:secret@localhost:1/index")
    assert "me:***@localhost" in str(caught.value)
    assert "secret" not in str(caught.value)
