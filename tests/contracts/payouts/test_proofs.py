"""Payouts: every proof that is built verifies, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_utils.crypto import keccak
from expectations import refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parties import PARTIES
from payouts_builder import Deployed, PayoutsBuilder, earning, payee
from quick_chain import QuickProvider

from marketplace.protocol.earnings import Earning, Earnings, Place, build
from marketplace.protocol.units import even_split

ANNE = PARTIES.experts[0]
BUYER, RELAYER = PARTIES.buyer, PARTIES.stranger

a_few = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def all_claim(payouts: PayoutsBuilder, earnings: Earnings) -> None:
    for account, place in earnings.places.items():
        payouts.claim(place)
        assert payouts.credit(account) == place.earning.cumulative
    assert payouts.funds == (earnings.total, earnings.total, 0)


@a_few
@given(
    amounts=st.lists(st.integers(1, 2**100), min_size=1, max_size=12),
    trees=st.sampled_from([None, 1, 2, 8, 256]),
)
def test_every_proof_that_is_built_verifies(
    native_payouts: PayoutsBuilder, deployed: Deployed, amounts: list[int], trees: int | None
) -> None:
    provider = native_payouts.node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        payouts = native_payouts.using(deployed.token, allowed=2**128)
        mint = deployed.token.functions.mint(BUYER.address, 2**104)
        payouts.node.send(BUYER, mint)
        all_claim(payouts, payouts.pay({payee(n): a for n, a in enumerate(amounts)}, trees))


def test_payee_number_101_and_all_others_are_paid_to_the_last_unit(
    native_payouts: PayoutsBuilder,
) -> None:
    shares = even_split(1_000_003, 150)  # leaves a remainder that somebody gets
    earnings = native_payouts.pay({payee(number): share for number, share in enumerate(shares)})
    all_claim(native_payouts, earnings)
    assert native_payouts.held() == 1_000_003


@a_few
@given(data=st.data())
def test_a_tampered_leaf_or_proof_fails(
    native_payouts: PayoutsBuilder, data: st.DataObject
) -> None:
    provider = native_payouts.node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        amounts = {payee(number): 10 + number for number in range(9)}
        earnings = native_payouts.pay(amounts, trees=2)
        place = data.draw(st.sampled_from(list(earnings.places.values())))
        tampered = data.draw(st.sampled_from(TAMPERINGS))(place, data)
        with refused("InvalidProof", tampered.earning.account, tampered.earning.cumulative):
            native_payouts.claim(tampered)


def other_account(place: Place, data: st.DataObject) -> Place:
    return replace(place, earning=replace(place.earning, account=RELAYER.address))


def other_amount(place: Place, data: st.DataObject) -> Place:
    amount = data.draw(st.integers(1, 2**128 - 1).filter(lambda n: n != place.earning.cumulative))
    return replace(place, earning=replace(place.earning, cumulative=amount))


def other_salt(place: Place, data: st.DataObject) -> Place:
    salt = data.draw(st.binary(min_size=16, max_size=16).filter(any))
    return replace(place, earning=replace(place.earning, salt=salt))


def flipped_bit(place: Place, data: st.DataObject) -> Place:
    at = data.draw(st.integers(0, len(place.proof) - 1))
    bit = 1 << data.draw(st.integers(0, 255))
    node = (int.from_bytes(place.proof[at]) ^ bit).to_bytes(32)
    return replace(place, proof=(*place.proof[:at], node, *place.proof[at + 1 :]))


def shorter(place: Place, data: st.DataObject) -> Place:
    return replace(place, proof=place.proof[:-1])


def longer(place: Place, data: st.DataObject) -> Place:
    return replace(place, proof=(*place.proof, data.draw(st.binary(min_size=32, max_size=32))))


TAMPERINGS = [other_account, other_amount, other_salt, flipped_bit, shorter, longer]


@a_few
@given(salt=st.binary(min_size=16, max_size=16).filter(any), amount=st.integers(1, 2**128 - 1))
def test_a_leaf_has_one_hash(native_payouts: PayoutsBuilder, salt: bytes, amount: int) -> None:
    made = Earning(ANNE.address, amount, salt)
    assert native_payouts.view("leafOf", made.as_tuple()) == made.leaf


@pytest.mark.parametrize("hashed", [0, 1])
def test_a_leaf_counts_only_if_hashed_twice(native_payouts: PayoutsBuilder, hashed: int) -> None:
    """A tree over leaves hashed less often is no tree, so that no inner node is a leaf."""
    made = earning(ANNE.address, 100)
    payload = (
        bytes(12) + bytes.fromhex(ANNE.address[2:]) + (100).to_bytes(32) + made.salt + bytes(16)
    )
    assert keccak(keccak(payload)) == made.leaf
    root = keccak(payload) if hashed else payload[:32]
    native_payouts.deposit(100)
    distribution = native_payouts.distribution(build([made], 100), roots=(root,))
    native_payouts.propose(distribution)
    native_payouts.pass_delay()
    native_payouts.activate()
    with refused("InvalidProof", ANNE.address, 100):
        native_payouts.claim(Place(made, ()))
