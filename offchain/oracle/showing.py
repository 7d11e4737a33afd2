"""Hands the models that were scored to the panel, which decides a challenge by them."""

from __future__ import annotations

from marketplace.chain.market import Market
from marketplace.protocol.documents import Sealed, TrainingRecord
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from offchain.exchange import Exchange
from offchain.oracle.case import require_due


def sealed_for_panel(
    market: Market, exchange: Exchange, trade_id: bytes, number: int, sealed: Sealed
) -> dict[int, Sealed]:
    """Wrap the key of an attempt's composite for the panel that the request names.

    Returns
    -------
    dict of int to Sealed
        The one composite, by its attempt: such dictionaries joined are what a juror takes.

    Raises
    ------
    EnvelopeError, StorageError
        If this party can't open it.
    """
    panel = market.panel_of(market.agreement(trade_id).request.panel).members
    return {number: exchange.share(sealed, panel)}


def show_scored(
    market: Market, exchange: Exchange, trade_id: bytes, number: int
) -> dict[int, Sealed]:
    """Share what the committee sealed for its seats as the composite of an attempt.

    It is opened first, as this trade's composite and nothing else: a false record could name
    another secret of this seat. Whether it is the model on chain the panel sees.

    Raises
    ------
    TradeRefused
        If the trade is not disputed, or no composite of such an attempt is on record.
    EnvelopeError, StorageError, ProtocolError
        If this seat can't open it.
    """
    require_due(market, trade_id, State.DISPUTED)
    composite = _on_record(market, exchange, trade_id, number)
    exchange.unseal(composite, trade_id, f"composite/{number}")
    return sealed_for_panel(market, exchange, trade_id, number, composite)


def _on_record(market: Market, exchange: Exchange, trade_id: bytes, number: int) -> Sealed:
    for attempt in market.agreement(trade_id).attempts:
        if attempt.number == number:
            record = exchange.read(TrainingRecord, attempt.finding.training)
            if record.composite is not None:
                return record.composite
    raise TradeRefused(
        f"no composite of attempt {number} is on record",
        "show those of the attempts that had a model",
    )
