"""What a seat did and has been given, in one SQLite file that a kill at any moment leaves whole.

The chain says what is due; the journal holds what the chain can't tell: which transactions
were signed, since when a step has been due, what providers delivered and experts trained.
Each write is one transaction, on disk when it returns.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from marketplace.protocol.errors import ConfigurationError

JOURNAL_FILE = "journal.sqlite"
LAYOUT = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS trade (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, finished INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS step (
    trade TEXT NOT NULL, name TEXT NOT NULL, due_since REAL NOT NULL,
    begun INTEGER NOT NULL DEFAULT 0, outcome TEXT NOT NULL DEFAULT '', at REAL,
    detail TEXT NOT NULL DEFAULT '', PRIMARY KEY (trade, name)) STRICT;
CREATE TABLE IF NOT EXISTS sent (
    hash TEXT PRIMARY KEY, trade TEXT NOT NULL, step TEXT NOT NULL, nonce INTEGER NOT NULL,
    raw BLOB NOT NULL, at REAL NOT NULL, outcome TEXT NOT NULL DEFAULT '') STRICT;
CREATE TABLE IF NOT EXISTS delivery (
    trade TEXT NOT NULL, provider TEXT NOT NULL, message TEXT NOT NULL,
    PRIMARY KEY (trade, provider)) STRICT;
CREATE TABLE IF NOT EXISTS result (name TEXT PRIMARY KEY, content TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS heard (nonce TEXT PRIMARY KEY, at REAL NOT NULL) STRICT;
"""


@dataclass(frozen=True)
class Sent:
    """A transaction that was signed, and perhaps sent.

    `outcome` is empty while it is in doubt; then ``mined``, ``reverted``, ``replaced`` by
    another one of its nonce, or ``dropped``, which never was on the chain.
    """

    hash: str
    trade: str
    step: str
    nonce: int
    raw: bytes
    at: float
    outcome: str


@dataclass(frozen=True)
class Step:
    """One step of one trade: since when it is due, how often it was begun, how it went."""

    trade: str
    name: str
    due_since: float
    begun: int
    outcome: str
    at: float | None
    detail: str


