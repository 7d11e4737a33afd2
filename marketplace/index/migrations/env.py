"""Where Alembic's commands run: in the transaction that `marketplace.index.database` opened."""

from __future__ import annotations

from alembic import context

from marketplace.index.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, compare_type=True
)
context.run_migrations()
