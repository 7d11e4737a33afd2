"""What the parties of one trade agree on, find and sign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from parties import PARTIES

from marketplace.chain.market import Market, Trade
from marketplace.protocol.ids import score_seal, trade_id
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import (
    NATIVE,
    Attempt,
    AttemptReport,
    DataQuote,
    ModelQuote,
    Opening,
    Request,
    Windows,
)
from marketplace.protocol.typed_data import sign

FEE_BPS = 250
FAR_FUTURE = 2**40 - 1
SCORE = 912_345
WINDOWS = Windows(
    quote=1_000, delivery=2_000, gating=3_000, attempt=4_000, verification=5_000, settlement=6_000
)


def commitment(text: str) -> bytes:
    """Return 32 bytes that stand for some content."""
    return keccak(text=text)


@dataclass(frozen=True)
class Prices:
    """What the broker asks, in the currency's smallest unit."""

    data: tuple[int, ...] = (3 * 10**17 + 1, 2 * 10**17 + 7, 10**17 + 3)
    experts: int = 10**18 + 11
    broker: int = 5 * 10**16
    auditor: int = 4 * 10**16
    oracle: int = 3 * 10**16 + 1


class TradeTerms:
    """Terms, quotes, reports and signatures of one trade.

    Parameters
    ----------
    market
        Where.
    salt
        Makes the trade's id differ from others with the same terms.
    prices, rows, weights
        The quote's amounts, rows of each dataset, and the gate's weights.
    request
        Fields of the request that differ from the default.
    """

    def __init__(
        self,
        market: Market,
        *,
        salt: str = "a trade",
        prices: Prices | None = None,
        rows: tuple[int, ...] = (500, 300, 200),
        weights: tuple[int, ...] = (400_000, 300_000, 150_000, 100_000, 50_000),
        **request: Any,
    ) -> None:
        self.market = market
        self.domain = market.domain
        self.parties = PARTIES
        self.prices = prices or Prices()
        self.rows = rows
        self.weights = weights
        self.request = replace(self._usual_request(salt), **request)
        self.id = trade_id(market.domain.chain_id, market.address, self.request)

    def _usual_request(self, salt: str) -> Request:
        return Request(
            buyer=self.parties.buyer.address,
            broker=self.parties.broker.address,
            auditor=self.parties.auditor.address,
            currency=NATIVE,
            budget=10**19,
            threshold=900_000,
            max_attempts=3,
            min_rows=600,
            validation_rows=250,
            validation_root=commitment("validation rows"),
            spec=commitment("specification"),
            windows=WINDOWS,
            salt=commitment(salt),
        )

    @property
    def record(self) -> Trade:
        """The trade as the contract stores it now."""
        return self.market.trade(self.id)

    @property
    def experts(self) -> tuple[str, ...]:
        """The experts that carry weight, ascending."""
        return tuple(expert.address for expert in self.parties.experts[: len(self.weights)])

    @property
    def data_quotes(self) -> tuple[DataQuote, ...]:
        """One quote for each price, ascending by provider."""
        return tuple(
            DataQuote(
                trade_id=self.id,
                provider=provider.address,
                dataset=commitment(f"dataset {number}"),
                rows=rows,
                price=price,
                expiry=FAR_FUTURE,
            )
            for number, (provider, price, rows) in enumerate(
                zip(self.parties.providers, self.prices.data, self.rows, strict=False)
            )
        )

    @property
    def quote(self) -> ModelQuote:
        """The broker's quote."""
        return ModelQuote(
            trade_id=self.id,
            data_quotes=self.data_quotes,
            expert_pool=self.prices.experts,
            broker_fee=self.prices.broker,
            auditor_fee=self.prices.auditor,
            oracle_fee=self.prices.oracle,
            expiry=FAR_FUTURE,
        )

    def price_of(self, quote: ModelQuote) -> int:
        """Return what a quote costs, the protocol fee included."""
        return int(self.market.view("priceOf", quote)[0])

    # ------------------------------------------------------------------ signing

    def sign(self, message: Struct, account: LocalAccount) -> bytes:
        """Sign for this market on this chain, unless a test has changed the domain."""
        return sign(self.domain, message, account)

    def quorum(self, report: Struct, signers: Sequence[LocalAccount] | None = None) -> list[bytes]:
        """Sign a report by the first two signers, or by others, in the order given."""
        return [self.sign(report, signer) for signer in self.panel(signers)]

    def panel(self, signers: Sequence[LocalAccount] | None) -> Sequence[LocalAccount]:
        """Return the first two signers, or the others that a test wants."""
        return self.parties.signers[:2] if signers is None else signers

    def finding(self, number: int, passed: bool) -> Attempt:
        """Return what the committee found in an attempt."""
        return Attempt(
            model=commitment(f"model {number}"),
            training=commitment(f"training {number}"),
            passed=passed,
            delivery=commitment("delivery") if passed else bytes(32),
            evidence=commitment(f"evidence {number}"),
        )

    def attempt_report(self, number: int, finding: Attempt, seal: bytes) -> AttemptReport:
        """Return what one signer signs."""
        return AttemptReport.from_values((self.id, 1, number, *finding.as_tuple(), seal))

    def opening(self, number: int, signer: LocalAccount, score: int = SCORE) -> Opening:
        """Return a signer's score of an attempt with its seal and salt."""
        salt = commitment(f"salt {number} {signer.address}")
        seal = score_seal(self.id, number, signer.address, score, salt)
        return Opening(signer.address, seal, score, salt)

    def openings(self, number: int, signers: Sequence[LocalAccount] | None = None) -> list[Opening]:
        """Return what the signers of an attempt sealed."""
        return [self.opening(number, signer) for signer in self.panel(signers)]
