"""The negotiation broker: asks for data, compares offers, quotes one price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from marketplace.chain.market import Market
from marketplace.protocol.documents import DataNeed, Specification
from marketplace.protocol.errors import BadSignature, TradeRefused, TransactionReverted
from marketplace.protocol.terms import ModelQuote, Request
from marketplace.protocol.typed_data import in_signer_order, sign, signer_of
from marketplace.protocol.units import BASIS_POINTS, in_coins
from marketplace.roles.quotes import SignedDataQuote, SignedModelQuote
from offchain.exchange import Exchange

MAX_PROVIDERS = 32
"""The contract takes no more data quotes in one trade."""


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

    def request_data(self, trade_id: bytes) -> bytes:
        """Publish what data the trade needs; returns the document's digest, for providers.

        Raises
        ------
        TradeRefused
            If the buyer requires an approval that its auditor can't give.
        """
        request = self.market.agreement(trade_id).request
        specification = self.exchange.read(Specification, request.spec)
        if request.approval_required and not specification.auditor_reads:
            raise TradeRefused(
                "the buyer requires its auditor's approval and lets it read no evidence",
                "let the request expire: without an approval the broker goes unpaid",
            )
        need = DataNeed(
            trade="0x" + trade_id.hex(), task=specification.task, min_rows=request.min_rows
        )
        return self.exchange.publish(need)

    def quote(
        self, trade_id: bytes, data_request: bytes, offers: Sequence[SignedDataQuote]
    ) -> SignedModelQuote:
        """Price the trade over the offers that are worth buying, and sign.

        Parameters
        ----------
        data_request
            Digest of what providers were asked for.

        Raises
        ------
        TradeRefused
            If the valid offers have too few rows for the request.
        """
        request, now = self.market.agreement(trade_id).request, self.market.node.now()
        chosen = self._worth_buying(request, self._valid(trade_id, request, offers, now))
        ordered = in_signer_order([(offer.quote.provider, offer) for offer in chosen])
        data_price = sum(offer.quote.price for offer in chosen)
        quote = ModelQuote(
            trade_id=trade_id,
            data_request=data_request,
            data_quotes=tuple(offer.quote for _, offer in ordered),
            expert_pool=self.prices.expert_pool,
            broker_fee=self._margin(data_price + self.prices.expert_pool),
            auditor_fee=self.prices.auditor_fee,
            oracle_fee=self.prices.oracle_fee,
            expiry=min(now + self.prices.valid_seconds, *(o.quote.expiry for o in chosen)),
        )
        return SignedModelQuote(
            quote,
            sign(self.market.domain, quote, self.account),
            tuple(offer.signature for _, offer in ordered),
        )

    def _valid(
        self, trade_id: bytes, request: Request, offers: Sequence[SignedDataQuote], now: int
    ) -> list[SignedDataQuote]:
        """Return the offers that the contract would take, the cheapest rows first.

        One per provider; none by a party that may not sell, with no rows, for another
        trade, expired, or signed by somebody else.
        """
        valid: dict[str, SignedDataQuote] = {}
        usable = (
            offer
            for offer in offers
            if offer.quote.trade_id == trade_id
            and offer.quote.rows > 0
            and offer.quote.expiry >= now
            and self._signed_by_provider(offer)
            and self._fit(request, offer.quote.provider)
        )
        for offer in sorted(usable, key=_row_price):
            valid.setdefault(offer.quote.provider, offer)
        return list(valid.values())[:MAX_PROVIDERS]

    def _fit(self, request: Request, provider: str) -> bool:
        """Whether the registry lets an account sell data to this buyer."""
        judges = list(self.market.committee_of(request.committee).members)
        parties = request.buyer, request.broker, request.auditor, request.treasury
        fit = self.market.registry.functions.requireFitParties(*parties, [provider], judges)
        try:
            self.market.node.call(fit)
        except TransactionReverted:
            return False
        return True

    def _signed_by_provider(self, offer: SignedDataQuote) -> bool:
        try:
            signer = signer_of(self.market.domain, offer.quote, offer.signature)
        except BadSignature:
            return False
        return signer == offer.quote.provider

    def _worth_buying(
        self, request: Request, offers: Sequence[SignedDataQuote]
    ) -> list[SignedDataQuote]:
        """Take the cheapest rows first, as many as the budget leaves room for.

        As many as the request needs are taken in any case: a quote above the budget tells
        the buyer what its request would cost.
        """
        room = self._room_for_data(request)
        chosen: list[SignedDataQuote] = []
        spent = rows = 0
        for offer in offers:
            if rows < request.min_rows or spent + offer.quote.price <= room:
                chosen.append(offer)
                spent += offer.quote.price
                rows += offer.quote.rows
        if rows < request.min_rows:
            raise TradeRefused(
                f"valid offers have {rows} rows for {in_coins(spent)}, and {request.min_rows} rows"
                " are needed",
                "find more providers",
            )
        return chosen

    def _room_for_data(self, request: Request) -> int:
        """Return what the data may cost, in wei, for the price to keep to the budget."""
        before_fee = request.budget * BASIS_POINTS // (BASIS_POINTS + request.fee_bps)
        for_work = before_fee - self.prices.auditor_fee - self.prices.oracle_fee
        before_margin = for_work * BASIS_POINTS // (BASIS_POINTS + self.prices.margin_bps)
        return before_margin - self.prices.expert_pool

    def _margin(self, amount: int) -> int:
        return amount * self.prices.margin_bps // BASIS_POINTS


def _row_price(offer: SignedDataQuote) -> tuple[Fraction, str]:
    return Fraction(offer.quote.price, offer.quote.rows), offer.quote.provider
