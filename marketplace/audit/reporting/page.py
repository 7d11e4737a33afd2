"""The report as one HTML page that needs nothing else: no script, no font, no network.

Strangers wrote some of the words, so everything that is not written here goes through
`html.escape`, and the page's own policy forbids whatever it doesn't hold itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape
from itertools import chain

from marketplace.audit.report import COIN_DECIMALS, AuditedTrade, Check, Report, counted
from marketplace.audit.reporting.flow import flow, flow_beside
from marketplace.audit.reporting.purposes import purpose_of
from marketplace.audit.reporting.records import Movement, Occurrence
from marketplace.audit.reporting.style import STYLE
from marketplace.audit.reporting.words import decimal, moment, short, span
from marketplace.protocol.terms import NATIVE

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(report: Report) -> str:
    """Return the page: the outcome, the market's checks, then trade by trade what happened."""
    title = f"Audit of market {short(report.market)}, block {report.block}"
    trades = "".join(_trade(report, trade, n) for n, trade in enumerate(report.trades, 1))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>{_head(report)}"
        f"<h2>The market</h2>{_checks((c for c in report.checks if c.trade is None), 'the market')}"
        f"{_beside(report)}{trades}</main></body></html>\n"
    )


def _head(report: Report) -> str:
    counts = Counter(check.verdict for check in report.checks)
    numbers = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    facts = (
        ("chain", str(report.chain_id)),
        ("market", report.market),
        ("up to block", str(report.block)),
        ("its hash", report.block_hash),
        ("checks", numbers),
    )
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td><code>{escape(value)}</code></td></tr>'
        for name, value in facts
    )
    if not report.trades:
        outcome, style = "There are no trades here; nothing was audited.", "unchecked"
    elif report.ok:
        outcome, style = "Nothing speaks against what was paid.", "passed"
    else:
        names = ", ".join(sorted({check.name for check in report.objections}))
        outcome, style = f"Objections: {names}.", "failed"
    links = "".join(
        f'<li><a href="#trade-{n}"><code>{escape(trade.id)}</code></a> {escape(trade.state)}</li>'
        for n, trade in enumerate(report.trades, 1)
    )
    return (
        f'<p class="outcome {style}"><strong>{escape(outcome)}</strong></p>'
        f"<table><caption>What was audited</caption><tbody>{rows}</tbody></table>"
        f"<h2>Trades</h2><ol>{links}</ol>"
    )


def _trade(report: Report, trade: AuditedTrade, number: int) -> str:
    checks = [check for check in report.checks if check.trade == trade.id]
    return (
        f'<section id="trade-{number}"><h2>Trade <code>{escape(trade.id)}</code>:'
        f" {escape(trade.state)}</h2>"
        f"<h3>What happened</h3>{_timeline(trade.timeline)}"
        f'<h3>Where the money went</h3><div class="wide">{flow(trade, number)}</div>'
        f"{_movements(trade)}"
        f"<h3>What was checked</h3>{_checks(checks, 'the trade')}</section>"
    )


def _timeline(events: Sequence[Occurrence]) -> str:
    rows = []
    befores = chain((None,), events)
    for before, event in zip(befores, events, strict=False):
        gap = "" if before is None else span(event.time - before.time)
        rows.append(
            (
                f"{event.block}",
                _time(event.time),
                escape(gap),
                f"<strong>{escape(event.name)}</strong>",
                escape(event.meaning) + "".join(f"<br>{_code(cid)}" for cid in event.evidence),
                _code(event.transaction, brief=True),
            )
        )
    heads = ("block", "time (UTC)", "after", "event", "what it means", "transaction")
    return _table(f"{counted(len(events), 'event')}, oldest first", heads, rows)


def _beside(report: Report) -> str:
    """Tell what moved in no single trade: stakes, bonds of tenders, payouts, withdrawals."""
    if not report.movements:
        return ""
    rows = [
        _movement(COIN_DECIMALS if moved.currency == NATIVE else None, moved)
        for moved in report.movements
    ]
    caption = f"{counted(len(rows), 'movement')} of no single trade, oldest first"
    return (
        f'<h3>Money of no single trade</h3><div class="wide">{flow_beside(report)}</div>'
        f"<details><summary>Each movement</summary>{_table(caption, _MOVED, rows)}</details>"
    )


_MOVED = ("block", "time (UTC)", "from", "to", "what for", "amount", "evidence")


def _movements(trade: AuditedTrade) -> str:
    rows = [_movement(trade.decimals_of(moved), moved) for moved in trade.movements]
    caption = f"{counted(len(rows), 'movement')}; the escrow holds {trade.held} smallest units"
    return (
        f"<details open><summary>Each movement</summary>{_table(caption, _MOVED, rows)}</details>"
    )


def _movement(decimals: int | None, moved: Movement) -> tuple[str, ...]:
    unit = "coins" if moved.currency == NATIVE else _code(moved.currency, brief=True)
    exact = f"{moved.amount} smallest units"
    shifted = "" if decimals is None else f"{decimal(moved.amount, decimals)} {unit}<br>"
    return (
        f"{moved.block}",
        _time(moved.time),
        f"{escape(moved.payer_role)}<br>{_code(moved.payer)}",
        f"{escape(moved.payee_role)}<br>{_code(moved.payee)}",
        escape(moved.reason),
        f'{shifted}<span class="soft">{exact}</span>',
        "" if moved.evidence is None else _code(moved.evidence),
    )


def _checks(checks: Iterable[Check], of: str) -> str:
    rows = [
        (
            f'<span class="verdict {check.verdict}">{check.verdict}</span>',
            f"<strong>{escape(check.name)}</strong>",
            escape(purpose_of(check.name)),
            escape(check.detail),
        )
        for check in checks
    ]
    heads = ("verdict", "check", "what is compared", "what was found, in which values")
    return _table(f"{counted(len(rows), 'check')} of {of}", heads, rows)


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the caption is text, the cells are HTML."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _time(seconds: int) -> str:
    said = escape(moment(seconds))
    return f'<time datetime="{said}">{said}</time>'


def _code(name: str, *, brief: bool = False) -> str:
    if not brief:
        return f"<code>{escape(name)}</code>"
    return f'<code title="{escape(name)}">{escape(short(name))}</code>'
