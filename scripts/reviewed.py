"""Reads lists of what was reviewed: TOML tables, each entry with its reason."""

from __future__ import annotations

import tomllib


def read_entries(text: str, table: str, keys: tuple[str, str]) -> list[dict[str, str]]:
    """Read the entries of a table, each with the two keys and a reason.

    Raises
    ------
    ValueError
        If an entry has another key, or gives no reason.
    """
    entries: list[dict[str, str]] = tomllib.loads(text).get(table, [])
    for entry in entries:
        if set(entry) != {*keys, "reason"} or not entry["reason"].strip():
            raise ValueError(f"an entry needs {', '.join(keys)} and reason: {entry}")
    return entries
