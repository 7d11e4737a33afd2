"""Step 6: the gate's weights are whole, and nobody holds two roles that conflict."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from expectations import only_event, quorum_refused, refused, refused_for_one_of
from parties import PARTIES
from trade_builder import TradeBuilder
from trade_terms import commitment

from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE, GateReport

WHOLE = 1_000_000


@pytest.fixture
def delivered(trade: TradeBuilder) -> TradeBuilder:
    return trade.advance_to(State.DATA_DELIVERED)


def test_the_gate_is_committed(delivered: TradeBuilder) -> None:
    experts, weights = list(delivered.experts), list(delivered.weights)
    report = GateReport(
        delivered.id, 1, delivered.experts, delivered.weights, commitment("gate manifest")
    )
    said = only_event(delivered.market, delivered.gate(), "GateCommitted")
    assert said == {
        "tradeId": delivered.id,
        "experts": experts,
        "weights": weights,
        "evidence": report.evidence,
        "signatures": delivered.quorum(report),
    }
    record = delivered.record
    assert record.state == State.GATED
    assert record.deadline == delivered.market.node.now() + delivered.request.windows.attempt
    assert record.gate == keccak(encode(["address[]", "uint32[]"], [experts, weights]))


def test_one_expert_may_do_it_all(delivered: TradeBuilder) -> None:
    delivered.gate(experts=delivered.experts[:1], weights=[WHOLE])
    assert delivered.record.state == State.GATED


def test_the_broker_may_train_as_well(delivered: TradeBuilder) -> None:
    delivered.gate(experts=[PARTIES.broker.address], weights=[WHOLE])
    assert delivered.record.state == State.GATED


def test_a_late_gate_is_refused(delivered: TradeBuilder) -> None:
    delivered.lapse()
    with refused("DeadlinePassed", delivered.record.deadline):
        delivered.gate()


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
    delivered: TradeBuilder, weights: tuple[int, ...], sum_shown: int
) -> None:
    with refused("WeightsMismatch", sum_shown):
        delivered.gate(experts=delivered.experts[:2], weights=weights)


def test_a_gate_without_experts_is_refused(delivered: TradeBuilder) -> None:
    with refused("WeightsMismatch", 0):
        delivered.gate(experts=[], weights=[])


def test_each_expert_has_one_weight(delivered: TradeBuilder) -> None:
    for count in (1, 3):
        with refused("LengthMismatch", count, 2):
            delivered.gate(experts=delivered.experts[:2], weights=[1] * count)


def test_thirty_two_experts_are_the_most(delivered: TradeBuilder) -> None:
    with refused("TooMany", 33, 32):
        delivered.gate(experts=[delivered.experts[0]] * 33, weights=[1] * 33)


def test_experts_ascend_and_are_distinct(delivered: TradeBuilder) -> None:
    first, second = delivered.experts[:2]
    with refused("NotAscending", second, first):
        delivered.gate(experts=[second, first], weights=[WHOLE // 2] * 2)
    with refused("NotAscending", first, first):
        delivered.gate(experts=[first, first], weights=[WHOLE // 2] * 2)
    with refused("NotAscending", NATIVE, NATIVE):
        delivered.gate(experts=[NATIVE], weights=[WHOLE])


@pytest.mark.parametrize("role", ["buyer", "auditor"])
def test_buyer_and_auditor_train_nothing(delivered: TradeBuilder, role: str) -> None:
    account = getattr(PARTIES, role).address
    with refused("ConflictOfRoles", account):
        delivered.gate(experts=[account], weights=[WHOLE])


@pytest.mark.parametrize("position", range(3))
def test_no_provider_is_an_expert_wherever_it_stands_in_the_lists(
    delivered: TradeBuilder, position: int
) -> None:
    provider = delivered.data_quotes[position].provider
    everyone = sorted([*delivered.experts[:4], provider], key=lambda each: int(each, 16))
    with refused("ConflictOfRoles", provider):
        delivered.gate(experts=everyone, weights=[WHOLE // 5] * 5)


def test_a_dropped_provider_is_no_expert_either(trade: TradeBuilder) -> None:
    trade.advance_to(State.FUNDED).deliver(accepted=0b101)
    dropped = trade.data_quotes[1].provider
    with refused("ConflictOfRoles", dropped):
        trade.gate(experts=[dropped], weights=[WHOLE])


def test_a_provider_can_not_be_left_out_of_the_list(delivered: TradeBuilder) -> None:
    first, *others = delivered.data_quotes
    for quotes in (others, [], [replace(first, provider=NATIVE), *others]):
        with refused_for_one_of("QuotesMismatch"):
            delivered.gate(quotes=quotes, experts=[first.provider], weights=[WHOLE])


def test_what_was_signed_is_what_is_posted(delivered: TradeBuilder) -> None:
    experts, weights = delivered.experts, delivered.weights
    swapped = (weights[1], weights[0], *weights[2:])
    for signed in (
        GateReport(delivered.id, 1, experts, swapped, commitment("gate manifest")),
        GateReport(delivered.id, 1, experts, weights, commitment("another manifest")),
        GateReport(delivered.id, 2, experts, weights, commitment("gate manifest")),
        GateReport(commitment("another"), 1, experts, weights, commitment("gate manifest")),
    ):
        with quorum_refused():
            delivered.gate(signatures=delivered.quorum(signed))
