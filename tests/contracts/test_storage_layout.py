"""The slots drawn over the trade's record are those that the compiler gives it."""

from __future__ import annotations

import re
from pathlib import Path

from marketplace.chain.artifacts import load_artifact

SOURCE = Path(__file__).parents[2] / "contracts" / "src" / "types" / "Trade.sol"


def drawn_slots() -> list[list[str]]:
    slots = re.findall(r"///\s+slot (\d+)\s+(.+)", SOURCE.read_text())
    assert [int(number) for number, _ in slots] == list(range(len(slots)))
    return [[member.split()[0] for member in drawn.split(" | ")] for _, drawn in slots]


def test_the_drawing_is_the_layout() -> None:
    types = load_artifact("ModelMarket").storage_layout["types"]
    (trade,) = (kind for kind in types.values() if kind["label"] == "struct Trade")
    compiled: list[list[str]] = []
    for member in trade["members"]:
        if int(member["slot"]) == len(compiled):
            compiled.append([])
        compiled[-1].append(member["label"])
    assert drawn_slots() == compiled
