"""What the audit says: one verdict per check, as Python objects and as JSON.

The JSON has a published shape, `docs/audit-report.schema.json`; `Report.from_bytes` reads it
back and refuses a report that contradicts itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from marketplace.audit.reporting.records import OF_ESCROW, Movement, Occurrence
from marketplace.protocol.documents import Document
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE

Verdict = Literal["passed", "failed", "missing", "sealed", "open", "unchecked", "warned"]
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
warned
    A pattern that no rule forbids; it speaks against no payment, and a reader should look.
"""

MAX_DETAIL = 1_000
COIN_DECIMALS = 18
"""Of the native coin of an EVM chain."""


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
    """One trade and the state that the log puts it in, e.g. ``SETTLED``.

    Attributes
    ----------
    decimals
        By how many digits wei of the trade's currency are shifted for people, an uint8; None where
        the token doesn't say. Nothing proves what a token says of it.
    timeline, movements
        What happened, and where money went, in the order of the log.
    """

    kind = "audited-trade"
    id: str
    state: str
    decimals: Annotated[int, Field(ge=0, le=255)] | None = None
    timeline: tuple[Occurrence, ...] = ()
    movements: tuple[Movement, ...] = ()

    def decimals_of(self, moved: Movement) -> int | None:
        """Return `decimals` for one movement: stakes are in coins whatever the trade is in."""
        return COIN_DECIMALS if moved.currency == NATIVE else self.decimals

    @property
    def held(self) -> int:
        """Wei that the movements leave in the escrow; below zero if too much left."""
        escrow = [moved for moved in self.movements if moved.reason in OF_ESCROW]
        return sum(m.amount if m.reason == "escrow" else -m.amount for m in escrow)

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
    movements
        What moved beside the trades, in the order of the log: stakes, bonds of tenders, payouts,
        and what accounts withdrew of their credits. None in a report on single trades.
    """

    kind = "audit-report"
    max_bytes = None  # about 16 KiB a trade, and as many trades as a market has seen
    chain_id: int
    market: str
    block: int
    block_hash: str
    ok: bool
    trades: tuple[AuditedTrade, ...]
    checks: tuple[Check, ...]
    movements: tuple[Movement, ...] = ()

    @classmethod
    def of(
        cls,
        chain_id: int,
        market: str,
        block: int,
        block_hash: str,
        trades: Sequence[AuditedTrade],
        checks: Sequence[Check],
        movements: Sequence[Movement] = (),
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
            movements=tuple(movements),
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

    @property
    def warnings(self) -> tuple[Check, ...]:
        """The checks that found a pattern; they leave `ok` as it is."""
        return tuple(check for check in self.checks if check.verdict == "warned")

    @property
    def unproven(self) -> tuple[Check, ...]:
        """The checks that could not look at their subject; they leave `ok` as it is.

        An anchor that nobody brought is none: it is the auditor's part, and the report says so.
        """
        unchecked = (check for check in self.checks if check.verdict == "unchecked")
        return tuple(check for check in unchecked if check.name != "anchor")

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {"document": self.kind, **self.model_dump(mode="json", by_alias=True)}


def published_schema() -> dict[str, Any]:
    """Return the JSON schema of a report, as `docs/audit-report.schema.json` publishes it."""
    schema = Report.model_json_schema(by_alias=True, mode="serialization")
    schema["properties"]["document"] = {"const": Report.kind}
    schema["required"].append("document")
    return schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def passed(detail: str) -> Finding:
    """Return the finding that all is as it should be."""
    return Finding("passed", detail)


def unchecked(why: str) -> Finding:
    """Return the finding that a check could not look at its subject, and why."""
    return Finding("unchecked", why)


def judged(faults: Sequence[str], otherwise: str) -> Finding:
    """Return a failure that names the faults, or a pass with the sentence `otherwise`."""
    return Finding("failed", listed(faults)) if faults else passed(otherwise)


def suspected(patterns: Sequence[str], otherwise: str) -> Finding:
    """Return a warning that names the patterns, or a pass with the sentence `otherwise`."""
    return Finding("warned", listed(patterns)) if patterns else passed(otherwise)


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
