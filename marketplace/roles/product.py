"""What the chain says of a delivered model, for its card."""

from __future__ import annotations

from marketplace.chain.market import Market
from marketplace.protocol.documents import Specification
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import TransferRule
from offchain.exchange import Exchange
from offchain.oracle.case import accepted_quotes, passed_attempt
from offchain.product.card import Licence, Lineage, Source
from offchain.product.making import Origin
from offchain.storage.cid import cid_of_digest


def origin_of(market: Market, exchange: Exchange, trade_id: bytes) -> Origin:
    """Collect lineage, sources, contributors and licence of a trade whose model has passed.

    Raises
    ------
    TradeRefused
        If no attempt has passed.
    StorageError, ProtocolError
        If a document of the trade can't be fetched or read.
    """
    attempt, agreed = passed_attempt(market, trade_id), market.agreement(trade_id)
    request, gate, found, data = agreed.request, agreed.gate, attempt.finding, agreed.data
    if data is None:
        raise TradeRefused("the data has not been reported on", "wait for the data report")
    lineage = Lineage(
        chain_id=market.domain.chain_id,
        market=market.address,
        trade="0x" + trade_id.hex(),
        attempt=attempt.number,
        specification=cid_of_digest(request.spec),
        data_manifest=cid_of_digest(data.data_evidence),
        gate_manifest=cid_of_digest(data.gate_evidence),
        training=cid_of_digest(found.training),
        evidence=cid_of_digest(found.evidence),
        delivery=cid_of_digest(found.delivery),
        model_manifest=cid_of_digest(found.model),
    )
    sources = tuple(
        Source(
            provider=quote.provider,
            rows=quote.rows,
            price=quote.price,
            accepted=bool(data.accepted >> at & 1),
        )
        for at, quote in enumerate(accepted_quotes(market, trade_id))
    )
    names = [address.lower() for address in gate.experts]
    licence = cid_of_digest(request.licence)
    text = exchange.store.get(licence).decode(errors="replace")
    rule = TransferRule(request.transfer_rule).name.lower().replace("_", " ")
    return Origin(
        description=exchange.read(Specification, request.spec).description,
        lineage=lineage,
        sources=sources,
        weights=dict(zip(names, gate.weights, strict=True)),
        paid=dict(zip(names, found.amounts, strict=True)),
        licence=Licence(text=text, cid=licence, transfer_rule=rule),
    )
