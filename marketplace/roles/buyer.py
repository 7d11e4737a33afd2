"""The buyer: commissions a model, accepts or declines the price, checks what it gets."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.chain.market import Market
from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import DeliveryManifest, Specification
from marketplace.protocol.errors import InsufficientFunds, TradeRefused
from marketplace.protocol.ids import trade_id as trade_id_of
from marketplace.protocol.terms import NATIVE, Request, Windows
from marketplace.protocol.units import in_coins
from marketplace.roles.quotes import SignedModelQuote
from offchain.data import Dataset, Task, decode, encode
from offchain.exchange import Exchange
from offchain.oracle.attempt import model_digest
from offchain.oracle.case import passed_attempt
from offchain.training import Composite
from offchain.validation import Score, commit, score_votes


@dataclass(frozen=True)
class Commission:
    """What a buyer wants, before it is a request on chain.

    Attributes
    ----------
    task, description
        What the model should do.
    validation
        The held-out rows that decide pass or fail; oracles get them sealed.
    broker, auditor
        Accounts; the auditor may be the zero address.
    currency
        Token address, or the zero address for the native coin.
    budget
        Highest price, in wei.
    threshold
        Score to reach, in parts per million.
    max_attempts
        Cap on validation attempts.
    min_rows
        Least number of training rows to go on with.
    windows
        Clocks of the stages, in seconds.
    salt
        32 bytes; its secret validation salts are derived with it.
    auditor_reads
        Whether the auditor may open the sealed evidence before the trade has ended.
    """

    task: Task
    description: str
    validation: Dataset
    broker: str
    auditor: str
    budget: int
    threshold: int
    max_attempts: int
    min_rows: int
    windows: Windows
    salt: bytes
    currency: str = NATIVE
    auditor_reads: bool = True


class Buyer:
    """One buyer with its account, on one market."""

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account

    def request(self, commission: Commission) -> bytes:
        """Commit to the validation set, seal it for the committee and open the trade.

        Returns
        -------
        bytes
            The trade id, 32 bytes.

        Raises
        ------
        DataError
            If the validation rows don't fit the task; nothing is sent.
        TransactionReverted
            If the market does not take the request.
        """
        decode(encode(commission.validation), commission.task)
        secret = derived_secret(self.account, "validation salts", commission.salt)
        commitment = commit(commission.validation, secret)
        specification = self._specification(commission, secret)
        request = Request(
            buyer=self.account.address,
            broker=commission.broker,
            auditor=commission.auditor,
            currency=commission.currency,
            budget=commission.budget,
            threshold=commission.threshold,
            max_attempts=commission.max_attempts,
            min_rows=commission.min_rows,
            validation_rows=len(commission.validation.labels),
            validation_root=commitment.root,
            spec=self.exchange.publish(specification),
            windows=commission.windows,
            salt=commission.salt,
        )
        self.market.send(self.account, "requestModel", request)
        return trade_id_of(self.market.domain.chain_id, self.market.address, request)

    def accept(self, offer: SignedModelQuote, price: int) -> None:
        """Fund the escrow at exactly the price that was agreed to.

        Parameters
        ----------
        price
            Wei, as `price_of` showed it.

        Raises
        ------
        TradeRefused
            If the price is above the trade's budget.
        InsufficientFunds
            If the account can't pay it; nothing is sent.
        TransactionReverted
            If the market asks for another price, or does not take the quote.
        """
        trade = self.market.trade(offer.quote.trade_id)
        if price > trade.budget:
            raise TradeRefused(
                f"the price {in_coins(price)} is above the budget {in_coins(trade.budget)}",
                "decline the quote, or make a new request with a higher budget",
            )
        native = trade.currency == NATIVE
        if native:
            self.market.node.require_funds(self.account.address, price)
        else:
            self._allow(trade.currency, price)
        self.market.send(
            self.account,
            "acceptQuote",
            offer.quote,
            price,
            offer.signature,
            list(offer.provider_signatures),
            value=price if native else 0,
        )

    def decline(self, offer: SignedModelQuote) -> None:
        """End the trade at no cost."""
        digest = self.market.view("quoteDigest", offer.quote)
        self.market.send(self.account, "declineQuote", offer.quote.trade_id, digest)

    def price_of(self, offer: SignedModelQuote) -> int:
        """Return the whole price in wei, the protocol fee included."""
        price, _ = self.market.view("priceOf", offer.quote)
        return int(price)

    def receive(self, trade_id: bytes) -> Composite:
        """Open the delivered model and see that it is the one that was scored.

        Raises
        ------
        TradeRefused
            If no attempt has passed, or another model was delivered.
        EnvelopeError, StorageError, ProtocolError, UnreadableModel
            If it can't be opened or read.
        """
        attempt = passed_attempt(self.market, trade_id)
        manifest = self.exchange.read(DeliveryManifest, attempt.report.delivery)
        payload = self.exchange.unseal(manifest.sealed, trade_id, f"composite/{attempt.number}")
        composite = Composite.from_bytes(payload)
        name = "0x" + trade_id.hex()
        if model_digest(name, attempt.number, composite, payload) != attempt.report.model:
            raise TradeRefused(
                "the delivered model is not the one that was scored",
                "don't confirm; ask another oracle of the committee for the key",
            )
        return composite

    def check(self, composite: Composite, commission: Commission) -> Score:
        """Score the delivered model on the buyer's own rows.

        Raises
        ------
        TradeRefused
            If it misses the threshold that the committee says it reached.
        """
        rows = commission.validation
        votes = composite.evidence(rows.features)
        score = score_votes(votes.predictions, votes.gates, rows.labels, commission.task.metric)
        if score.ppm < commission.threshold:
            raise TradeRefused(
                f"the delivered model scores {score.ppm} ppm, below {commission.threshold}",
                "don't confirm; show the auditor this score before the verification window ends",
            )
        return score

    def confirm(self, trade_id: bytes) -> None:
        """Waive the rest of the verification window."""
        self.market.send(self.account, "confirmDelivery", trade_id)

    def _specification(self, commission: Commission, secret: bytes) -> Specification:
        readers, _ = self.market.current_committee()
        if commission.auditor_reads and commission.auditor != NATIVE:
            readers.append(commission.auditor)
        sealed = self.exchange.seal(
            secret + encode(commission.validation), self.account.address, "validation", readers
        )
        return Specification(
            task=commission.task.to_json(),
            description=commission.description,
            validation=sealed,
            auditor_reads=commission.auditor_reads,
        )

    def _allow(self, currency: str, price: int) -> None:
        """Let the market take the price, if the account has it.

        The market takes it in `acceptQuote` only; what it doesn't take serves a later quote.
        """
        node, account = self.market.node, self.account.address
        token = node.contract("DevToken", currency).functions
        have = int(node.call(token.balanceOf(account)))
        if have < price:
            raise InsufficientFunds(
                f"{account} has {have} units of token {currency} and needs {price}",
                "get more of the token; nothing was sent",
            )
        if int(node.call(token.allowance(account, self.market.address))) < price:
            node.send(self.account, token.approve(self.market.address, price))
