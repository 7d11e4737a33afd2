"""Exact splits and how amounts are shown."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.units import even_split, in_coins, in_percent, largest_remainder

TOTALS = st.integers(0, 2**128 - 1)
WEIGHTS = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=32).filter(any)


@given(TOTALS, WEIGHTS)
def test_a_split_loses_and_invents_nothing(total: int, weights: list[int]) -> None:
    assert sum(largest_remainder(total, weights)) == total


@given(TOTALS, WEIGHTS)
def test_nobody_is_a_whole_unit_away_from_its_exact_share(total: int, weights: list[int]) -> None:
    for amount, weight in zip(largest_remainder(total, weights), weights, strict=True):
        assert abs(amount - Fraction(total * weight, sum(weights))) < 1


@given(TOTALS, WEIGHTS)
def test_zero_weight_gets_zero(total: int, weights: list[int]) -> None:
    amounts = largest_remainder(total, [*weights, 0])
    assert amounts[-1] == 0
    assert amounts[:-1] == largest_remainder(total, weights)


@given(TOTALS, WEIGHTS)
def test_more_weight_never_gets_less(total: int, weights: list[int]) -> None:
    amounts = largest_remainder(total, weights)
    for (lighter, less), (heavier, more) in zip(
        (pairs := sorted(zip(weights, amounts, strict=True))), pairs[1:], strict=False
    ):
        assert heavier == lighter or more >= less


@given(TOTALS, WEIGHTS, st.integers(1, 1000))
def test_the_scale_of_the_weights_is_irrelevant(total: int, weights: list[int], scale: int) -> None:
    scaled = [weight * scale for weight in weights]
    assert largest_remainder(total, scaled) == largest_remainder(total, weights)


@pytest.mark.parametrize(
    ("total", "weights", "amounts"),
    [
        (101, [1, 1, 1], [34, 34, 33]),  # dust goes to the first of equal remainders
        (7, [1, 1], [4, 3]),
        (1, [0, 0, 5], [0, 0, 1]),
        (2, [5, 3, 2], [1, 1, 0]),
        (0, [3, 4], [0, 0]),
    ],
)
def test_known_splits(total: int, weights: list[int], amounts: list[int]) -> None:
    assert largest_remainder(total, weights) == amounts


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, [1, -1, 1]), (1, [0, 0]), (1, [])])
def test_an_impossible_split_is_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="must"):
        largest_remainder(total, weights)


@given(TOTALS, st.integers(1, 32))
def test_an_even_split_differs_by_one_unit_at_most(total: int, count: int) -> None:
    amounts = even_split(total, count)
    assert sum(amounts) == total
    assert max(amounts) - min(amounts) <= 1
    assert amounts == sorted(amounts, reverse=True)


@pytest.mark.parametrize(
    ("wei", "shown"),
    [
        (0, "0 ETH"),
        (1, "0.000000000000000001 ETH"),
        (125 * 10**16, "1.25 ETH"),
        (3 * 10**18, "3 ETH"),
        (-5 * 10**17, "-0.5 ETH"),
    ],
)
def test_coins_are_shown_exactly(wei: int, shown: str) -> None:
    assert in_coins(wei) == shown


@given(st.integers(-(2**128), 2**128))
def test_shown_coins_can_be_read_back(wei: int) -> None:
    number, symbol = in_coins(wei, "DEV").split()
    assert symbol == "DEV"
    assert Fraction(number) * 10**18 == wei


@pytest.mark.parametrize(
    ("parts", "shown"), [(935_000, "93.5 %"), (1_000_000, "100 %"), (0, "0 %"), (1, "0.0001 %")]
)
def test_percent(parts: int, shown: str) -> None:
    assert in_percent(parts) == shown
