"""Parties that misbehave, for the scripts that show how a trade survives them."""

from __future__ import annotations

from marketplace.roles.provider import Provider


class GarbageProvider(Provider):
    """Quotes a good dataset and delivers a torn one, as a broken upload would."""

    def _payload(self, trade_id: bytes) -> bytes:
        whole = super()._payload(trade_id)
        return whole[: len(whole) // 2]
