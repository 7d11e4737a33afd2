"""Parties that misbehave, for the scripts that show how a trade survives them."""

from __future__ import annotations

from marketplace.protocol.documents import Sealed
from marketplace.roles.provider import Provider
from offchain.data import encode


class GarbageProvider(Provider):
    """Quotes a good dataset and delivers a torn one."""

    def deliver(self, trade_id: bytes) -> Sealed:
        """Encrypt half of the dataset's bytes, as a broken upload would."""
        whole = self._salt(trade_id) + encode(self.dataset)
        return self._sealed(trade_id, whole[: len(whole) // 2])
