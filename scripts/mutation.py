"""One way in which ``mutate_contracts.py`` breaks the sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Mutation:
    """One change of one file that the tests must notice.

    Attributes
    ----------
    name
        Unique, in words with hyphens.
    file
        Path inside ``contracts``.
    fragment
        Source text that occurs exactly once in the file.
    replacement
        What is put in its place; it must compile.
    tests
        What should fail: a file for forge, a path for pytest.
    runner
        Who runs them.
    explained
        Why this one survives, if it does so by right.
    """

    name: str
    file: str
    fragment: str
    replacement: str
    tests: str
    runner: Literal["forge", "pytest"] = "forge"
    explained: str = ""
