"""Puts an owner's models on record when the time to train runs out and nobody has reported.

An expert with nothing on record depends on the seats that asked it: if they say that there was
no model, nothing on chain speaks against them.
"""

from __future__ import annotations

from marketplace.protocol.errors import MarketError, NodeUnreachable
from marketplace.protocol.states import State
from marketplace.roles.expert import Expert
from marketplace.service.logs import say, warn
from offchain.oracle.experts import TrainedModel

LAST_PART = 4
"""A record is made in the last quarter of the time to train."""


class Keeping:
    """What one owner trained and nobody has judged yet; a restart forgets it.

    Parameters
    ----------
    owner
        Its account pays the gas of a record.
    """

    def __init__(self, owner: Expert) -> None:
        self._owner = owner
        self._waiting: dict[bytes, TrainedModel] = {}

    def take(self, trade_id: bytes, trained: TrainedModel) -> None:
        """Keep what was trained for the attempt that is due, if it is not kept yet."""
        kept = self._waiting.get(trade_id)
        if kept is None or kept.training.attempt != trained.training.attempt:
            self._waiting[trade_id] = trained

    def look(self) -> None:
        """Put on record what is due; what is judged, recorded or too late is let go."""
        for trade_id, trained in list(self._waiting.items()):
            try:
                if self._settled(trade_id, trained) and self._waiting.get(trade_id) is trained:
                    del self._waiting[trade_id]
            except NodeUnreachable:
                raise
            except MarketError as error:
                warn("a model can't be put on record", trade=trade_id.hex(), cause=error.cause)

    def _settled(self, trade_id: bytes, trained: TrainedModel) -> bool:
        market, attempt = self._owner.market, trained.training.attempt
        status = market.status(trade_id)
        due = status.deadline - status.windows.validation
        if status.state != State.GATED or status.attempts + 1 != attempt:
            return True
        now = market.node.now()
        if due - status.windows.training // LAST_PART <= now <= due:
            self._owner.record_delivery(trade_id, trained)
            say("a model is put on record", trade="0x" + trade_id.hex(), attempt=attempt)
            return True
        return now > due
