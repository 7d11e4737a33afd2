"""Opens the database of an index, and brings its tables to this version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from marketplace.protocol.errors import ConfigurationError

DEFAULT_DATABASE = "sqlite:///moemarket-index.sqlite"
_BUSY_SECONDS = 30


def open_database(url: str, *, to_write: bool = True) -> Engine:
    """Open a database.

    Parameters
    ----------
    url
        ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
    to_write
        Whether its tables are made, or migrated to the newest revision; a reader needs them.

    Raises
    ------
    ConfigurationError
        If it can't be opened, was migrated by a later version, or holds nothing to read.
    """
    place = _parsed(url)
    if not to_write and place.get_backend_name() == "sqlite":
        _require_file(place)
    engine = _engine(place)
    try:
        with refusals(engine):
            if to_write:
                with engine.begin() as connection:
                    command.upgrade(migrations(connection), "head")
            else:
                _require_revision(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def reading(engine: Engine) -> Connection:
    """Return a connection whose transaction sees one state of the database, and writes nothing."""
    return engine.connect().execution_options(only_reads=True)


def revision(engine: Engine) -> str:
    """Return the revision of a database's tables."""
    with reading(engine) as connection:
        return str(MigrationContext.configure(connection).get_current_revision())


def newest_revision() -> str:
    """Return the revision that this version of the program writes."""
    return str(ScriptDirectory.from_config(migrations(None)).get_current_head())


@contextmanager
def refusals(engine: Engine) -> Iterator[None]:
    """Turn what a database refuses into one clear error."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        why = str(error.orig if isinstance(error, DBAPIError) else error)
        raise ConfigurationError(
            f"the database {_shown(engine.url)} refuses: {why.splitlines()[0]}",
            "check the URL, the rights and the disk, and that no other process writes this index",
        ) from error
    except CommandError as error:
        raise ConfigurationError(
            f"the database {_shown(engine.url)} can't be migrated: {error}",
            "open it with the version of moemarket that wrote it, or name a new database",
        ) from error


def _parsed(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise _unusable("the database URL can't be read") from error
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise _unusable(f"the index can't be kept in {url.get_backend_name()}")
    return url


def _require_file(url: URL) -> None:
    if url.database and not Path(url.database).is_file():
        raise ConfigurationError(
            f"there is no index at {url.database}",
            "name its database, or run `moemarket index follow`",
        )


def _require_revision(engine: Engine) -> None:
    found, wanted = revision(engine), newest_revision()
    if found != wanted:
        raise ConfigurationError(
            f"{_shown(engine.url)} holds no index of this version: its revision is {found},"
            f" not {wanted}",
            "run `moemarket index follow`, which makes and migrates it",
        )


def _unusable(cause: str) -> ConfigurationError:
    return ConfigurationError(cause, "give sqlite:///FILE or postgresql://USER@HOST/NAME")


def _engine(url: URL) -> Engine:
    """Return an engine in which a transaction sees one state, and is on disk when it ends."""
    try:
        if url.get_backend_name() == "postgresql":
            return create_engine(url, isolation_level="REPEATABLE READ")
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
    except NoSuchModuleError as error:
        raise _unusable(f"there is no driver {url.drivername}") from error
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, record: object) -> None:
    connection.isolation_level = None  # else Python commits before some statements
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: Connection) -> None:
    writes = not connection.get_execution_options().get("only_reads", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def migrations(connection: Connection | None) -> Config:
    """Return the settings with which Alembic's commands migrate a connection's database."""
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)
