"""Parties that misbehave, for the scripts that show how a trade survives them."""

from __future__ import annotations

from marketplace.chain.market import ReportedAttempt
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.terms import Opening
from marketplace.roles.provider import Provider
from offchain.oracle.signer import OracleSigner


class GarbageProvider(Provider):
    """Quotes a good dataset and delivers a torn one, as a broken upload would."""

    def _payload(self, trade_id: bytes) -> bytes:
        whole = super()._payload(trade_id)
        return whole[: len(whole) // 2]


class ClosedSigner(OracleSigner):
    """Judges as any other, and then keeps its score sealed."""

    def opening(self, trade_id: bytes, attempt: ReportedAttempt) -> Opening:
        """Refuse."""
        raise TradeRefused("it keeps its score sealed", "settle without it")
