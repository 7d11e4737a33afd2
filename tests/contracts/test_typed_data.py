"""Python and Solidity hash the same typed data, for random values of every type.

The digest of a broker's quote can be asked for; that of every other message shows in
the contract's taking a signature over it.
"""

from __future__ import annotations

from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import FAR_FUTURE
from web3.types import Wei

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import (
    NATIVE,
    Attempt,
    DataQuote,
    DataReport,
    GateReport,
    ModelQuote,
    SettlementReport,
)
from marketplace.protocol.typed_data import NAME, VERSION, digest
from marketplace.protocol.units import PARTS, largest_remainder

WORDS = st.binary(min_size=32, max_size=32)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
UINT32 = st.integers(0, 2**32 - 1)
UINT40 = st.integers(0, 2**40 - 1)
UINT128 = st.integers(0, 2**128 - 1)
DATA_QUOTES = st.builds(DataQuote, WORDS, ADDRESSES, WORDS, UINT32, UINT128, UINT40)
MODEL_QUOTES = st.builds(
    ModelQuote,
    WORDS,
    st.lists(DATA_QUOTES, max_size=4).map(tuple),
    *[UINT128] * 4,
    UINT40,
)

a_few = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def test_the_domain_is_the_market_on_its_chain(market: Market) -> None:
    text = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    fields = [keccak(text=text), keccak(text=NAME), keccak(text=VERSION)]
    separator = keccak(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [*fields, market.domain.chain_id, market.address],
        )
    )
    assert market.view("domainSeparator") == separator


@a_few
@given(quote=MODEL_QUOTES)
def test_a_brokers_quote_has_one_digest(market: Market, quote: ModelQuote) -> None:
    assert market.view("quoteDigest", quote) == digest(market.domain, quote)


@a_few
@given(
    prices=st.tuples(*[st.integers(0, 10**17)] * 3),
    rows=st.tuples(UINT32, UINT32, UINT32),
    expiry=st.integers(FAR_FUTURE // 2, FAR_FUTURE),
    dataset=WORDS,
)
def test_a_providers_quote_has_one_digest(
    market: Market, prices: Any, rows: Any, expiry: int, dataset: bytes
) -> None:
    trade = trade_in(State.DATA_REQUESTED, market)
    offers = tuple(
        DataQuote(trade.id, provider.address, dataset, count, price, expiry)
        for provider, price, count in zip(PARTIES.providers, prices, rows, strict=True)
    )
    quote = ModelQuote(trade.id, offers, 1, 2, 3, 4, expiry)
    signatures = [trade.sign(o, p) for o, p in zip(offers, PARTIES.providers, strict=True)]
    price = trade.price_of(quote)
    taken(
        trade,
        "acceptQuote",
        *(quote.as_tuple(), price, trade.sign(quote, PARTIES.broker), signatures),
        sender=PARTIES.buyer.address,
        value=price,
    )


@a_few
@given(accepted=st.integers(0, 7), evidence=WORDS)
def test_a_data_report_has_one_digest(market: Market, accepted: int, evidence: bytes) -> None:
    trade = trade_in(State.FUNDED, market)
    quotes = [quote.as_tuple() for quote in trade.data_quotes]
    report = DataReport(trade.id, 1, accepted, evidence)
    taken(trade, "deliverData", trade.id, quotes, accepted, evidence, trade.quorum(report))


@a_few
@given(loads=st.lists(st.integers(1, 99), min_size=1, max_size=5), evidence=WORDS)
def test_a_gate_report_has_one_digest(market: Market, loads: list[int], evidence: bytes) -> None:
    trade = trade_in(State.DATA_DELIVERED, market)
    quotes = [quote.as_tuple() for quote in trade.data_quotes]
    experts, weights = trade.experts[: len(loads)], tuple(largest_remainder(PARTS, loads))
    report = GateReport(trade.id, 1, experts, weights, evidence)
    signatures = trade.quorum(report)
    taken(trade, "commitGate", trade.id, quotes, experts, weights, evidence, signatures)


@a_few
@given(words=st.tuples(WORDS, WORDS, WORDS), delivery=WORDS.filter(any), passed=st.booleans())
def test_an_attempt_report_has_one_digest(
    market: Market, words: tuple[bytes, bytes, bytes], delivery: bytes, passed: bool
) -> None:
    trade = trade_in(State.GATED, market)
    model, training, evidence = words
    finding = Attempt(model, training, passed, delivery if passed else bytes(32), evidence)
    panel = PARTIES.signers[:2]
    seals = [trade.opening(1, signer).seal for signer in panel]
    signatures = [
        trade.sign(trade.attempt_report(1, finding, seal), signer)
        for seal, signer in zip(seals, panel, strict=True)
    ]
    taken(trade, "reportAttempt", trade.id, finding.as_tuple(), seals, signatures)


@a_few
@given(shares=st.lists(st.integers(0, 99), min_size=5, max_size=5).filter(any), evidence=WORDS)
def test_a_settlement_report_has_one_digest(
    market: Market, shares: list[int], evidence: bytes
) -> None:
    trade = trade_in(State.PASSED, market)
    trade.lapse()
    amounts = tuple(largest_remainder(trade.prices.experts, shares))
    report = SettlementReport(trade.id, 1, trade.experts, amounts, evidence)
    signatures = trade.quorum(report)
    taken(trade, "settle", trade.id, trade.experts, trade.weights, amounts, evidence, signatures)


@a_few
@given(salt=WORDS, numbers=st.tuples(UINT128, UINT32, UINT32), accounts=st.tuples(*[ADDRESSES] * 3))
def test_a_request_has_one_id(
    market: Market, salt: bytes, numbers: tuple[int, int, int], accounts: tuple[str, str, str]
) -> None:
    budget, threshold, rows = numbers
    buyer, broker, auditor = accounts
    trade = TradeBuilder(
        market,
        buyer=buyer,
        broker=broker,
        auditor=auditor,
        budget=budget,
        threshold=threshold,
        validation_rows=rows,
        currency=NATIVE,
    )
    assert market.view("tradeIdOf", trade.request) == trade.id


def trade_in(state: State, market: Market) -> TradeBuilder:
    """Return the trade that all examples of a test share, since none of them changes it."""
    trade = TradeBuilder(market)
    return trade if trade.record.state == state else trade.advance_to(state)


def taken(
    trade: TradeBuilder, function: str, *arguments: Any, sender: str | None = None, value: int = 0
) -> None:
    """Expect the contract to take a call, and undo it: it refuses a digest other than its own."""
    call = trade.market.contract.functions[function](*arguments)
    sent_by = sender or PARTIES.stranger.address
    call.call({"from": sent_by, "value": Wei(value)}, block_identifier="pending")
