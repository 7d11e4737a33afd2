"""How much an index holds."""

from __future__ import annotations

from sqlalchemy import Engine, func, select

from marketplace.index import tables
from marketplace.index.database import reading, refusals


def counts(engine: Engine) -> dict[str, int]:
    """Return the number of rows of each table."""
    with refusals(engine), reading(engine) as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in tables.CONTENT
        }


def trades_by_state(engine: Engine) -> dict[str, int]:
    """Return the number of trades in each state that one is in."""
    state = tables.trades.c.state
    question = select(state, func.count()).group_by(state).order_by(state)
    with refusals(engine), reading(engine) as connection:
        return {row[0]: row[1] for row in connection.execute(question)}
