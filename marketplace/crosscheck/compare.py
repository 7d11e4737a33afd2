"""Compares every row of an index with what the audit's replay of the same blocks says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table

from marketplace.audit.chain import open_chain
from marketplace.audit.folding import blank_history
from marketplace.audit.log import LogReader
from marketplace.audit.report import listed
from marketplace.audit.rpc import Rpc
from marketplace.chain.client import Node
from marketplace.chain.headers import header
from marketplace.crosscheck.expected import Expected, expected_rows
from marketplace.index import tables
from marketplace.index.database import reading, refusals
from marketplace.index.digest import rows_of
from marketplace.index.store import Cursor, read_cursor
from marketplace.protocol.errors import AuditFailed, ConfigurationError, WrongChain

_ORDER = (tables.blocks, tables.events)
"""What the log is comes before what follows from it."""


@dataclass(frozen=True)
class Difference:
    """The first row that differs.

    Attributes
    ----------
    table, key
        Where it is; the key's columns by name.
    column
        Which of its columns; empty if only one of the two has the row.
    index, audit
        What each says; None where it has no such row.
    """

    table: str
    key: Mapping[str, Any]
    column: str
    index: Any
    audit: Any

    def __str__(self) -> str:
        where = ", ".join(f"{name} {value}" for name, value in self.key.items())
        if self.column:
            return (
                f"{self.table} ({where}): {self.column} is {self.index!r} in the index"
                f" and {self.audit!r} in the audit's replay"
            )
        if self.index is None:
            return f"{self.table} ({where}) is missing from the index"
        return f"{self.table} ({where}) is in the index, and the log does not bear it out"


@dataclass(frozen=True)
class Comparison:
    """Up to which block, how many rows of each table were equal, and the first that is not."""

    cursor: Cursor
    equal: Mapping[str, int]
    difference: Difference | None


def compare(node: Node, engine: Engine) -> Comparison:
    """Compare an index with the audit's replay of the log up to the block of the index.

    Raises
    ------
    ConfigurationError
        If the index is empty, or at a block that is not in the chain.
    WrongChain
        If the node is on another chain.
    AuditFailed
        If the log that the node gives contradicts itself.
    """
    with refusals(engine), reading(engine) as connection:
        cursor = read_cursor(connection)
        if cursor is None or cursor.block < 0:
            raise ConfigurationError("the index is empty", "run `moemarket index follow` first")
        equal, difference = first_difference(connection, replayed(node, cursor))
    return Comparison(cursor, equal, difference)


def replayed(node: Node, cursor: Cursor) -> dict[str, Expected]:
    """Return the rows by table that the audit's replay bears out; raises as `compare`."""
    if cursor.chain_id != node.chain_id:
        raise WrongChain(
            f"the index is of chain {cursor.chain_id}, and the node on chain {node.chain_id}",
            "give the endpoint of the index's chain",
        )
    anchor = bytes.fromhex(cursor.hash.removeprefix("0x"))
    chain = open_chain(Rpc(node.web3.provider), cursor.market, anchor)
    log = LogReader(chain.rpc, chain.interfaces, 0, chain.block.number)
    events = list(log.events()) if chain.block.recomputed == anchor else []
    if log.reading.head != anchor:
        raise ConfigurationError(
            f"block {cursor.block}, at which the index is, is not in the chain",
            "run `moemarket index follow` first, which goes back with the chain",
        )
    reading = log.reading
    if faults := [*reading.header_faults, *reading.receipt_faults, *reading.unreadable]:
        raise AuditFailed(f"the log contradicts itself: {listed(faults)}", "ask another node")
    history = blank_history(chain)
    for event in events:
        history.take(event)
    parents = {}
    for number in sorted({event.log.block for event in events}):
        found = header(node, number)
        parents[number] = found.parent if found else ""
    return expected_rows(history, events, parents)


def first_difference(
    connection: Connection, expected: Mapping[str, Expected]
) -> tuple[dict[str, int], Difference | None]:
    """Return how many rows of each table are as expected, and the first that is not."""
    equal: dict[str, int] = {}
    for table in (*_ORDER, *(table for table in tables.CONTENT if table not in _ORDER)):
        difference = _in_table(connection, table, expected[table.name])
        if difference is not None:
            return equal, difference
        equal[table.name] = len(expected[table.name])
    return equal, None


def _in_table(connection: Connection, table: Table, expected: Expected) -> Difference | None:
    names = [column.name for column in table.primary_key]

    def keyed(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
        return ((tuple(row[name] for name in names), row) for row in rows)

    ours = keyed(rows_of(connection, table))
    theirs = iter(sorted(keyed(expected), key=lambda pair: pair[0]))
    while True:
        (key, row), (due_key, due) = next(ours, _END), next(theirs, _END)
        if row is None and due is None:
            return None
        if due is None or (row is not None and key < due_key):
            return Difference(table.name, _named(names, key), "", row, None)
        if row is None or due_key < key:
            return Difference(table.name, _named(names, due_key), "", None, due)
        for column in row:
            if row[column] != due[column]:
                return Difference(table.name, _named(names, key), column, row[column], due[column])


_END: tuple[tuple[Any, ...], Any] = ((), None)


def _named(names: list[str], key: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(names, key, strict=True))
