"""Warnings: patterns that no rule forbids, told for a reader to judge.

A pattern is looked for in the whole log, never fails an audit, and says nothing about what was
paid. Each rule and its thresholds are in `docs/audit.md`.
"""

from __future__ import annotations

from collections.abc import Callable

from marketplace.audit.history import History
from marketplace.audit.patterns.dealing import self_dealing
from marketplace.audit.patterns.farming import farming
from marketplace.audit.patterns.judges import judges
from marketplace.audit.report import Finding

PATTERNS: dict[str, Callable[[History], Finding]] = {
    "judges": judges,
    "self-dealing": self_dealing,
    "farming": farming,
}
"""By the stable name that the report uses; those that need more than the log are not here."""
