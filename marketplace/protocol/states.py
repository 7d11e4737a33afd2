"""States of a trade, purposes of a credit, rules of a licence: numbered as in the contracts."""

from __future__ import annotations

from enum import IntEnum


class State(IntEnum):
    """Where a trade stands; `contracts/src/types/Trade.sol` holds the same list."""

    NONE = 0
    REQUESTED = 1
    FUNDED = 2
    GATED = 3
    PASSED = 4
    REJECTED = 5
    DISPUTED = 6
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


class TransferRule(IntEnum):
    """What the holder of a licence may do with it; `Trade.sol` holds the same list."""

    NON_TRANSFERABLE = 0
    TRANSFERABLE = 1
    BY_LICENSOR = 2
