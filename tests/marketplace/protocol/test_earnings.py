"""Trees over earnings: every proof leads home, nothing else does, and sums are exact."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.earnings import (
    MAX_TREES,
    Earning,
    Earnings,
    build,
    check_succession,
    default_trees,
    root_of,
)
from marketplace.protocol.errors import ProtocolError

AMOUNTS = st.lists(st.integers(1, 2**100), min_size=1, max_size=40)
TREES = st.sampled_from([None, 1, 2, 16, 256])


def account(number: int) -> str:
    return to_checksum_address(keccak(text=f"account {number}")[:20])


def entries(amounts: list[int]) -> list[Earning]:
    return [
        Earning(account(number), amount, keccak(text=f"salt {number}")[:16])
        for number, amount in enumerate(amounts)
    ]


def built(amounts: list[int], trees: int | None = None) -> Earnings:
    return build(entries(amounts), sum(amounts), trees)


def tree_of(leaf: bytes, trees: int) -> int:
    return int.from_bytes(leaf) >> 256 - (trees.bit_length() - 1)


@given(amounts=AMOUNTS, trees=TREES)
def test_every_proof_leads_to_the_root_that_the_leaf_names(
    amounts: list[int], trees: int | None
) -> None:
    earnings = built(amounts, trees)
    assert len(earnings.places) == len(amounts)
    assert earnings.total == sum(amounts)
    for place in earnings.places.values():
        leaf = place.earning.leaf
        assert root_of(leaf, place.proof) == earnings.roots[tree_of(leaf, len(earnings.roots))]


@given(amounts=AMOUNTS, trees=TREES, data=st.data())
def test_the_order_of_the_earnings_changes_nothing(
    amounts: list[int], trees: int | None, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(entries(amounts)))
    assert build(shuffled, sum(amounts), trees) == built(amounts, trees)


@given(amounts=AMOUNTS, trees=TREES, data=st.data())
def test_no_inner_node_is_a_leaf_and_no_other_leaf_leads_home(
    amounts: list[int], trees: int | None, data: st.DataObject
) -> None:
    earnings = built(amounts, trees)
    place = data.draw(st.sampled_from(list(earnings.places.values())))
    forged = replace(place.earning, cumulative=place.earning.cumulative + 1)
    leaves = {each.earning.leaf for each in earnings.places.values()}
    node, inner = place.earning.leaf, set()
    for sibling in place.proof:
        node = keccak(min(node, sibling) + max(node, sibling))
        inner.add(node)
    assert not inner & leaves
    assert forged.leaf not in leaves
    assert root_of(forged.leaf, place.proof) not in earnings.roots


def test_trees_without_leaves_have_a_zero_root() -> None:
    roots = built([1], 4).roots
    assert sorted(roots)[:3] == [bytes(32)] * 3


def test_proofs_are_as_short_as_a_balanced_tree_allows() -> None:
    lengths = {len(place.proof) for place in built([1] * 1_000, 1).places.values()}
    assert lengths == {9, 10}
    assert max(len(place.proof) for place in built([1] * 1_000).places.values()) <= 6


@pytest.mark.parametrize(
    ("payees", "trees"),
    [(1, 1), (40, 1), (41, 2), (160, 4), (161, 8), (10_000, 256), (10**6, MAX_TREES)],
)
def test_trees_double_until_forty_payees_share_one(payees: int, trees: int) -> None:
    assert default_trees(payees) == trees


def test_a_known_tree() -> None:
    one, other = (entry.leaf for entry in entries([5, 7]))
    assert built([5, 7]).roots == (keccak(min(one, other) + max(one, other)),)
    assert built([5]).roots == (entries([5])[0].leaf,)


@pytest.mark.parametrize("total", [0, 11, 13])
def test_the_sum_is_the_total_to_the_last_unit(total: int) -> None:
    with pytest.raises(ProtocolError, match=f"sum to 12, not to {total}"):
        build(entries([5, 7]), total)


def test_an_account_occurs_once() -> None:
    twice = [*entries([5, 7]), replace(entries([5])[0], salt=b"\x01" * 16)]
    with pytest.raises(ProtocolError, match="occurs twice"):
        build(twice, 17)


def test_no_earnings_are_no_distribution() -> None:
    with pytest.raises(ProtocolError, match="no earnings"):
        build([], 0)


@pytest.mark.parametrize("trees", [0, 3, 255, 512, -1])
def test_trees_are_a_power_of_two(trees: int) -> None:
    with pytest.raises(ProtocolError, match="power of two"):
        built([5], trees)


@pytest.mark.parametrize(
    "member",
    [
        {"cumulative": 0},
        {"cumulative": -1},
        {"cumulative": 2**128},
        {"salt": bytes(16)},
        {"salt": b"\x01" * 15},
        {"salt": b"\x01" * 32},
        {"account": "0x" + "0" * 40},
        {"account": "nobody"},
    ],
)
def test_an_unusable_earning_is_refused(member: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        replace(entries([5])[0], **member)  # type: ignore[arg-type]  # wrong on purpose


def test_the_case_of_an_address_does_not_matter() -> None:
    one = entries([5])[0]
    assert replace(one, account=one.account.lower()) == one


def test_cumulative_amounts_never_fall() -> None:
    before = built([5, 7])
    check_succession(before, built([5, 7, 1]))
    for after in (built([5, 6, 100]), built([100])):
        with pytest.raises(ProtocolError, match="had earned 7"):
            check_succession(before, after)
