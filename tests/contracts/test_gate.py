"""The gate in the report on the data: its weights are whole, its experts hold no other role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from expectations import refused
from parties import PARTIES
from trade_builder import TradeBuilder
from web3.types import TxReceipt

from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE

WHOLE = 1_000_000


@pytest.fixture
def funded(trade: TradeBuilder) -> TradeBuilder:
    return trade.advance_to(State.FUNDED)


def gate(
    trade: TradeBuilder, experts: Sequence[str], weights: Sequence[int], accepted: int = 0b111
) -> TxReceipt:
    """Report all data delivered, and these experts and weights."""
    finding = trade.data_finding(accepted)
    finding = replace(finding, experts=tuple(experts), weights=tuple(weights))
    return trade.report_data(finding=finding)


def test_one_expert_may_do_it_all(funded: TradeBuilder) -> None:
    gate(funded, funded.experts[:1], [WHOLE])
    assert funded.status.state == State.GATED


def test_the_broker_may_train_as_well(funded: TradeBuilder) -> None:
    gate(funded, [PARTIES.broker.address], [WHOLE])
    assert funded.status.state == State.GATED


@pytest.mark.parametrize(
    ("weights", "sum_shown"),
    [
        ((WHOLE - 1, 0), 0),  # a weight of zero is named as such, whatever the sum
        ((0, WHOLE), 0),
        ((WHOLE - 1, 2), WHOLE + 1),
        ((WHOLE - 2, 1), WHOLE - 1),
        ((2**32 - 1, 2**32 - 1), 2**33 - 2),
        ((2**32 - 1, WHOLE + 1), 2**32 + WHOLE),  # 2**32 + 10**6: would be whole in 32 bits
    ],
)
def test_weights_are_positive_and_whole(
    funded: TradeBuilder, weights: tuple[int, ...], sum_shown: int
) -> None:
    with refused("WeightsMismatch", sum_shown):
        gate(funded, funded.experts[:2], weights)


def test_a_gate_without_experts_is_refused(funded: TradeBuilder) -> None:
    with refused("WeightsMismatch", 0):
        gate(funded, [], [])


def test_each_expert_has_one_weight(funded: TradeBuilder) -> None:
    for count in (1, 3):
        with refused("LengthMismatch", count, 2):
            gate(funded, funded.experts[:2], [1] * count)


def test_thirty_two_experts_are_the_most(funded: TradeBuilder) -> None:
    with refused("TooMany", 33, 32):
        gate(funded, [funded.experts[0]] * 33, [1] * 33)


def test_experts_ascend_and_are_distinct(funded: TradeBuilder) -> None:
    first, second = funded.experts[:2]
    with refused("NotAscending", second, first):
        gate(funded, [second, first], [WHOLE // 2] * 2)
    with refused("NotAscending", first, first):
        gate(funded, [first, first], [WHOLE // 2] * 2)
    with refused("NotAscending", NATIVE, NATIVE):
        gate(funded, [NATIVE], [WHOLE])


@pytest.mark.parametrize("role", ["buyer", "auditor"])
def test_buyer_and_auditor_train_nothing(funded: TradeBuilder, role: str) -> None:
    account = getattr(PARTIES, role).address
    with refused("ConflictOfRoles", account, account):
        gate(funded, [account], [WHOLE])


@pytest.mark.parametrize("position", range(3))
def test_no_provider_is_an_expert_wherever_it_stands_in_the_lists(
    funded: TradeBuilder, position: int
) -> None:
    provider = funded.data_quotes[position].provider
    everyone = sorted([*funded.experts[:4], provider], key=lambda each: int(each, 16))
    with refused("ConflictOfRoles", provider, provider):
        gate(funded, everyone, [WHOLE // 5] * 5)


def test_a_dropped_provider_is_no_expert_either(funded: TradeBuilder) -> None:
    dropped = funded.data_quotes[1].provider
    with refused("ConflictOfRoles", dropped, dropped):
        gate(funded, [dropped], [WHOLE], accepted=0b101)
