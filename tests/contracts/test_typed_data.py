"""Python and Solidity hash the same typed data and agreements, for random values of every type.

That they do shows in the contract's taking a signature, or a preimage, made by Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from office import bitmap
from parties import PARTIES
from quick_chain import QuickProvider
from trade_builder import TradeBuilder
from trade_terms import FAR_FUTURE, WINDOWS

from marketplace.chain.market import Market
from marketplace.protocol.agreement import price_of, record_hash, record_of
from marketplace.protocol.ids import score_seal
from marketplace.protocol.states import State
from marketplace.protocol.terms import (
    NO_PERMIT,
    AttemptFinding,
    AuditFinding,
    AuditReport,
    DataFinding,
    DataQuote,
    ModelQuote,
    Opening,
)
from marketplace.protocol.typed_data import NAME, VERSION
from marketplace.protocol.units import PARTS, largest_remainder

WORDS = st.binary(min_size=32, max_size=32)
SOME_WORDS = WORDS.filter(any)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
UINT32 = st.integers(0, 2**32 - 1)
UINT128 = st.integers(0, 2**128 - 1)
SEATS = st.sampled_from([(0, 1), (0, 2), (1, 2), (0, 1, 2)])

a_few = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@contextmanager
def trade_in(state: State, market: Market) -> Iterator[TradeBuilder]:
    """Bring a trade into a state, and forget afterwards what an example did with it."""
    provider = market.node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        yield TradeBuilder(market).advance_to(state)


def taken(
    trade: TradeBuilder, function: str, *arguments: Any, sender: str = "", value: int = 0
) -> None:
    """Expect the contract to take a call, and undo it: it refuses a hash other than its own."""
    call = trade.market.contract.functions[function](
        *(value.as_tuple() if hasattr(value, "as_tuple") else value for value in arguments)
    )
    sent_by = sender or PARTIES.stranger.address
    call.call({"from": sent_by, "value": value}, block_identifier="pending")


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
@given(
    prices=st.tuples(*[st.integers(0, 10**17)] * 3),
    parts=st.tuples(*[st.integers(0, 10**17)] * 4),
    rows=st.tuples(UINT32, UINT32, UINT32),
    expiry=st.integers(FAR_FUTURE // 2, FAR_FUTURE),
    words=st.tuples(WORDS, WORDS),
    count=st.integers(0, 3),
)
def test_quotes_have_one_digest(
    market: Market, prices: Any, parts: Any, rows: Any, expiry: int, words: Any, count: int
) -> None:
    with trade_in(State.REQUESTED, market) as trade:
        offers = tuple(
            DataQuote(trade.id, provider.address, words[0], size, price, expiry)
            for provider, price, size in zip(PARTIES.providers, prices, rows, strict=True)
        )[:count]
        quote = ModelQuote(trade.id, words[1], offers, *parts, expiry)
        price = price_of(quote, trade.request.fee_bps)[0]
        quotes = market.node.contract("Quotes", market.view("quotes"))
        question = quotes.functions.priceOf(quote.as_tuple(), trade.request.fee_bps)
        assert market.node.call(question)[0] == price
        signatures = trade.quote_signatures(quote)
        arguments = (trade.request, trade.judges, quote, price, signatures, NO_PERMIT)
        taken(trade, "acceptQuote", *arguments, sender=PARTIES.buyer.address, value=price)


@a_few
@given(
    accepted=st.integers(0, 7),
    loads=st.lists(st.integers(1, 99), min_size=1, max_size=5),
    words=st.tuples(WORDS, WORDS),
    seats=SEATS,
)
def test_a_data_report_has_one_digest(
    market: Market, accepted: int, loads: list[int], words: Any, seats: tuple[int, ...]
) -> None:
    with trade_in(State.FUNDED, market) as trade:
        usual = trade.data_finding(accepted)
        if usual.experts:
            weights = tuple(largest_remainder(PARTS, loads))
            finding = DataFinding(accepted, trade.experts[: len(loads)], weights, *words)
        else:
            finding = DataFinding(accepted, (), (), *words)
        agreed = trade.agreement
        supplies = [supply.as_tuple() for supply in agreed.supplies]
        signed = (bitmap(seats), trade.quorum(trade.data_report(finding), seats))
        taken(trade, "reportData", trade.id, agreed.deal, supplies, finding, trade.judges, *signed)


@a_few
@given(
    words=st.tuples(SOME_WORDS, WORDS, SOME_WORDS, WORDS),
    shares=st.lists(st.integers(0, 99), min_size=5, max_size=5).filter(any),
    scores=st.tuples(UINT32, UINT32, UINT32),
    salt=SOME_WORDS,
    seats=SEATS,
    passed=st.booleans(),
)
def test_an_attempt_its_agreement_and_its_seals_have_one_hash_each(
    market: Market,
    words: Any,
    shares: list[int],
    scores: tuple[int, ...],
    salt: bytes,
    seats: tuple[int, ...],
    passed: bool,
) -> None:
    with trade_in(State.GATED, market) as trade:
        model, training, delivery, evidence = words
        amounts = tuple(largest_remainder(trade.prices.experts, shares)) if passed else ()
        finding = AttemptFinding(
            model, training, delivery if passed else bytes(32), evidence, amounts
        )
        sealed = {
            seat: score_seal(trade.id, 1, PARTIES.signers[seat].address, scores[seat], salt)
            for seat in seats
        }
        verdicts = bitmap(seats) if passed else 0
        trade.attempt(
            passed, seats=seats, finding=finding, verdicts=verdicts, seals=list(sealed.values())
        )
        record = record_of(1, finding, bitmap(seats), verdicts, list(sealed.values()))
        if passed:
            openings = [Opening(scores[seat], salt) for seat in seats]
            trade.lapse()
            trade.open_scores(openings, record=record, amounts=amounts)


@a_few
@given(report=WORDS, approved=st.booleans())
def test_an_audit_report_has_one_digest(market: Market, report: bytes, approved: bool) -> None:
    with trade_in(State.PASSED, market) as trade:
        record = record_hash(trade.agreement.last_attempt.record)
        said = AuditReport(trade.id, record, report, approved)
        signature = trade.sign(said, PARTIES.auditor)
        trade.attest(AuditFinding(report, approved, signature), sender=PARTIES.stranger)
        assert trade.status.approved == approved


@a_few
@given(
    words=st.tuples(WORDS, WORDS, WORDS, WORDS, WORDS, WORDS),
    numbers=st.tuples(UINT128, UINT32, UINT32, UINT32),
    small=st.tuples(st.integers(0, 255), st.integers(0, 2), st.booleans(), st.integers(0, 65_535)),
    accounts=st.tuples(*[ADDRESSES] * 5),
    windows=st.tuples(*[st.integers(0, 2**24 - 1)] * 7),
)
def test_a_request_has_one_id(
    market: Market, words: Any, numbers: Any, small: Any, accounts: Any, windows: Any
) -> None:
    names = ("validation_root", "spec", "licence", "committee", "panel")
    fields: dict[str, Any] = dict(zip(names, words[:5], strict=True))
    fields["salt"] = words[5].hex()
    fields |= dict(
        zip(("budget", "threshold", "min_rows", "validation_rows"), numbers, strict=True)
    )
    names = ("max_attempts", "transfer_rule", "approval_required", "fee_bps")
    fields |= dict(zip(names, small, strict=True))
    names = ("buyer", "broker", "auditor", "currency", "treasury")
    fields |= dict(zip(names, accounts, strict=True))
    fields["windows"] = type(WINDOWS)(*windows)
    trade = TradeBuilder(market, **fields)
    assert market.view("tradeIdOf", trade.request) == trade.id
