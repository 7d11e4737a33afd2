"""`Payouts` reads and writes two slots whole; the compiler lays them out as it assumes."""

from __future__ import annotations

from typing import Any

import pytest

from marketplace.chain.artifacts import load_artifact


def members(contract: str, struct: str) -> dict[str, tuple[int, int]]:
    """Return slot and byte, counted from the low end, of each member."""
    types: dict[str, Any] = load_artifact(contract).storage_layout["types"]
    (found,) = (kind for kind in types.values() if kind["label"] == f"struct {struct}")
    return {m["label"]: (int(m["slot"]), int(m["offset"])) for m in found["members"]}


def test_a_claim_finds_its_members_in_one_word() -> None:
    assert members("Payouts", "Active") == {
        "unclaimed": (0, 0),
        "epoch": (0, 16),
        "shift": (0, 192 // 8),
        "row": (0, 208 // 8),
    }
    assert members("Payouts", "Book")["active"] == (0, 0)
    assert members("Payouts", "Account") == {"claimed": (0, 0), "credit": (0, 16)}


@pytest.mark.parametrize(
    ("contract", "struct", "slots"),
    [("Payouts", "Account", 1), ("SealedBids", "Bid", 1), ("SealedBids", "Standing", 3)],
)
def test_records_are_as_small_as_promised(contract: str, struct: str, slots: int) -> None:
    assert 1 + max(slot for slot, _ in members(contract, struct).values()) == slots
