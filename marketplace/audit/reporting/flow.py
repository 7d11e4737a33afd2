"""The money of one trade as a picture (SVG): from whom, through what, to whom, what for.

The ledger's table says the same in words, and exactly; a picture is never the only source.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from marketplace.audit.report import AuditedTrade
from marketplace.audit.reporting.records import Movement
from marketplace.audit.reporting.words import money, short

_ROW, _BOX, _WIDTH = 46, 36, 1000
_HUB_LEFT, _HUB_RIGHT = 440, 540
_PAYER_WIDTH, _PAYEE_LEFT, _PAYEE_WIDTH = 190, 800, 200
_MIDDLE = _BOX // 2
_THICKEST = 14


def flow(trade: AuditedTrade, number: int) -> str:
    """Return one picture for each holder of money: the escrow, and the bonds of challenges.

    Parameters
    ----------
    number
        Of the trade on its page; makes the picture's ids unique there.
    """
    pictures = []
    for order, holder in enumerate(("escrow", "challenges")):
        paid_in = [moved for moved in trade.movements if moved.payee_role == holder]
        paid_out = [moved for moved in trade.movements if moved.payer_role == holder]
        if paid_in or paid_out:
            pictures.append(_picture(trade, holder, paid_in, paid_out, f"{number}-{order}"))
    return "".join(pictures)


def _picture(
    trade: AuditedTrade,
    holder: str,
    paid_in: Sequence[Movement],
    paid_out: Sequence[Movement],
    mark: str,
) -> str:
    rows = max(len(paid_in), len(paid_out), 1)
    height = rows * _ROW + 4
    largest = max(moved.amount for moved in (*paid_in, *paid_out))
    tall = rows * _ROW - (_ROW - _BOX)
    middle = _HUB_LEFT + (_HUB_RIGHT - _HUB_LEFT) // 2
    arrows = [
        *(_arrow(trade, moved, row, largest, inwards=True) for row, moved in enumerate(paid_in)),
        *(_arrow(trade, moved, row, largest, inwards=False) for row, moved in enumerate(paid_out)),
    ]
    sums = (
        f"{len(paid_in)} in, {len(paid_out)} out; "
        f"{sum(m.amount for m in paid_in)} and {sum(m.amount for m in paid_out)} smallest units"
    )
    return (
        f'<svg class="flow" viewBox="0 0 {_WIDTH} {height}" role="img"'
        f' aria-labelledby="t{mark} d{mark}" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="t{mark}">Money through the {escape(holder)} of trade'
        f" {escape(short(trade.id))}</title>"
        f'<desc id="d{mark}">{escape(sums)}. The table of movements says each of them.</desc>'
        f"{''.join(arrows)}"
        f'<rect class="hub" x="{_HUB_LEFT}" y="2" width="{_HUB_RIGHT - _HUB_LEFT}"'
        f' height="{tall}" rx="6"/>'
        f'<text class="name" x="{middle}" y="{2 + tall // 2 + 4}" text-anchor="middle">'
        f"{escape(holder)}</text></svg>"
    )


def _arrow(trade: AuditedTrade, moved: Movement, row: int, largest: int, *, inwards: bool) -> str:
    """Draw one party's box and the line to or from the holder; the line is as thick as its part."""
    top = 2 + row * _ROW
    line = top + _MIDDLE
    left, width = (1, _PAYER_WIDTH) if inwards else (_PAYEE_LEFT - 1, _PAYEE_WIDTH)
    start, end = (_PAYER_WIDTH + 1, _HUB_LEFT) if inwards else (_HUB_RIGHT, _PAYEE_LEFT - 1)
    role, account = (moved.payer_role, moved.payer) if inwards else (moved.payee_role, moved.payee)
    amount = money(moved.amount, moved.currency, trade.decimals_of(moved))
    evidence = moved.evidence or "none"
    thick = 1 + (_THICKEST - 1) * moved.amount // largest
    label = start + 8
    tip = f"{moved.payer} to {moved.payee}: {amount} ({moved.reason}); evidence {evidence}"
    return (
        f"<g><title>{escape(tip)}</title>"
        f'<line class="way" x1="{start}" y1="{line}" x2="{end - 8}" y2="{line}"'
        f' stroke-width="{thick}"/>'
        f'<path class="tip" d="M{end - 10} {line - 8}L{end} {line}L{end - 10} {line + 8}z"/>'
        f'<rect class="box" x="{left}" y="{top}" width="{width}" height="{_BOX}" rx="6"/>'
        f'<text class="name" x="{left + 10}" y="{top + 15}">{escape(role)}</text>'
        f'<text class="note" x="{left + 10}" y="{top + 29}">{escape(short(account))}</text>'
        f'<text class="note" x="{label}" y="{line - 9}">{escape(moved.reason)}'
        f" {escape(_brief(amount))}</text>"
        f'<text class="note" x="{label}" y="{line + 17}">{escape(short(evidence))}</text></g>'
    )


def _brief(amount: str) -> str:
    number, _, unit = amount.partition(" ")
    return f"{number} {short(unit, 6)}"
