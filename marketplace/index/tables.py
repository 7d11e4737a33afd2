"""The tables: what the log says, by what readers ask.

Amounts are integers of up to 256 bits in the currency's smallest unit (wei), times are seconds
since 1970, hashes, ids and digests are 0x-hex, accounts are checksummed addresses. Bit i of a
bitmap is seat i of the committee.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

METADATA = MetaData()

BINARY_ORDER = "C"
"""PostgreSQL's collation that sorts as SQLite does, so that dumps have one order."""


class Amount(TypeDecorator[int]):
    """An integer of up to 256 bits: NUMERIC where that is exact, decimal digits in SQLite."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return SQLite's text, since its numbers end at 64 bits."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else Numeric(78, 0))

    def process_bind_param(self, value: int | None, dialect: Dialect) -> Any:
        """Write an integer."""
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """Read an integer."""
        return None if value is None else int(value)


def text() -> String:
    """Return the type of a text that sorts by its bytes everywhere."""
    return String().with_variant(String(collation=BINARY_ORDER), "postgresql")


def _table(name: str, *columns: tuple[str, TypeEngine[Any]], key: int) -> Table:
    """Make a table whose first `key` columns are its key; no column may be null."""
    return Table(
        name,
        METADATA,
        *(
            Column(title, kind, primary_key=place < key, nullable=False, autoincrement=False)
            for place, (title, kind) in enumerate(columns)
        ),
    )


_INT, _BIG, _BOOL = Integer(), BigInteger(), Boolean()

cursor = _table(
    "cursor",
    ("id", _INT),  # the one row has 1
    ("chain_id", _BIG),
    ("market", text()),
    ("block", _BIG),
    ("hash", text()),
    ("horizon", _BIG),
    key=1,
)
"""Whose log it is and how far it was read; what is at or below `horizon` can't be undone."""

undo = _table(
    "undo",
    ("block", _BIG),
    ("step", _INT),
    ("name", text()),
    ("row_key", text()),
    ("row_before", text()),
    key=2,
)
"""What it takes to undo each of the newest blocks; `marketplace.index.rows` writes it."""

blocks = _table(
    "blocks",
    ("number", _BIG),
    ("hash", text()),
    ("parent", text()),
    ("timestamp", _BIG),
    ("events", _INT),
    key=1,
)
"""Every block with an event, and the newest ones without; its `events` are counted."""

events = _table(
    "events",
    ("block", _BIG),
    ("log_index", _INT),
    ("transaction", text()),
    ("address", text()),
    ("contract", text()),
    ("name", text()),
    ("trade", text()),
    ("topics", text()),
    ("data", text()),
    key=2,
)
"""The log as it is; topics one after the other as 0x-hex; an empty `trade` is none."""

trades = _table(
    "trades",
    ("id", text()),
    ("requested", _BIG),
    ("state", text()),
    ("deadline", _BIG),
    ("buyer", text()),
    ("broker", text()),
    ("auditor", text()),
    ("currency", text()),
    ("budget", Amount()),
    ("threshold", _BIG),
    ("max_attempts", _INT),
    ("min_rows", _BIG),
    ("fee_bps", _INT),
    ("committee", text()),
    ("panel", text()),
    ("spec", text()),
    ("licence", text()),
    ("windows", text()),
    ("accepted", _BIG),
    ("price", Amount()),
    ("expert_pool", Amount()),
    ("broker_fee", Amount()),
    ("auditor_fee", Amount()),
    ("oracle_fee", Amount()),
    ("protocol_fee", Amount()),
    ("attempts", _INT),
    ("attested", _BOOL),
    ("approved", _BOOL),
    ("disputed", _BOOL),
    ("overturned", _BOOL),
    ("escrow", Amount()),
    key=1,
)
"""
requested, accepted
    Blocks; an `accepted` of -1 has not come, and prices are zero until then.
state, deadline
    As `marketplace.protocol.states` names them.
threshold
    Parts per million.
windows
    The request's seven, in seconds, as a JSON list in the order of `Windows`.
"""

parties = _table("parties", ("account", text()), ("trade", text()), ("role", text()), key=3)
"""Who takes part in which trade as buyer, broker, auditor, treasury, provider, expert or signer."""

