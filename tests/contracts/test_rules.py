"""Rules freeze at the request: what changes later changes nothing for it, or refuses it.

Governance itself (who may change a rule, and when) is tested in `test_governance`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from expectations import credits_of, refused
from parties import PARTIES, ascending
from trade_builder import TradeBuilder
from trade_terms import FEE_BPS, LONGEST_WINDOW, UNBONDING_DELAY, WINDOWS
from web3.types import TxReceipt

from marketplace.chain.deploy import DAY, Terms, deploy_offices
from marketplace.chain.market import Market
from marketplace.protocol.agreement import agreed_digest
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE

ADMIN, STRANGER = PARTIES.admin, PARTIES.stranger
OTHERS = {
    body: [other.address for other in ascending(f"another member of the {body}", 3)]
    for body in ("committee", "panel")
}


def change(market: Market, function: str, *arguments: Any) -> TxReceipt:
    return market.node.send(ADMIN, market.rules.get_function_by_name(function)(*arguments))


def rotate(market: Market, body: str) -> None:
    """Put others into office and let them take it."""
    office = market.committee if body == "committee" else market.panel
    market.node.send(ADMIN, office.functions.scheduleRotation(OTHERS[body], 2))
    _, effective_at = market.node.call(office.functions.scheduled())
    TradeBuilder(market).wait_until(effective_at)


def change_everything(market: Market) -> None:
    change(market, "setFee", 1_000, STRANGER.address)
    change(market, "setReview", 10**6, 60)
    change(market, "setReviewShift", NATIVE, 1)
    change(market, "pauseRequests", True)
    rotate(market, "committee")
    rotate(market, "panel")


LONG = replace(WINDOWS, **dict.fromkeys(WINDOWS.as_message(), 2**24 - 1))


def test_a_trade_ends_by_the_rules_of_its_request(market: Market) -> None:
    trade = TradeBuilder(market, windows=LONG).advance_to(State.REQUESTED)
    change_everything(market)
    trade.accept()
    trade.report_data()
    trade.fail()
    trade.attempt()
    trade.settle_in_time()
    paid = credits_of(market)
    assert trade.status.windows == LONG
    assert paid[PARTIES.treasury.address] == trade.protocol_fee
    parts = trade.price - trade.protocol_fee
    assert trade.protocol_fee == parts * FEE_BPS // 10_000
    assert STRANGER.address not in paid


def test_new_members_do_not_judge_old_trades(market: Market) -> None:
    trade = TradeBuilder(market, windows=LONG).advance_to(State.FUNDED)
    rotate(market, "committee")
    with refused("AgreementMismatch", *mismatch(trade)):
        trade.report_data(judges=market.current_committee())
    trade.report_data()


def mismatch(trade: TradeBuilder) -> tuple[bytes, bytes]:
    """Return the digest that the new committee makes, and the one that was agreed."""
    agreed = trade.agreement
    digests = (trade.market.in_force().committee, trade.request.committee)
    wrong, right = (agreed_digest(one, agreed.deal, agreed.supplies) for one in digests)
    return wrong, right


CHANGES: dict[str, Callable[[Market], object]] = {
    "feeBps": lambda market: change(market, "setFee", FEE_BPS + 1, PARTIES.treasury.address),
    "treasury": lambda market: change(market, "setFee", FEE_BPS, STRANGER.address),
    "committee": lambda market: rotate(market, "committee"),
    "panel": lambda market: rotate(market, "panel"),
}


@pytest.mark.parametrize("rule", CHANGES)
def test_a_rule_changed_between_signing_and_mining_is_noticed(market: Market, rule: str) -> None:
    trade = TradeBuilder(market)
    CHANGES[rule](market)
    with refused("RuleChanged", rule):
        trade.ask()
    TradeBuilder(market).ask()  # which names the new one


@pytest.mark.parametrize("missing", ["committee", "panel"])
def test_without_committee_and_panel_nothing_can_be_requested(market: Market, missing: str) -> None:
    node, rules = market.node, market.rules.functions
    authority = node.call(rules.authority())
    terms = (NATIVE, 0, 1, UNBONDING_DELAY, STRANGER.address)
    offices = dict(
        zip(("committee", "panel"), deploy_offices(node, ADMIN, authority, terms), strict=True)
    )
    addresses = [office.address for office in offices.values()]
    there = "panel" if missing == "committee" else "committee"
    node.send(ADMIN, offices[there].functions.scheduleRotation(OTHERS[there], 2))
    empty = node.deploy(
        ADMIN, "MarketRules", authority, *addresses, FEE_BPS, PARTIES.treasury.address, 0, 255, 0
    )
    elsewhere = node.deploy(
        ADMIN, "ModelMarket", empty.address, market.registry.address, ADMIN.address
    )
    digest = bytes(node.call(offices[there].functions.currentDigest()))
    request = replace(TradeBuilder(market).request, **{missing: bytes(32), there: digest})
    with refused("NotBacked", offices[missing].address):
        Market(node, elsewhere.address).send(PARTIES.buyer, "requestModel", request)


# ------------------------------------------------------------------------- the review


def test_the_review_grows_with_the_value_at_stake(market: Market) -> None:
    change(market, "setReview", 1_000, 10)  # a second more for each 1,024 units
    needed = 1_000 + 10**6 // 1_024
    assert market.review_of(NATIVE, 10**6) == needed

    def asked(review: int) -> TradeBuilder:
        return TradeBuilder(market, budget=10**6, windows=replace(WINDOWS, review=review))

    with refused("ReviewTooShort", needed - 1, needed):
        asked(needed - 1).ask()
    asked(needed).ask()


@pytest.mark.parametrize("currency", ["token"], indirect=True)
def test_a_currency_of_few_decimals_has_its_own_measure(market: Market, currency: str) -> None:
    token = currency
    change(market, "setReview", 1_000, 51)
    budget = 50_000 * 10**6  # of six decimals: for the shift that fits eighteen it is nothing
    assert market.review_of(token, budget) == 1_000
    change(market, "setReviewShift", token, 21)
    needed = 1_000 + budget // 2**21
    assert market.review_of(token, budget) == needed
    assert market.review_of(NATIVE, budget) == 1_000

    def asked(review: int) -> TradeBuilder:
        windows = replace(WINDOWS, review=review)
        return TradeBuilder(market, currency=token, budget=budget, windows=windows)

    with refused("ReviewTooShort", needed - 1, needed):
        asked(needed - 1).ask()
    asked(needed).ask()


# ------------------------------------------------------------------------- the pause


def test_a_pause_stops_requests_and_nothing_else(market: Market) -> None:
    requested = TradeBuilder(market, salt="requested").advance_to(State.REQUESTED)
    trade = TradeBuilder(market).advance_to(State.FUNDED)
    change(market, "pauseRequests", True)
    with refused("RequestsArePaused"):
        TradeBuilder(market, salt="later").ask()
    requested.accept()
    trade.report_data()
    market.send(PARTIES.providers[0], "withdraw", NATIVE, STRANGER.address)
    trade.attempt()
    trade.dispute()
    trade.rule(overturned=False)
    trade.settle_in_time()
    market.send(PARTIES.broker, "withdraw", NATIVE, PARTIES.broker.address)
    change(market, "pauseRequests", False)
    TradeBuilder(market, salt="later").ask()


def test_a_pause_blocks_no_refund(market: Market) -> None:
    trade = TradeBuilder(market).advance_to(State.FUNDED)
    change(market, "pauseRequests", True)
    trade.lapse()
    trade.time_out_delivery()
    assert credits_of(market) == {PARTIES.buyer.address: trade.price}
    market.send(PARTIES.buyer, "withdraw", NATIVE, STRANGER.address)
    assert credits_of(market) == {}


# ------------------------------------------------------------------------- the fee


def test_there_may_be_no_fee(market: Market) -> None:
    change(market, "setFee", 0, PARTIES.treasury.address)
    trade = TradeBuilder(market).advance_to(State.SETTLED)
    assert trade.protocol_fee == 0
    assert PARTIES.treasury.address not in credits_of(market)


@pytest.mark.parametrize(
    ("fee", "treasury", "error", "values"),
    [
        (1_001, STRANGER.address, "FeeTooHigh", [1_001]),
        (1_000, NATIVE, "ZeroTreasury", []),
    ],
)
def test_fees_are_bounded_and_need_a_receiver(
    market: Market, fee: int, treasury: str, error: str, values: list[int]
) -> None:
    with refused(error, *values):
        change(market, "setFee", fee, treasury)
    offices = (market.committee.address, market.panel.address)
    authority = market.node.call(market.rules.functions.authority())
    with refused(error, *values):
        market.node.deploy(ADMIN, "MarketRules", authority, *offices, fee, treasury, 0, 255, 0)
    change(market, "setFee", 1_000, STRANGER.address)


# ------------------------------------------------------------------ nobody's market


def test_the_market_answers_to_nobody(market: Market) -> None:
    changing = {
        item["name"]
        for item in market.contract.abi
        if item["type"] == "function" and item["stateMutability"] not in ("view", "pure")
    }
    of_the_parties = {"requestModel", "acceptQuote", "declineQuote", "recordDelivery"}
    with_signatures = {"reportData", "reportAttempt", "attestAudit", "withdrawFor"}
    of_everyone = {"settle", "openDecidingScores", "expire", "timeoutDelivery", "timeoutTraining"}
    of_the_arbiter = {"dispute", "rule"}
    expected = of_the_parties | with_signatures | of_everyone | of_the_arbiter
    of_the_ledger = {"withdraw", "openAccounts"}
    assert changing == expected | of_the_ledger | {"resume"}  # a new one needs tests of its own


def test_who_changes_the_rules_has_no_way_to_the_money(market: Market) -> None:
    trade = TradeBuilder(market).advance_to(State.PASSED)
    with refused("NothingToWithdraw", ADMIN.address, NATIVE):
        market.send(ADMIN, "withdraw", NATIVE, ADMIN.address)
    for call in (trade.dispute, lambda sender: trade.rule(True, sender=sender)):
        with refused("NotAllowed", ADMIN.address, PARTIES.arbiter.address):
            call(sender=ADMIN)


def test_views_of_an_unknown_trade_are_empty(market: Market, trade: TradeBuilder) -> None:
    assert trade.status.state == State.NONE
    assert not any(trade.status.windows.as_message().values())
    assert market.view("digestOf", trade.id) == bytes(32)
    assert market.view("deliveryOf", trade.id, STRANGER.address) == 0


def test_no_trade_outlasts_the_stakes_behind_its_committee(market: Market) -> None:
    longest = replace(WINDOWS, **dict.fromkeys(WINDOWS.as_message(), LONGEST_WINDOW))

    def asked(attempts: int) -> TradeBuilder:
        return TradeBuilder(market, max_attempts=attempts, windows=longest)

    # Six clocks, two for each attempt, the ruling, and a day to send a penalty.
    most = ((UNBONDING_DELAY - Terms().ruling_window - DAY) // LONGEST_WINDOW - 6) // 2
    asked(most).advance_to(State.REQUESTED)
    longest_asked = (8 + 2 * most) * LONGEST_WINDOW + Terms().ruling_window + DAY
    with refused("TradeTooLong", longest_asked, UNBONDING_DELAY):
        asked(most + 1).ask()
