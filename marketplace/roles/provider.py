"""The data provider: quotes a dataset, and delivers it encrypted once the buyer has paid."""

from __future__ import annotations

from marketplace.chain.market import Market
from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import DataNeed, Sealed
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.ids import dataset_commitment
from marketplace.protocol.terms import DataQuote
from marketplace.protocol.typed_data import sign
from marketplace.roles.quotes import SignedDataQuote
from offchain.data import Dataset, Task, encode
from offchain.exchange import Exchange


class Provider:
    """One data provider with its account and one dataset.

    Parameters
    ----------
    row_price
        Ask per row, in wei.
    valid_seconds
        How long a quote may be accepted.
    """

    def __init__(
        self,
        market: Market,
        exchange: Exchange,
        dataset: Dataset,
        row_price: int,
        valid_seconds: int,
    ) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account
        self.dataset = dataset
        self.row_price = row_price
        self.valid_seconds = valid_seconds

    def offer(self, need: DataNeed) -> SignedDataQuote:
        """Sign a price for the dataset; free to make, it binds until it expires.

        Raises
        ------
        TradeRefused
            If the dataset is not what is needed.
        """
        shape = self.dataset.features.shape[1:]
        wanted = Task.from_json(need.task).feature_shape
        if shape != wanted:
            raise TradeRefused(
                f"this dataset's rows have shape {shape}, the request wants {wanted}",
                "offer another dataset",
            )
        trade_id = bytes.fromhex(need.trade[2:])
        rows = len(self.dataset.labels)
        quote = DataQuote(
            trade_id=trade_id,
            provider=self.account.address,
            dataset=dataset_commitment(encode(self.dataset), self._salt(trade_id)),
            rows=rows,
            price=rows * self.row_price,
            expiry=self.market.node.now() + self.valid_seconds,
        )
        return SignedDataQuote(quote, sign(self.market.domain, quote, self.account))

    def deliver(self, trade_id: bytes) -> Sealed:
        """Encrypt the dataset for the trade's oracle committee and store it."""
        return self._sealed(trade_id, self._salt(trade_id) + encode(self.dataset))

    def _sealed(self, trade_id: bytes, payload: bytes) -> Sealed:
        version = self.market.trade(trade_id).committee_version
        members, _ = self.market.committee_of(version)
        purpose = f"data/{self.account.address}"
        return self.exchange.seal(payload, trade_id, purpose, members)

    def _salt(self, trade_id: bytes) -> bytes:
        return derived_secret(self.account, "dataset salt", trade_id)
