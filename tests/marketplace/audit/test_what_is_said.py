"""Each check says what it looked at, word for word, of every course and every step of a trade.

What is said is in `said.json`; with MOEMARKET_UPDATE_SAID=1 it is written anew, to be read before
it is committed. Hashes and CIDs are left out of it, and so is where the store lies.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import courses
import pytest
from audited_trade import UNSKILLED, AuditedTrade

from marketplace.audit import audit

SAID = Path(__file__).with_name("said.json")
UPDATE = "MOEMARKET_UPDATE_SAID"
Course = Callable[[AuditedTrade], None]


def after_a_failed_attempt(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)


def in_dispute(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.challenge()


def after_the_last_failed_attempt(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.attempt(UNSKILLED)


COURSES: dict[str, Course] = {
    **dict(inspect.getmembers(courses, inspect.isfunction)),
    "asked": AuditedTrade.ask,
    "funded": AuditedTrade.to_funded,
    "gated": AuditedTrade.to_gate,
    "after_a_failed_attempt": after_a_failed_attempt,
    "after_the_last_failed_attempt": after_the_last_failed_attempt,
    "passed": AuditedTrade.to_passed,
    "in_dispute": in_dispute,
}


def said_of(trade: AuditedTrade) -> dict[str, str]:
    """Return verdict and detail of each check, without what differs from run to run."""
    report = audit(trade.market.node.web3.provider, trade.market.address, trade.store)
    return {
        check.name if check.trade is None else f"trade: {check.name}": (
            f"{check.verdict}: {same_everywhere(check.detail, str(trade.store.path))}"
        )
        for check in report.checks
    }


def same_everywhere(detail: str, store: str) -> str:
    """Leave out hashes, CIDs and the store's place; of what was cut short, keep how it begins."""
    if detail.endswith("…"):
        detail = "; ".join([*detail.split("; ")[:2], "…"])
    return re.sub(r"0x[0-9a-f]{64}|bafk[a-z2-7]+", "…", detail.replace(store, "STORE"))


@pytest.mark.parametrize("name", COURSES)
def test_every_check_says_what_it_looked_at(trade: AuditedTrade, name: str) -> None:
    COURSES[name](trade)
    found = said_of(trade)
    known = json.loads(SAID.read_text()) if SAID.exists() else {}
    if os.environ.get(UPDATE):
        known[name] = found
        SAID.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    assert found == known[name]


def test_nothing_is_kept_of_courses_that_are_not_there() -> None:
    assert set(json.loads(SAID.read_text())) == set(COURSES)
