"""Solidity and Python divide alike, to the unit."""

from __future__ import annotations

import pytest
from deploying import TestContracts
from expectations import refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parties import PARTIES, ascending
from web3.contract import Contract

from marketplace.chain.market import Market
from marketplace.protocol.units import largest_remainder

PAYEES = [payee.address for payee in ascending("payee", 32)]
TOTALS = st.one_of(st.integers(0, 100), st.integers(0, 2**128 - 1))
WEIGHTS = st.one_of(
    st.lists(st.integers(0, 3), min_size=1, max_size=32),  # many equal remainders
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=32),
).filter(any)


@pytest.fixture
def splitter(test_contracts: TestContracts) -> Contract:
    return test_contracts.deploy("Splitter")


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(total=TOTALS, weights=WEIGHTS)
def test_equal_for_random_amounts_and_weights(
    splitter: Contract, total: int, weights: list[int]
) -> None:
    payees = PAYEES[: len(weights)]
    amounts = splitter.functions.split(total, payees, weights).call()
    assert amounts == largest_remainder(total, weights)


@pytest.mark.parametrize("weights", [[], [0], [0, 0, 0]])
def test_without_weights_there_is_nothing_to_divide_by(
    market: Market, splitter: Contract, weights: list[int]
) -> None:
    with refused("NoWeights"):
        market.node.call(splitter.functions.split(5, PAYEES[: len(weights)], weights))


def test_the_largest_split_fits_a_block(splitter: Contract) -> None:
    total, weights = 2**128 - 1, [2**32 - 1 - number for number in range(32)]
    call = splitter.functions.split(total, PAYEES, weights)
    assert call.call({"from": PARTIES.stranger.address, "gas": 1_000_000}) == largest_remainder(
        total, weights
    )
