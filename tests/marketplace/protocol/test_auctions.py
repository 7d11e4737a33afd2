"""The reference of sealed-bid tenders: its prices, and why they are second prices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.auctions import Award, Bid, award, seized_bonds
from marketplace.protocol.tenders import PricingRule

SECOND, FIRST = PricingRule.SECOND_PRICE, PricingRule.FIRST_PRICE
RESERVE = 100
PRICES = st.integers(0, 120)
OTHERS = st.lists(st.none() | PRICES, max_size=5)


def bids_of(*prices: int | None) -> list[Bid]:
    return [Bid(f"bidder {number}", price) for number, price in enumerate(prices)]


@pytest.mark.parametrize(
    ("prices", "rule", "winner", "price"),
    [
        ([50, 30, 40], SECOND, 1, 40),
        ([50, 30, 40], FIRST, 1, 30),
        ([30], SECOND, 0, RESERVE),
        ([30, 101], SECOND, 0, RESERVE),
        ([30, None], SECOND, 0, RESERVE),
        ([40, 30, 30], SECOND, 1, 30),
        ([0, 0], SECOND, 0, 0),
        ([100], FIRST, 0, 100),
    ],
)
def test_known_awards(prices: list[int | None], rule: PricingRule, winner: int, price: int) -> None:
    assert award(bids_of(*prices), RESERVE, rule) == Award(f"bidder {winner}", price)


@pytest.mark.parametrize("prices", [[], [None], [101], [None, 200]])
@pytest.mark.parametrize("rule", list(PricingRule))
def test_nobody_wins_without_a_price_that_the_reserve_allows(
    prices: list[int | None], rule: PricingRule
) -> None:
    assert award(bids_of(*prices), RESERVE, rule) == Award(None, 0)


def gain(cost: int, price: int, others: list[int | None], rule: PricingRule) -> int:
    result = award([*bids_of(*others), Bid("me", price)], RESERVE, rule)
    return result.price - cost if result.winner == "me" else 0


@given(cost=PRICES, price=PRICES, others=OTHERS)
def test_under_second_price_nobody_gains_by_bidding_other_than_its_cost(
    cost: int, price: int, others: list[int | None]
) -> None:
    assert gain(cost, price, others, SECOND) <= gain(cost, cost, others, SECOND)


def test_under_first_price_one_may() -> None:
    assert gain(10, 49, [50], FIRST) > gain(10, 10, [50], FIRST)


@given(own=st.integers(0, RESERVE), others=OTHERS, rule=st.sampled_from(PricingRule))
def test_the_winner_gets_its_price_at_least_and_the_reserve_at_most(
    own: int, others: list[int | None], rule: PricingRule
) -> None:
    result = award([Bid("me", own), *bids_of(*others)], RESERVE, rule)
    if result.winner == "me":
        assert own <= result.price <= RESERVE
    else:
        assert result.price <= own


def test_only_closed_seals_lose_their_bonds() -> None:
    assert seized_bonds(bids_of(1, None, 300, None), 7) == 14
    assert seized_bonds([], 7) == 0