class Journal:
    """The journal in a folder; one process at a time has it open.

    Parameters
    ----------
    folder
        Is made if needed, for its owner's eyes only.
    owner
        Whose journal it is: chain, market and seat. Another one's is refused.

    Raises
    ------
    ConfigurationError
        If another process has it open, it is another seat's, or it can't be read or written.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._held = FileLock(folder / "journal.lock")
            self._held.acquire(timeout=0)
            self._db = sqlite3.connect(
                folder / JOURNAL_FILE, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_TABLES)
        except Timeout as error:
            raise ConfigurationError(
                f"another process works with the journal in {folder}",
                "stop that one first, or give this seat a folder of its own",
            ) from error
        except (OSError, sqlite3.Error) as error:
            raise ConfigurationError(
                f"the journal in {folder} can't be opened: {error}",
                "name a writable folder; a torn journal may be removed while no transaction"
                " of this seat is under way",
            ) from error
        self._lock = threading.Lock()
        self._require("layout", str(LAYOUT), folder)
        self._require("owner", owner, folder)

    def close(self) -> None:
        """Close the file and let other processes have it."""
        self._db.close()
        self._held.release()

    # -------------------------------------------------------------------- facts

    def fact(self, name: str) -> str | None:
        """Return a remembered value."""
        rows = self._read("SELECT value FROM fact WHERE name = ?", name)
        return None if not rows else str(rows[0][0])

    def remember(self, name: str, value: str) -> None:
        """Remember a value, in place of an earlier one."""
        self._write("INSERT OR REPLACE INTO fact VALUES (?, ?)", name, value)

    def result(self, name: str) -> str | None:
        """Return what came of some work, by the content that it was made from."""
        rows = self._read("SELECT content FROM result WHERE name = ?", name)
        return None if not rows else str(rows[0][0])

    def keep_result(self, name: str, content: str) -> None:
        """Keep what came of some work."""
        self._write("INSERT OR REPLACE INTO result VALUES (?, ?)", name, content)

    # ------------------------------------------------------------------- trades

    def add_trade(self, trade: str, *, ours: bool) -> None:
        """Note a trade once; one that another committee judges is finished at once."""
        self._write(
            "INSERT OR IGNORE INTO trade VALUES (?, ?, ?)",
            trade,
            "" if ours else "-",
            int(not ours),
        )

    def running(self) -> list[str]:
        """Return the trades that something may still be due in, the oldest first."""
        rows = self._read("SELECT id FROM trade WHERE finished = 0 ORDER BY rowid")
        return [str(trade) for (trade,) in rows]

    def note_state(self, trade: str, state: str, *, finished: bool = False) -> None:
        """Note how far a trade has come, and whether nothing is left to do in it."""
        self._write(
            "UPDATE trade SET state = ?, finished = ? WHERE id = ?", state, int(finished), trade
        )

    # -------------------------------------------------------------------- steps

    def due_since(self, trade: str, name: str) -> float:
        """Return when a step was first seen to be due, in seconds since 1970; now if never."""
        self._write(
            "INSERT OR IGNORE INTO step (trade, name, due_since) VALUES (?, ?, ?)",
            trade,
            name,
            time.time(),
        )
        rows = self._read("SELECT due_since FROM step WHERE trade = ? AND name = ?", trade, name)
        return float(rows[0][0])

    def begin(self, trade: str, name: str) -> None:
        """Note that a step is begun, once more."""
        self._write(
            "UPDATE step SET begun = begun + 1, outcome = '', at = ? WHERE trade = ? AND name = ?",
            time.time(),
            trade,
            name,
        )

    def end(self, trade: str, name: str, outcome: str, detail: str = "") -> None:
        """Note how a step went: ``done`` or ``failed``, with the reason."""
        self._write(
            "UPDATE step SET outcome = ?, at = ?, detail = ? WHERE trade = ? AND name = ?",
            outcome,
            time.time(),
            detail,
            trade,
            name,
        )

    def done(self, trade: str, name: str) -> bool:
        """Whether a step is noted as done."""
        sql = "SELECT 1 FROM step WHERE trade = ? AND name = ? AND outcome = 'done'"
        return bool(self._read(sql, trade, name))

    # ------------------------------------------------------------- transactions

    def signed(self, trade: str, step: str, nonce: int, name: str, raw: bytes) -> None:
        """Write a signed transaction down before it is sent."""
        self._write(
            "INSERT OR IGNORE INTO sent VALUES (?, ?, ?, ?, ?, ?, '')",
            name,
            trade,
            step,
            nonce,
            raw,
            time.time(),
        )

    def settle_sent(self, name: str, outcome: str) -> None:
        """Note what became of a transaction, by its hash."""
        self._write("UPDATE sent SET outcome = ? WHERE hash = ?", outcome, name)

    def in_doubt(self) -> list[Sent]:
        """Return the transactions of which nobody knows what became of them, oldest first."""
        return [
            Sent(*row) for row in self._read("SELECT * FROM sent WHERE outcome = '' ORDER BY at")
        ]

    # --------------------------------------------------------------- from others

    def keep_delivery(self, trade: str, provider: str, message: str) -> None:
        """Keep what a provider delivered, in place of what it delivered before."""
        self._write("INSERT OR REPLACE INTO delivery VALUES (?, ?, ?)", trade, provider, message)

    def deliveries(self, trade: str) -> dict[str, str]:
        """Return the providers' signed messages by checksummed address."""
        rows = self._read("SELECT provider, message FROM delivery WHERE trade = ?", trade)
        return {str(provider): str(message) for provider, message in rows}

    def hear(self, nonce: str, forget_seconds: float) -> bool:
        """Note a message's nonce; False if it was heard before. Old ones are forgotten."""
        now = time.time()
        with self._lock, self._transaction():
            self._db.execute("DELETE FROM heard WHERE at < ?", (now - forget_seconds,))
            done = self._db.execute("INSERT OR IGNORE INTO heard VALUES (?, ?)", (nonce, now))
            return done.rowcount == 1

    # ------------------------------------------------------------------- inside

    def _require(self, name: str, value: str, folder: Path) -> None:
        known = self.fact(name)
        if known is None:
            self.remember(name, value)
        elif known != value:
            self.close()
            raise ConfigurationError(
                f"the journal in {folder} has the {name} {known}, not {value}",
                "give each seat on each market a folder of its own",
            )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _write(self, sql: str, *values: object) -> None:
        with self._lock:
            self._db.execute(sql, values)

    def _read(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()


@dataclass(frozen=True)
class Snapshot:
    """What a journal says, read while its process goes on."""

    facts: dict[str, str]
    trades: dict[str, str]
    steps: list[Step]
    sent: list[Sent]


def read_journal(folder: Path) -> Snapshot:
    """Read a journal without changing it.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    file = folder / JOURNAL_FILE
    if not file.is_file():
        raise ConfigurationError(
            f"there is no journal in {folder}", "name the --state folder of an oracle"
        )
    try:
        db = sqlite3.connect(f"file:{file.absolute()}?mode=ro", uri=True)
        try:
            facts = dict(db.execute("SELECT name, value FROM fact"))
            trades = dict(db.execute("SELECT id, state FROM trade WHERE state != '-'"))
            steps = [Step(*row) for row in db.execute("SELECT * FROM step ORDER BY due_since")]
            sent = [Sent(*row) for row in db.execute("SELECT * FROM sent ORDER BY at")]
        finally:
            db.close()
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"the journal in {folder} can't be read: {error}", "name an oracle's --state folder"
        ) from error
    return Snapshot(facts, trades, steps, sent)
