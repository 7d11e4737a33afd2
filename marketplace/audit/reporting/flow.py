"""Money as a picture (SVG): from whom, through what, to whom, what for.

The ledger's table says the same in words, and exactly; a picture is never the only source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from html import escape

from marketplace.audit.report import COIN_DECIMALS, AuditedTrade, Report, counted
from marketplace.audit.reporting.records import Movement
from marketplace.audit.reporting.words import money, short
from marketplace.protocol.terms import NATIVE

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


def flow_beside(report: Report) -> str:
    """Return one picture for each contract of what moved there in no single trade.

    Movements of one kind are one line, from the left through the contract to the right: there
    are as many as a market is old. The ledger has each of them.
    """
    kinds: defaultdict[str, defaultdict[_Kind, list[Movement]]]
    kinds = defaultdict(lambda: defaultdict(list))
    for moved in report.movements:
        kind = moved.reason, moved.payer_role, moved.payee_role, moved.currency
        kinds[moved.contract][kind].append(moved)
    return "".join(
        _summary(contract, list(sums.values()), f"beside-{order}")
        for order, (contract, sums) in enumerate(kinds.items())
    )


_Kind = tuple[str, str, str, str]


def _summary(contract: str, kinds: Sequence[Sequence[Movement]], mark: str) -> str:
    largest = max(sum(moved.amount for moved in kind) for kind in kinds)
    rows = [_kind(kind, row, largest) for row, kind in enumerate(kinds)]
    said = f"{counted(len(kinds), 'kind')} of movements through {short(contract)}"
    return _svg(
        len(kinds),
        said,
        "The table of movements says each of them.",
        short(contract, 5),
        mark,
        rows,
    )


def _kind(kind: Sequence[Movement], row: int, largest: int) -> str:
    """Draw the movements of one kind: who paid, on the left, and who was paid, on the right."""
    total, first = sum(moved.amount for moved in kind), kind[0]
    amount = money(total, first.currency, COIN_DECIMALS if first.currency == NATIVE else None)
    thick = 1 + (_THICKEST - 1) * total // largest
    payers, payees = ({m.payer for m in kind}, {m.payee for m in kind})
    tip = f"{counted(len(kind), 'movement')}, {amount} in all ({first.reason})"
    left = _line(
        row, thick, first.payer_role, _who(payers), (f"{first.reason} {_brief(amount)}", ""), True
    )
    right = _line(
        row, thick, first.payee_role, _who(payees), (counted(len(kind), "movement"), ""), False
    )
    return f"<g><title>{escape(tip)}</title>{left}{right}</g>"


def _who(accounts: set[str]) -> str:
    return short(next(iter(accounts))) if len(accounts) == 1 else counted(len(accounts), "account")


def _picture(
    trade: AuditedTrade,
    holder: str,
    paid_in: Sequence[Movement],
    paid_out: Sequence[Movement],
    mark: str,
) -> str:
    largest = max(moved.amount for moved in (*paid_in, *paid_out))
    arrows = [
        *(_arrow(trade, moved, row, largest, inwards=True) for row, moved in enumerate(paid_in)),
        *(_arrow(trade, moved, row, largest, inwards=False) for row, moved in enumerate(paid_out)),
    ]
    sums = (
        f"{len(paid_in)} in, {len(paid_out)} out; "
        f"{sum(m.amount for m in paid_in)} and {sum(m.amount for m in paid_out)} smallest units."
        " The table of movements says each of them."
    )
    title = f"Money through the {holder} of trade {short(trade.id)}"
    return _svg(max(len(paid_in), len(paid_out), 1), title, sums, holder, mark, arrows)


def _svg(rows: int, title: str, words: str, hub: str, mark: str, arrows: Sequence[str]) -> str:
    """Return a picture with a hub in the middle, as tall as its rows; `mark` makes its ids."""
    height, tall = rows * _ROW + 4, rows * _ROW - (_ROW - _BOX)
    middle = _HUB_LEFT + (_HUB_RIGHT - _HUB_LEFT) // 2
    return (
        f'<svg class="flow" viewBox="0 0 {_WIDTH} {height}" role="img"'
        f' aria-labelledby="t{mark} d{mark}" xmlns="http://www.w3.org/2000/svg">'
        f'<title id="t{mark}">{escape(title)}</title><desc id="d{mark}">{escape(words)}</desc>'
        f"{''.join(arrows)}"
        f'<rect class="hub" x="{_HUB_LEFT}" y="2" width="{_HUB_RIGHT - _HUB_LEFT}"'
        f' height="{tall}" rx="6"/>'
        f'<text class="name" x="{middle}" y="{2 + tall // 2 + 4}" text-anchor="middle">'
        f"{escape(hub)}</text></svg>"
    )


def _arrow(trade: AuditedTrade, moved: Movement, row: int, largest: int, *, inwards: bool) -> str:
    """Draw one movement to or from the holder; the line is as thick as its part."""
    role, account = (moved.payer_role, moved.payer) if inwards else (moved.payee_role, moved.payee)
    amount = money(moved.amount, moved.currency, trade.decimals_of(moved))
    evidence = moved.evidence or "none"
    thick = 1 + (_THICKEST - 1) * moved.amount // largest
    tip = f"{moved.payer} to {moved.payee}: {amount} ({moved.reason}); evidence {evidence}"
    notes = f"{moved.reason} {_brief(amount)}", short(evidence)
    line = _line(row, thick, role, short(account), notes, inwards)
    return f"<g><title>{escape(tip)}</title>{line}</g>"


def _line(
    row: int, thick: int, role: str, account: str, notes: tuple[str, str], inwards: bool
) -> str:
    """Draw a party's box, and the line to or from the hub with a note above it and one below."""
    top = 2 + row * _ROW
    line = top + _MIDDLE
    left, width = (1, _PAYER_WIDTH) if inwards else (_PAYEE_LEFT - 1, _PAYEE_WIDTH)
    start, end = (_PAYER_WIDTH + 1, _HUB_LEFT) if inwards else (_HUB_RIGHT, _PAYEE_LEFT - 1)
    label = start + 8
    return (
        f'<line class="way" x1="{start}" y1="{line}" x2="{end - 8}" y2="{line}"'
        f' stroke-width="{thick}"/>'
        f'<path class="tip" d="M{end - 10} {line - 8}L{end} {line}L{end - 10} {line + 8}z"/>'
        f'<rect class="box" x="{left}" y="{top}" width="{width}" height="{_BOX}" rx="6"/>'
        f'<text class="name" x="{left + 10}" y="{top + 15}">{escape(role)}</text>'
        f'<text class="note" x="{left + 10}" y="{top + 29}">{escape(account)}</text>'
        f'<text class="note" x="{label}" y="{line - 9}">{escape(notes[0])}</text>'
        f'<text class="note" x="{label}" y="{line + 17}">{escape(notes[1])}</text>'
    )


def _brief(amount: str) -> str:
    number, _, unit = amount.partition(" ")
    return f"{number} {short(unit, 6)}"
