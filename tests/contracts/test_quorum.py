"""Who makes a quorum: seats in a bitmap, compact signatures back to back, one for each seat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from deploying import TestContracts
from eth_utils.crypto import keccak
from expectations import refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from office import MEMBERS, Packed, bitmap, compact, fresh_chain, quorum
from parties import PARTIES
from web3.contract import Contract

from marketplace.chain.client import Node

DIGEST = keccak(text="what is signed")
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
LOADING_AND_LOOP_GAS = 1_000
"""What the library may add to the 3,000 gas of each recovery."""


@pytest.fixture
def harness(node: Node, request: pytest.FixtureRequest) -> Iterator[Contract]:
    with fresh_chain(node):
        cache = request.config.cache.mkdir("test-contracts")
        yield TestContracts(node, cache).deploy("QuorumHarness")


def packed(size: int, threshold: int) -> Packed:
    return 1, threshold, [member.address for member in MEMBERS[:size]]


def verified(
    node: Node, harness: Contract, committee: Packed, signers: int, signatures: bytes
) -> tuple[int, int]:
    call = harness.functions.verifySame(committee, signers, DIGEST, signatures)
    count, gas = node.call(call)
    return count, gas


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_any_majority_of_any_committee_is_a_quorum(
    node: Node, harness: Contract, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, 16))
    threshold = data.draw(st.integers(size // 2 + 1, size))
    seats = sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=threshold, max_size=size)))
    signers, signatures = quorum(MEMBERS, seats, DIGEST)
    count, _ = verified(node, harness, packed(size, threshold), signers, signatures)
    assert count == len(seats)


@pytest.mark.parametrize("seats", [[0, 1], [0, 2], [1, 2], [0, 1, 2]])
def test_each_signer_may_sign_a_digest_of_its_own(
    node: Node, harness: Contract, seats: Sequence[int]
) -> None:
    digests = [keccak(text=f"seat {seat}") for seat in seats]
    signatures = b"".join(
        compact(MEMBERS[seat], digest) for seat, digest in zip(seats, digests, strict=True)
    )
    call = harness.functions.verifyEach(packed(3, 2), bitmap(seats), digests, signatures)
    assert node.call(call)[0] == len(seats)

    swapped = harness.functions.verifyEach(packed(3, 2), bitmap(seats), digests[::-1], signatures)
    with refused("BadSeatSignature", seats[0], MEMBERS[seats[0]].address):
        node.call(swapped)


def test_one_short_of_the_threshold_is_no_quorum(node: Node, harness: Contract) -> None:
    signers, signatures = quorum(MEMBERS, range(8), DIGEST)
    with refused("QuorumNotReached", 8, 9):
        verified(node, harness, packed(16, 9), signers, signatures)
    signers, signatures = quorum(MEMBERS, range(9), DIGEST)
    assert verified(node, harness, packed(16, 9), signers, signatures)[0] == 9


@pytest.mark.parametrize("committee", [packed(3, 2), packed(3, 0), packed(0, 0)])
def test_nobody_is_never_a_quorum(node: Node, harness: Contract, committee: Packed) -> None:
    with refused("QuorumNotReached", 0, committee[1]):
        verified(node, harness, committee, 0, b"")


@pytest.mark.parametrize("seat", [3, 15])
def test_a_seat_that_does_not_exist_is_refused(node: Node, harness: Contract, seat: int) -> None:
    signers, signatures = quorum(MEMBERS, [0, 1, seat], DIGEST)
    with refused("NoSuchSeat", signers, 3):
        verified(node, harness, packed(3, 2), signers, signatures)


@pytest.mark.parametrize("change", [-64, -1, 1, 64])
def test_signatures_are_as_many_as_signers(node: Node, harness: Contract, change: int) -> None:
    signers, signatures = quorum(MEMBERS, [0, 2], DIGEST)
    changed = (signatures + bytes(64))[: len(signatures) + change]
    with refused("SignaturesLengthMismatch", 128 + change, 128):
        verified(node, harness, packed(3, 2), signers, changed)


@pytest.mark.parametrize("position", [0, 1])
def test_a_signature_counts_for_its_own_seat_only(
    node: Node, harness: Contract, position: int
) -> None:
    """Not another member's, not a stranger's, not the same one twice."""
    signed = [compact(MEMBERS[seat], DIGEST) for seat in (0, 2)]
    seat = (0, 2)[position]
    for other in (MEMBERS[1], PARTIES.stranger, MEMBERS[2 - seat]):
        signatures = list(signed)
        signatures[position] = compact(other, DIGEST)
        with refused("BadSeatSignature", seat, MEMBERS[seat].address):
            verified(node, harness, packed(3, 2), bitmap([0, 2]), b"".join(signatures))


def test_signatures_are_in_the_order_of_the_seats(node: Node, harness: Contract) -> None:
    swapped = compact(MEMBERS[2], DIGEST) + compact(MEMBERS[0], DIGEST)
    with refused("BadSeatSignature", 0, MEMBERS[0].address):
        verified(node, harness, packed(3, 2), bitmap([0, 2]), swapped)


def test_a_signature_over_another_digest_is_refused(node: Node, harness: Contract) -> None:
    signers, signatures = quorum(MEMBERS, [0, 1], keccak(text="something else"))
    with refused("BadSeatSignature", 0, MEMBERS[0].address):
        verified(node, harness, packed(3, 2), signers, signatures)


def test_a_signature_that_recovers_to_nobody_is_not_the_zero_member_s(
    node: Node, harness: Contract
) -> None:
    nobody = "0x" + "00" * 20
    with refused("BadSeatSignature", 0, nobody):
        verified(node, harness, (1, 1, [nobody]), 1, bytes(64))


def test_the_malleable_twin_of_a_signature_is_refused(node: Node, harness: Contract) -> None:
    """A compact signature has no room for a high s: its top bit is the parity."""
    signed = PARTIES.signers[0].unsafe_sign_hash(DIGEST)
    member = PARTIES.signers[0].address
    order = 2 * HALF_ORDER + 1
    twin = signed.r.to_bytes(32, "big") + (order - signed.s).to_bytes(32, "big")
    with refused("BadSeatSignature", 0, member):
        verified(node, harness, (1, 1, [member]), 1, twin)


def test_a_further_signature_costs_little_more_than_its_recovery(
    node: Node, harness: Contract
) -> None:
    gas = []
    for count in (9, 16):
        signers, signatures = quorum(MEMBERS, range(count), DIGEST)
        gas.append(verified(node, harness, packed(16, 9), signers, signatures)[1])
    assert (gas[1] - gas[0]) / 7 < 3_000 + LOADING_AND_LOOP_GAS
