"""The states of a trade and the purposes of a credit, numbered as the contracts number them."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """Where a trade stands; `contracts/src/types/Trade.sol` holds the same list."""

    NONE = 0
    REQUESTED = 1
    DATA_REQUESTED = 2
    FUNDED = 3
    DATA_DELIVERED = 4
    GATED = 5
    PASSED = 6
    SETTLED = 7
    DECLINED = 8
    EXPIRED = 9
    REFUNDED = 10
    FAILED = 11

    @property
    def final(self) -> bool:
        """Whether nothing can move the trade's escrow any more."""
        return self >= State.SETTLED


class Purpose(IntEnum):
    """Why an account was credited; `contracts/src/types/Trade.sol` holds the same list."""

    DATA = 0
    EXPERT = 1
    BROKER = 2
    AUDIT = 3
    ORACLE = 4
    PROTOCOL = 5
