"""Step 5 where nothing can be judged: the report that says so, and refunds the buyer.

A buyer may send other validation rows than it committed to, and data may be such that nobody can
be chosen for them. Silence would cost the committee its stakes, and who put a delivery on record
would be paid by the clock; so the committee reports that it accepts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from marketplace.chain.market import Status
from marketplace.protocol.documents import DataManifest, Delivery, Sealed
from marketplace.protocol.errors import MarketError, TradeRefused, UnusableData
from marketplace.protocol.terms import DataQuote
from offchain.data.names import shown


def delivery_is_over(status: Status, now: int) -> bool:
    """Tell whether the time to deliver data is over, so that nothing better can come."""
    return now > status.deadline - status.windows.judging


def no_gate_reason(error: MarketError) -> str | None:
    """Say why no gate can be decided, if it is the data's fault or the experts'."""
    return shown(error.cause) if isinstance(error, TradeRefused | UnusableData) else None


def nothing_accepted(
    trade_id: bytes,
    quotes: Sequence[DataQuote],
    deliveries: Sequence[Sealed | None],
    reason: str,
) -> DataManifest:
    """Return the manifest of a report that accepts none of the deliveries, one for each quote."""
    return DataManifest(
        trade="0x" + trade_id.hex(),
        deliveries=tuple(
            Delivery(provider=quote.provider, sealed=sealed, accepted=False, reason=reason)
            for quote, sealed in zip(quotes, deliveries, strict=True)
        ),
    )
