"""The tables as they were first: names and types by column, the key before the bar.

A migration never changes: it holds what was, not what `marketplace.index.tables` says now.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

_TEXT = sa.String().with_variant(sa.String(collation="C"), "postgresql")
_AMOUNT = sa.Numeric(78, 0).with_variant(sa.Text(), "sqlite")
_TYPES: dict[str, TypeEngine[Any]] = {
    "text": _TEXT,
    "int": sa.Integer(),
    "big": sa.BigInteger(),
    "bool": sa.Boolean(),
    "amount": _AMOUNT,
}

_TABLES = {
    "allocations": "trade:text attempt:int position:int | expert:text amount:amount",
    "attempts": (
        "trade:text attempt:int | block:big passed:bool signers:int verdicts:int model:text "
        "training:text delivery:text evidence:text"
    ),
    "balances": "ledger:text account:text currency:text | amount:amount",
    "blocks": "number:big | hash:text parent:text timestamp:big events:int",
    "cursor": "id:int | chain_id:big market:text block:big hash:text horizon:big",
    "disputes": (
        "trade:text | challenger:text claim:text currency:text bond:amount deadline:big ruling:text"
    ),
    "events": (
        "block:big log_index:int | transaction:text address:text contract:text name:text "
        "trade:text topics:text data:text"
    ),
    "gates": "trade:text position:int | expert:text weight:big",
    "movements": (
        "block:big log_index:int position:int | ledger:text kind:text trade:text account:text "
        "currency:text amount:amount purpose:text"
    ),
    "offers": (
        "trade:text position:int | provider:text dataset:text rows:big price:amount outcome:text"
    ),
    "parties": "account:text trade:text role:text |",
    "penalties": (
        "block:big log_index:int | trade:text kind:text attempt:int seats:int slashed:amount"
    ),
    "reputations": (
        "office:text member:text | bonded:amount unbonding:amount slashed:amount slashes:int"
    ),
    "scores": "trade:text attempt:int seat:int | score:big",
    "seats": (
        "office:text version:big seat:int | member:text threshold:int effective_at:big "
        "cancelled:bool digest:text"
    ),
    "trades": (
        "id:text | requested:big state:text deadline:big buyer:text broker:text auditor:text "
        "currency:text budget:amount threshold:big max_attempts:int min_rows:big fee_bps:int "
        "committee:text panel:text spec:text licence:text windows:text accepted:big "
        "price:amount expert_pool:amount broker_fee:amount auditor_fee:amount "
        "oracle_fee:amount protocol_fee:amount attempts:int attested:bool approved:bool "
        "disputed:bool overturned:bool escrow:amount"
    ),
    "undo": "block:big step:int | name:text row_key:text row_before:text",
}

_INDEXES = {
    "balances_by_account": ("balances", "account"),
    "events_by_trade": ("events", "trade"),
    "movements_by_account": ("movements", "account"),
    "movements_by_trade": ("movements", "trade"),
    "parties_by_trade": ("parties", "trade"),
    "trades_by_state": ("trades", "state"),
}


def upgrade() -> None:
    """Make the tables."""
    for name, columns in _TABLES.items():
        key, _, rest = columns.partition("|")
        op.create_table(name, *_columns(key, True), *_columns(rest, False))
    for name, (table, column) in _INDEXES.items():
        op.create_index(name, table, [column])


def downgrade() -> None:
    """Drop the tables: what they hold can be read from the chain again."""
    for name, (table, _) in _INDEXES.items():
        op.drop_index(name, table)
    for name in _TABLES:
        op.drop_table(name)


def _columns(words: str, in_key: bool) -> list[sa.Column[Any]]:
    return [
        sa.Column(name, _TYPES[kind], primary_key=in_key, nullable=False, autoincrement=False)
        for name, _, kind in (word.partition(":") for word in words.split())
    ]
