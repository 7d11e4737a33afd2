"""All movements of money as a table for spreadsheets (CSV, RFC 4180)."""

from __future__ import annotations

import csv
from io import StringIO

from marketplace.audit.report import COIN_DECIMALS, Report
from marketplace.audit.reporting.records import Movement
from marketplace.audit.reporting.words import decimal, moment
from marketplace.protocol.terms import NATIVE

COLUMNS = (
    "trade",
    "contract",
    "block",
    "transaction",
    "log index",
    "time",
    "from role",
    "from account",
    "to role",
    "to account",
    "purpose",
    "currency",
    "amount (smallest unit)",
    "amount",
    "evidence CID",
)

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def ledger(report: Report) -> bytes:
    """Return one line per movement, oldest first within each trade; then those of no trade.

    The amount in the smallest unit is exact as text; a spreadsheet that takes it for a number
    rounds it after 15 digits. The shifted amount is empty where a token names no decimals.
    UTF-8 with a byte order mark, by which spreadsheets know it.
    """
    table = StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    known: dict[str, int | None] = {NATIVE: COIN_DECIMALS}
    for trade in report.trades:
        for moved in trade.movements:
            writer.writerow(_guarded(trade.id, trade.decimals_of(moved), moved))
            known[moved.currency] = trade.decimals_of(moved)
    for moved in report.movements:
        writer.writerow(_guarded("", known.get(moved.currency), moved))
    return table.getvalue().encode("utf-8-sig")


def guarded(cell: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell


def _guarded(trade: str, decimals: int | None, moved: Movement) -> list[str]:
    return [guarded(cell) for cell in _cells(trade, decimals, moved)]


def _cells(trade: str, decimals: int | None, moved: Movement) -> tuple[str, ...]:
    return (
        trade,
        moved.contract,
        str(moved.block),
        moved.transaction,
        str(moved.log_index),
        moment(moved.time),
        moved.payer_role,
        moved.payer,
        moved.payee_role,
        moved.payee,
        moved.reason,
        "native coin" if moved.currency == NATIVE else moved.currency,
        str(moved.amount),
        "" if decimals is None else decimal(moved.amount, decimals),
        moved.evidence or "",
    )
