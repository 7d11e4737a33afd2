"""The data provider: quotes a dataset, and delivers it encrypted once the buyer has paid."""

from __future__ import annotations

from marketplace.chain.market import Market
from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import DataNeed, Sealed
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.ids import dataset_commitment
from marketplace.protocol.states import State
from marketplace.protocol.terms import DataQuote
from marketplace.protocol.typed_data import sign
from marketplace.roles.quotes import SignedDataQuote
from offchain.data import Dataset, Task, decode, encode
from offchain.exchange import Exchange
from offchain.oracle.case import require_due
from offchain.storage.cid import digest_of


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

    def offer(self, data_request: bytes) -> SignedDataQuote:
        """Sign a price for the dataset; free to make, it binds until it expires.

        Parameters
        ----------
        data_request
            Digest of the broker's request, 32 bytes.

        Raises
        ------
        DataError
            If the dataset is not what is needed: the committee would not accept it.
        StorageError, ProtocolError
            If the request can't be read.
        """
        need = self.exchange.read(DataNeed, data_request)
        plaintext = encode(self.dataset)
        rows = len(decode(plaintext, Task.from_json(need.task)))
        trade_id = bytes.fromhex(need.trade[2:])
        quote = DataQuote(
            trade_id=trade_id,
            provider=self.account.address,
            dataset=dataset_commitment(plaintext, self._salt(trade_id)),
            rows=rows,
            price=rows * self.row_price,
            expiry=self.market.node.now() + self.valid_seconds,
        )
        return SignedDataQuote(quote, sign(self.market.domain, quote, self.account))

    def deliver(self, trade_id: bytes) -> Sealed:
        """Encrypt the dataset for the trade's oracle committee and store it.

        Raises
        ------
        TradeRefused
            If the buyer has not paid for it, or the time to deliver is over.
        """
        require_due(self.market, trade_id, State.FUNDED)
        agreed = self.market.agreement(trade_id)
        if self.account.address not in [supply.provider for supply in agreed.supplies]:
            raise TradeRefused(
                f"the buyer did not buy the data of {self.account.address}", "deliver nothing"
            )
        members = self.market.committee_of(agreed.request.committee).members
        purpose = f"data/{self.account.address}"
        return self.exchange.seal(self._payload(trade_id), trade_id, purpose, members)

    def record_delivery(self, trade_id: bytes, sealed: Sealed) -> None:
        """Put on record what was delivered: should the committee stay silent, it is paid.

        Worth its gas only when the time to deliver runs out and nothing was reported.

        Raises
        ------
        TransactionReverted
            If the time to deliver is over.
        """
        self.market.send(self.account, "recordDelivery", trade_id, digest_of(sealed.ciphertext))

    def _payload(self, trade_id: bytes) -> bytes:
        """Return what the quote commits to: the salt, then the dataset."""
        return self._salt(trade_id) + encode(self.dataset)

    def _salt(self, trade_id: bytes) -> bytes:
        return derived_secret(self.account, "dataset salt", trade_id)
