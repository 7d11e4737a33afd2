"""The negotiation broker: asks for data, compares offers, quotes one price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from marketplace.chain.market import Market
from marketplace.protocol.documents import DataNeed, Specification
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.terms import ModelQuote
from marketplace.protocol.typed_data import in_signer_order, sign, signer_of
from marketplace.protocol.units import BASIS_POINTS, in_coins
from marketplace.roles.quotes import SignedDataQuote, SignedModelQuote
from offchain.exchange import Exchange


@dataclass(frozen=True)
class PriceList:
    """What the broker adds to the price of the data.

    Attributes
    ----------
    expert_pool, auditor_fee, oracle_fee
        Wei.
    margin_bps
        The broker's own fee, in basis points of data and experts.
    valid_seconds
        How long a quote may be accepted.
    """

    expert_pool: int
    auditor_fee: int
    oracle_fee: int
    margin_bps: int
    valid_seconds: int


class Broker:
    """One broker with its account, on one market."""

    def __init__(self, market: Market, exchange: Exchange, prices: PriceList) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account
        self.prices = prices

    def request_data(self, trade_id: bytes, spec: bytes) -> DataNeed:
        """Publish what data the trade needs and take the request up on chain."""
        specification = self.exchange.read(Specification, spec)
        need = DataNeed(
            trade="0x" + trade_id.hex(),
            task=specification.task,
            min_rows=self.market.trade(trade_id).min_rows,
        )
        self.market.send(self.account, "requestData", trade_id, self.exchange.publish(need))
        return need

    def quote(self, trade_id: bytes, offers: Sequence[SignedDataQuote]) -> SignedModelQuote:
        """Price the trade over the offers that are worth buying, and sign.

        Raises
        ------
        TradeRefused
            If the valid offers have too few rows for the request.
        """
        chosen = self._affordable(trade_id, [o for o in offers if self._valid(trade_id, o)])
        ordered = in_signer_order([(offer.quote.provider, offer) for offer in chosen])
        data_price = sum(offer.quote.price for offer in chosen)
        fee = (data_price + self.prices.expert_pool) * self.prices.margin_bps // BASIS_POINTS
        quote = ModelQuote(
            trade_id=trade_id,
            data_quotes=tuple(offer.quote for _, offer in ordered),
            expert_pool=self.prices.expert_pool,
            broker_fee=fee,
            auditor_fee=self.prices.auditor_fee,
            oracle_fee=self.prices.oracle_fee,
            expiry=self.market.node.now() + self.prices.valid_seconds,
        )
        return SignedModelQuote(
            quote,
            sign(self.market.domain, quote, self.account),
            tuple(offer.signature for _, offer in ordered),
        )

    def _valid(self, trade_id: bytes, offer: SignedDataQuote) -> bool:
        return (
            offer.quote.trade_id == trade_id
            and offer.quote.expiry >= self.market.node.now()
            and signer_of(self.market.domain, offer.quote, offer.signature) == offer.quote.provider
        )

    def _affordable(
        self, trade_id: bytes, offers: Sequence[SignedDataQuote]
    ) -> list[SignedDataQuote]:
        """Take the cheapest rows first, as many as the budget leaves room for.

        The cheapest offer is taken in any case: a quote above the budget tells the buyer
        what its request would cost.
        """
        trade = self.market.trade(trade_id)
        fixed = self.prices.expert_pool + self.prices.auditor_fee + self.prices.oracle_fee
        room = trade.budget * BASIS_POINTS // (BASIS_POINTS + trade.fee_bps) - fixed
        room = room * BASIS_POINTS // (BASIS_POINTS + self.prices.margin_bps)
        chosen: list[SignedDataQuote] = []
        spent = 0
        for offer in sorted(offers, key=_row_price):
            if spent + offer.quote.price <= room or not chosen:
                chosen.append(offer)
                spent += offer.quote.price
        rows = sum(offer.quote.rows for offer in chosen)
        if rows < trade.min_rows:
            raise TradeRefused(
                f"offers for {rows} rows at {in_coins(spent)} don't reach {trade.min_rows} rows",
                "find more providers, or ask the buyer for a higher budget",
            )
        return chosen


def _row_price(offer: SignedDataQuote) -> tuple[Fraction, str]:
    return Fraction(offer.quote.price, offer.quote.rows), offer.quote.provider
