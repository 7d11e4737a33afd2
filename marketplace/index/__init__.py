"""A read model of a market in SQL, for whoever shows or searches it.

It follows the chain, goes back with it when the chain changes its mind, and can be rebuilt
from the log to the same bytes at any time. Nothing that decides about money reads it; the
audit doesn't know that it exists. `docs/index.md` describes the tables.
"""
