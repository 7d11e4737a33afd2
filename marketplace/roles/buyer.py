"""The buyer: commissions a model, accepts or declines the price, checks what it gets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from marketplace.chain.market import Market
from marketplace.protocol.agreement import price_of
from marketplace.protocol.derivation import derived_secret
from marketplace.protocol.documents import DeliveryManifest, Division, Sealed, Specification
from marketplace.protocol.errors import ConfigurationError, TradeRefused
from marketplace.protocol.ids import trade_id as trade_id_of
from marketplace.protocol.states import TransferRule
from marketplace.protocol.terms import LEAST_SETTLEMENT, NATIVE, NO_PERMIT, NOBODY, Request, Windows
from marketplace.protocol.typed_data import digest
from marketplace.protocol.units import in_coins
from marketplace.roles.quotes import SignedModelQuote
from marketplace.roles.spending import allow
from offchain.data import Dataset, Task, decode, encode
from offchain.exchange import Exchange
from offchain.oracle.attempt import model_digest
from offchain.oracle.case import passed_attempt
from offchain.oracle.showing import sealed_for_panel
from offchain.storage.cid import digest_of
from offchain.training import Composite
from offchain.validation import Score, commit, score_votes

LICENCE = (
    "The holder of the token of this trade may use the model that it names, in any way and for"
    " as long as it likes. It may not sell copies of the model. The token passes on as the"
    " transfer rule of the trade says.\n"
)
"""The text for a buyer that brings none of its own."""


@dataclass(frozen=True)
class Commission:
    """What a buyer wants, before it is a request on chain.

    Attributes
    ----------
    task, description
        What the model should do.
    validation
        The held-out rows that decide pass or fail; committee and panel get them sealed.
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
        Clocks of the stages, in seconds; review and settlement are lengthened to what the
        market asks.
    salt
        32 bytes; its secret validation salts are derived with it.
    auditor_reads
        Whether the auditor may open the sealed evidence before the verdict is final.
    licence, transfer_rule
        The licence's text, and what its holder may do with the token.
    approval_required
        Whether a pass settles only with the auditor's approval. If the auditor is silent,
        experts and oracles are paid all the same, and there is no licence.
    division
        The rule by which a pass divides the expert pool.
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
    licence: str = LICENCE
    transfer_rule: TransferRule = TransferRule.NON_TRANSFERABLE
    approval_required: bool = False
    division: Division = "shapley"


class Buyer:
    """One buyer with its account, on one market."""

    def __init__(self, market: Market, exchange: Exchange) -> None:
        self.market = market
        self.exchange = exchange
        self.account = exchange.account

    def request(self, commission: Commission) -> bytes:
        """Commit to the validation set, seal it for the committee and open the trade.

        Everything that is not the buyer's to choose is what the market has in force.

        Returns
        -------
        bytes
            The trade id, 32 bytes.

        Raises
        ------
        ConfigurationError
            If an approval is required of an auditor that may read nothing; nothing is sent.
        DataError
            If the validation rows don't fit the task; nothing is sent.
        TransactionReverted
            If the market does not take the request.
        """
        if commission.approval_required and not commission.auditor_reads:
            raise ConfigurationError(
                "the auditor has to approve, and may not read the evidence",
                "let it read (auditor_reads), or don't require its approval",
            )
        decode(encode(commission.validation), commission.task)
        secret = derived_secret(self.account, "validation salts", commission.salt)
        commitment = commit(commission.validation, secret)
        rules, windows = self.market.in_force(), commission.windows
        judges = self.market.committee_of(rules.committee).members
        judges += self.market.panel_of(rules.panel).members
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
            spec=self.exchange.publish(self._specification(commission, secret, judges)),
            licence=digest_of(self.exchange.store.put(commission.licence.encode())),
            transfer_rule=commission.transfer_rule,
            approval_required=commission.approval_required,
            committee=rules.committee,
            panel=rules.panel,
            fee_bps=rules.fee_bps,
            treasury=rules.treasury,
            windows=windows,
            salt=commission.salt,
        )
        review = self.market.review_of(request.currency, request.budget)
        lengthened = replace(
            windows,
            review=max(windows.review, review),
            settlement=max(windows.settlement, LEAST_SETTLEMENT),
        )
        request = replace(request, windows=lengthened)
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
        request = self.market.agreement(offer.quote.trade_id).request
        if price > request.budget:
            raise TradeRefused(
                f"the price {in_coins(price)} is above the budget {in_coins(request.budget)}",
                "decline the quote, or make a new request with a higher budget",
            )
        native, permit = request.currency == NATIVE, NO_PERMIT
        if native:
            self.market.node.require_funds(self.account.address, price)
        else:
            permit = allow(self.market, self.account, request.currency, price, offer.quote.expiry)
        self.market.send(
            self.account,
            "acceptQuote",
            request,
            self.market.committee_of(request.committee),
            offer.quote,
            price,
            [offer.signature, *offer.provider_signatures],
            permit,
            value=price if native else 0,
        )

    def decline(self, offer: SignedModelQuote) -> None:
        """End the trade at no cost."""
        request = self.market.agreement(offer.quote.trade_id).request
        quote = digest(self.market.domain, offer.quote)
        self.market.send(self.account, "declineQuote", request, quote)

    def price_of(self, offer: SignedModelQuote) -> int:
        """Return the whole price in wei, the protocol fee included."""
        request = self.market.agreement(offer.quote.trade_id).request
        return price_of(offer.quote, request.fee_bps)[0]

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
        number, finding = attempt.number, attempt.finding
        manifest = self.exchange.read(DeliveryManifest, finding.delivery)
        payload = self.exchange.unseal(manifest.sealed, trade_id, f"composite/{number}")
        composite = Composite.from_bytes(payload)
        if model_digest("0x" + trade_id.hex(), composite, payload) != finding.model:
            raise TradeRefused(
                "the delivered model is not the one that was scored",
                "challenge the verdict, or ask another oracle of the committee for the key",
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
                "challenge the verdict before the review window ends",
            )
        return score

    def show_model(self, trade_id: bytes) -> dict[int, Sealed]:
        """Share the delivered model, by its attempt, with the panel that decides a challenge."""
        attempt = passed_attempt(self.market, trade_id)
        manifest = self.exchange.read(DeliveryManifest, attempt.finding.delivery)
        return sealed_for_panel(
            self.market, self.exchange, trade_id, attempt.number, manifest.sealed
        )

    def _specification(
        self, commission: Commission, secret: bytes, judges: tuple[str, ...]
    ) -> Specification:
        """Seal the validation set for all who may judge: nobody's help is needed to appeal."""
        audited = commission.auditor_reads and commission.auditor != NOBODY
        sealed = self.exchange.seal(
            secret + encode(commission.validation),
            self.account.address,
            "validation",
            (*judges, commission.auditor) if audited else judges,
        )
        return Specification(
            task=commission.task.to_json(),
            description=commission.description,
            validation=sealed,
            auditor_reads=commission.auditor_reads,
            division=commission.division,
        )
