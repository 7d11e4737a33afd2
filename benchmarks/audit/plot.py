"""A small picture as SVG: what an audit takes against the size of the market."""

from __future__ import annotations

from typing import Any

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 340, 60, 60, 30, 50
_TIME, _MEMORY = "#1b6ca8", "#b5542b"


def growth_svg(sizes: list[dict[str, Any]]) -> str:
    """Return the seconds and the peak memory over the number of trades, each with its own axis."""
    trades = [size["trades"] for size in sizes]
    widest = max(trades)
    time = _curve(trades, [size["seconds"] for size in sizes], widest, _TIME, "s", left=True)
    memory = _curve(
        trades, [size["peak_memory_mib"] for size in sizes], widest, _MEMORY, "MiB", left=False
    )
    ticks = "".join(
        f'<text x="{_x(each, widest):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">'
        f"{each:,}</text>"
        for each in (0, *trades)
    )
    frame = (
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH - _LEFT - _RIGHT}"'
        f' height="{_HEIGHT - _TOP - _BOTTOM}" fill="none" stroke="#999"/>'
    )
    title = (
        f'<text x="{_LEFT}" y="18" fill="{_TIME}">processor seconds of a whole audit</text>'
        f'<text x="{_WIDTH - _RIGHT}" y="18" fill="{_MEMORY}" text-anchor="end">'
        "peak memory, MiB</text>"
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 8}" text-anchor="middle">trades</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        ' font-family="sans-serif" font-size="12" role="img"'
        ' aria-label="Time and memory of an audit over the number of trades">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>'
        f"{frame}{title}{ticks}{time}{memory}</svg>\n"
    )


def _curve(
    trades: list[int], values: list[float], widest: int, colour: str, unit: str, *, left: bool
) -> str:
    highest = max(values) * 1.1
    places = [(_x(x, widest), _y(y, highest)) for x, y in zip(trades, values, strict=True)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places)
    edge, anchor = (_LEFT - 6, "end") if left else (_WIDTH - _RIGHT + 6, "start")
    ticks = "".join(
        f'<text x="{edge}" y="{_y(part * highest / 4, highest) + 4:.1f}" text-anchor="{anchor}"'
        f' fill="{colour}">{part * highest / 4:.0f} {unit if part == 4 else ""}</text>'
        for part in range(5)
    )
    return (
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}{ticks}'
    )


def _x(trades: float, widest: float) -> float:
    return _LEFT + trades / widest * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, highest: float) -> float:
    return _HEIGHT - _BOTTOM - value / highest * (_HEIGHT - _TOP - _BOTTOM)