offers = _table(
    "offers",
    ("trade", text()),
    ("position", _INT),
    ("provider", text()),
    ("dataset", text()),
    ("rows", _BIG),
    ("price", Amount()),
    ("outcome", text()),
    key=2,
)
"""The data quotes of an accepted quote; `outcome` is open, accepted or dropped."""

gates = _table(
    "gates",
    ("trade", text()),
    ("position", _INT),
    ("expert", text()),
    ("weight", _BIG),
    key=2,
)
"""The experts that the gate chose, with their weights in parts per million."""

attempts = _table(
    "attempts",
    ("trade", text()),
    ("attempt", _INT),
    ("block", _BIG),
    ("passed", _BOOL),
    ("signers", _INT),
    ("verdicts", _INT),
    ("model", text()),
    ("training", text()),
    ("delivery", text()),
    ("evidence", text()),
    key=2,
)
"""What the committee reported; `signers` and `verdicts` are bitmaps, the rest are digests."""

scores = _table(
    "scores",
    ("trade", text()),
    ("attempt", _INT),
    ("seat", _INT),
    ("score", _BIG),
    key=3,
)
"""Opened scores, in parts per million."""

allocations = _table(
    "allocations",
    ("trade", text()),
    ("attempt", _INT),
    ("position", _INT),
    ("expert", text()),
    ("amount", Amount()),
    key=3,
)
"""How the attempt that passed divides the expert pool."""

movements = _table(
    "movements",
    ("block", _BIG),
    ("log_index", _INT),
    ("position", _INT),
    ("ledger", text()),
    ("kind", text()),
    ("trade", text()),
    ("account", text()),
    ("currency", text()),
    ("amount", Amount()),
    ("purpose", text()),
    key=3,
)
"""
One line for each movement of money; an empty `trade` or `purpose` is none.

ledger
    Which contract moved it: market, challenges, committee or panel.
kind
    locked, credited, refunded, withdrawn; bonded, awarded; staked, unstaking, unstaked, slashed.
"""

balances = _table(
    "balances",
    ("ledger", text()),
    ("account", text()),
    ("currency", text()),
    ("amount", Amount()),
    key=3,
)
"""What each account may withdraw from which contract."""

seats = _table(
    "seats",
    ("office", text()),
    ("version", _BIG),
    ("seat", _INT),
    ("member", text()),
    ("threshold", _INT),
    ("effective_at", _BIG),
    ("cancelled", _BOOL),
    ("digest", text()),
    key=3,
)
"""Members of every committee and panel; requests name one by its digest."""

reputations = _table(
    "reputations",
    ("office", text()),
    ("member", text()),
    ("bonded", Amount()),
    ("unbonding", Amount()),
    ("slashed", Amount()),
    ("slashes", _INT),
    key=2,
)
"""What a member has at stake, what was taken from it so far, and how often."""

penalties = _table(
    "penalties",
    ("block", _BIG),
    ("log_index", _INT),
    ("trade", text()),
    ("kind", text()),
    ("attempt", _INT),
    ("seats", _INT),
    ("slashed", Amount()),
    key=2,
)
"""
kind
    verdict (it was overturned), closed-seals or silence.
attempt, seats
    Of closed seals, the seats as a bitmap; otherwise zero.
"""

disputes = _table(
    "disputes",
    ("trade", text()),
    ("challenger", text()),
    ("claim", text()),
    ("currency", text()),
    ("bond", Amount()),
    ("deadline", _BIG),
    ("ruling", text()),
    key=1,
)
"""A challenge of a verdict; its ruling is open, upheld, overturned or lapsed."""

Index("events_by_trade", events.c.trade)
Index("trades_by_state", trades.c.state)
Index("parties_by_trade", parties.c.trade)
Index("movements_by_trade", movements.c.trade)
Index("movements_by_account", movements.c.account)
Index("balances_by_account", balances.c.account)

MECHANISM = (cursor, undo)
"""Tables that hold how the index works, not what the log says."""

CONTENT = tuple(table for table in METADATA.sorted_tables if table not in MECHANISM)
"""What the log says, by name."""
