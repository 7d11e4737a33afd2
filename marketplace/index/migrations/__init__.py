"""Alembic's side of the index; `marketplace.index.database` runs it."""
