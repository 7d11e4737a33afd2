"""What the audit says: one verdict per check, as Python objects and as JSON.

The JSON has a published shape: `Report.model_json_schema(by_alias=True)` prints its schema,
and `Report.from_bytes` reads it back and refuses a report that contradicts itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Self

from pydantic import model_validator

from marketplace.protocol.documents import Document
from marketplace.protocol.states import State

Verdict = Literal["passed", "failed", "missing", "sealed", "open", "unchecked"]
"""
passed
    Recomputed, and equal to what moved the money.
failed
    Recomputed, and different.
missing
    Evidence that is due is not there, so nothing could be recomputed.
sealed
    Evidence that the protocol keeps sealed now, or for ever.
open
    The trade has not come so far yet.
unchecked
    This audit can't look at it from outside; that speaks neither for nor against it.
"""

MAX_DETAIL = 1_000


class Finding(NamedTuple):
    """What one check found: a verdict and one sentence that names the values."""

    verdict: Verdict
    detail: str


class Check(Document):
    """One line of the report.

    Attributes
    ----------
    trade
        Trade id as 0x-hex; None for a check of the whole market.
    name
        Stable name, e.g. ``data-payments``.
    verdict, detail
        What was found, and why.
    """

    kind = "audit-check"
    trade: str | None
    name: str
    verdict: Verdict
    detail: str


class AuditedTrade(Document):
    """One trade and the state that the log puts it in, e.g. ``SETTLED``."""

    kind = "audited-trade"
    id: str
    state: str

    @property
    def ended(self) -> bool:
        """Whether the trade has reached a final state."""
        return self.state in State.__members__ and State[self.state].final


class Report(Document):
    """Everything that one audit found.

    Attributes
    ----------
    chain_id, market
        What was audited.
    block, block_hash
        The block up to which the chain was read; hash as 0x-hex.
    ok
        False if any check failed, or if evidence of an ended trade is missing.
    trades
        The audited trades, oldest first.
    checks
        Those of the market first, then trade by trade.
    """

    kind = "audit-report"
    chain_id: int
    market: str
    block: int
    block_hash: str
    ok: bool
    trades: tuple[AuditedTrade, ...]
    checks: tuple[Check, ...]

    @classmethod
    def of(
        cls,
        chain_id: int,
        market: str,
        block: int,
        block_hash: str,
        trades: Sequence[AuditedTrade],
        checks: Sequence[Check],
    ) -> Self:
        """Build a report; `ok` follows from the rest."""
        return cls(
            chain_id=chain_id,
            market=market,
            block=block,
            block_hash=block_hash,
            ok=not _objections(trades, checks),
            trades=tuple(trades),
            checks=tuple(checks),
        )

    @model_validator(mode="after")
    def _ok_follows(self) -> Self:
        if self.ok != (not self.objections):
            raise ValueError("ok contradicts the checks")
        return self

    @property
    def objections(self) -> tuple[Check, ...]:
        """The checks that make `ok` false."""
        return _objections(self.trades, self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {"document": self.kind, **self.model_dump(mode="json", by_alias=True)}


def passed(detail: str) -> Finding:
    """Return the finding that all is as it should be."""
    return Finding("passed", detail)


def unchecked(why: str) -> Finding:
    """Return the finding that a check could not look at its subject, and why."""
    return Finding("unchecked", why)


def judged(faults: Sequence[str], otherwise: str) -> Finding:
    """Return a failure that names the faults, or a pass with the sentence `otherwise`."""
    return Finding("failed", listed(faults)) if faults else passed(otherwise)


def not_reached(ended: bool, step: str) -> Finding | None:
    """Return what to say of a step that never came: nothing, once the trade has ended."""
    return None if ended else Finding("open", f"the trade is running and has seen no {step} yet")


def counted(number: int, noun: str) -> str:
    """Return ``1 report`` or ``2 reports``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shown(value: object) -> str:
    """Return a value for people; bytes as 0x-hex."""
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def listed(sentences: Iterable[str]) -> str:
    """Join sentences into one, made safe to print: strangers wrote some of the words."""
    text = "; ".join(sentences)
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return printable if len(printable) <= MAX_DETAIL else printable[: MAX_DETAIL - 1] + "…"


def _objections(trades: Sequence[AuditedTrade], checks: Sequence[Check]) -> tuple[Check, ...]:
    running = {trade.id for trade in trades if not trade.ended}
    return tuple(
        check
        for check in checks
        if check.verdict == "failed" or (check.verdict == "missing" and check.trade not in running)
    )
