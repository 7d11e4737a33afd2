"""The market as Python objects: records, the committee in office, and one trade's log."""

from __future__ import annotations

import itertools

import pytest
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment, Terms
from marketplace.chain.market import Market
from marketplace.protocol.errors import ChainError, NoContract, TradeRefused
from marketplace.protocol.ids import trade_id
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE, Request, Windows

Accounts = tuple[LocalAccount, ...]
WINDOWS = Windows(1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000)
SALTS = itertools.count()


@pytest.fixture
def market(node: Node, deployment: Deployment) -> Market:
    return Market(node, deployment.market)


@pytest.fixture
def requested(market: Market, accounts: Accounts) -> tuple[bytes, Request]:
    """A trade that was just requested, and its request."""
    buyer, broker, rules = accounts[8], accounts[9], market.in_force()
    request = Request(
        buyer=buyer.address,
        broker=broker.address,
        auditor=NATIVE,
        currency=NATIVE,
        budget=10**18,
        threshold=900_000,
        max_attempts=3,
        min_rows=1,
        validation_rows=1,
        validation_root=keccak(text="root"),
        spec=keccak(text="specification"),
        licence=keccak(text="licence"),
        transfer_rule=0,
        approval_required=False,
        committee=rules.committee,
        panel=rules.panel,
        fee_bps=rules.fee_bps,
        treasury=rules.treasury,
        windows=WINDOWS,
        salt=next(SALTS).to_bytes(32),
    )
    market.send(buyer, "requestModel", request)
    return trade_id(market.domain.chain_id, market.address, request), request


def test_a_status_has_python_types(market: Market, requested: tuple[bytes, Request]) -> None:
    trade, request = requested
    status = market.status(trade)
    assert status.state is State.REQUESTED
    assert status.windows == WINDOWS
    assert (status.attempts, status.max_attempts) == (0, request.max_attempts)
    assert status.deadline == market.node.now() + WINDOWS.quote
    assert not any((status.audited, status.challenged, status.unjudged))


def test_the_log_tells_what_was_agreed(market: Market, requested: tuple[bytes, Request]) -> None:
    trade, request = requested
    agreed = market.agreement(trade)
    assert (agreed.request, agreed.quote, agreed.data, agreed.attempts) == (request, None, None, ())
    for missing, reason in (
        (lambda: agreed.deal, "no quote has been accepted"),
        (lambda: agreed.supplies, "no quote has been accepted"),
        (lambda: agreed.gate, "the data has not been reported on"),
        (lambda: agreed.last_attempt, "no attempt has been reported"),
    ):
        with pytest.raises(TradeRefused, match=reason):
            missing()


def test_an_unknown_trade_is_in_no_state(market: Market) -> None:
    unknown = keccak(text="unknown")
    assert market.status(unknown).state is State.NONE
    assert market.log(unknown) == []
    with pytest.raises(TradeRefused, match="there is no trade"):
        market.agreement(unknown)


def test_an_unknown_committee_is_refused(market: Market) -> None:
    with pytest.raises(TradeRefused, match="no committee has the digest"):
        market.committee_of(keccak(text="unknown"))


def test_the_rules_in_force_say_the_least_review(market: Market) -> None:
    rules = market.in_force()
    assert (rules.paused, rules.fee_bps) == (False, 250)
    base, shift = Terms.base_review, Terms.review_shift
    for budget in (1, 10**18, 2**128 - 1):
        assert market.review_of(NATIVE, budget) == base + budget // 2**shift


def test_a_trades_log_is_its_own_and_in_order(
    market: Market, requested: tuple[bytes, Request], accounts: Accounts
) -> None:
    trade, request = requested
    other = Request.from_values(request.as_message() | {"salt": next(SALTS).to_bytes(32)})
    market.send(accounts[8], "requestModel", other)
    market.send(accounts[8], "declineQuote", request, keccak(text="quote"))
    assert [event["event"] for event in market.log(trade)] == [
        "ModelRequested",
        "QuoteDeclined",
        "TradeEnded",
    ]
    assert market.trades()[-2:] == [trade, trade_id(31337, market.address, other)]


def test_one_event_is_found_by_its_name(market: Market, requested: tuple[bytes, Request]) -> None:
    trade, request = requested
    asked = market.event(trade, "ModelRequested")
    assert asked["request"]["budget"] == request.budget
    with pytest.raises(TradeRefused, match="no DataReported event"):
        market.event(trade, "DataReported")


def test_events_of_other_contracts_are_no_events_of_the_market(
    market: Market, deployment: Deployment, accounts: Accounts
) -> None:
    assert deployment.token is not None
    token = market.node.contract("DevToken", deployment.token)
    receipt = market.node.send(accounts[8], token.functions.mint(accounts[8].address, 1))
    assert len(receipt["logs"]) == 1
    assert market.decoded(receipt) == []


def test_nothing_is_credited_before_anything_is_paid(market: Market, accounts: Accounts) -> None:
    assert market.credit_of(accounts[8].address) == 0
    assert market.credit_of(accounts[8].address, market.address) == 0


def test_no_market_at_the_address(node: Node, deployment: Deployment, accounts: Accounts) -> None:
    with pytest.raises(NoContract):
        Market(node, accounts[8].address)
    for other in (deployment.committee, deployment.registry, deployment.token):
        with pytest.raises(ChainError) as refusal:
            Market(node, str(other)).in_force()
        assert "\n" not in str(refusal.value)
